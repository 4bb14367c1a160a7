// chain-sync.mjs: the first sync of a registry: the real keeper beside a plain viem loop (peers/viem-sync.mjs), on the same
// anvil, each through a proxy that counts. Prints Markdown rows; medians. GATEPOST_BUILD: an optimised build.
//
// Ours proves, replays, checks every signature and writes the database. Images are no part of it: the only source accepts
// connections and says nothing. It ends when every release was judged and the keeper has nothing more to do. The viem loop believes
// its node.
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startAnvil } from '../support/anvil.mjs'
import { startCountProxy } from '../support/count-proxy.mjs'
import { makeConfig, startGateway } from '../support/gateway.mjs'
import { makeHistory } from '../support/history.mjs'
import { run } from '../support/process.mjs'
import { deployRegistry } from '../support/registry.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const BLOCKS = 4000 // anvil's time for a block grows with their number
const CHUNK = 1000 // blocks a query of the peer
const TICKS = 100 // USER_HZ
const CASES = [{ products: 1, entries: 100 }, { products: 1, entries: 1000 }, { products: 100, entries: 10 }]
const undo = []
const t = { after: (fn) => undo.push(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** Images that nobody has. */
const imageOf = (name, sequence) => ({ cid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', bytes: Buffer.from(`${name} ${sequence}`) })

/** A source that never answers. Without one, every wanted image would fail at once, and be tried again, and be judged each time. */
const silent = createServer()
silent.listen(0, '127.0.0.1')
await once(silent, 'listening')
const sources = [{ name: 'silent', url: `http://127.0.0.1:${silent.address().port}` }]

async function usage(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ')
  const peak = /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]
  return { cpu_s: (Number(fields[11]) + Number(fields[12])) / TICKS, peak_kib: Number(peak) }
}

/** Waits until a process takes no CPU any more; its usage then. */
async function idle(pid) {
  let last = await usage(pid)
  for (;;) {
    await pause(300)
    const now = await usage(pid)
    if (now.cpu_s === last.cpu_s) return now
    last = now
  }
}

/** CPU milliseconds of a process's present threads, finer than ticks. */
async function cpuMs(pid) {
  const tasks = await readdir(`/proc/${pid}/task`)
  const times = await Promise.all(tasks.map(async (task) => Number((await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8')).split(' ')[0])))
  return times.reduce((a, b) => a + b, 0) / 1e6
}

const judgedLines = (gateway) => gateway.lines().filter((line) => / release product=/.test(line)).length

async function start({ registry, owner, made, proxy }, poll) {
  const dir = await tempDir(t)
  const conf = makeConfig({
    dir, registry: registry.address, providers: [{ name: 'one', url: proxy.url, operator: 'alpha' }], sources,
    products: Object.fromEntries(made.map(({ name }) => [name, { registrant: owner.address }])),
    chain: { poll }, gateway: { 'log-level': 'info' },
  })
  proxy.reset()
  const gateway = await startGateway(t, { dir, conf })
  const releases = made.reduce((sum, p) => sum + p.releases, 0)
  await waitFor('every release to be judged', () => judgedLines(gateway) >= releases, { deadline_ms: 300_000, every_ms: 5 })
  if (gateway.lines().some((line) => /state=rejected/.test(line))) throw new Error('a release was rejected')
  return { gateway, keeper: (await gateway.children())['gatepost-keeper'] }
}

async function ours(world) {
  const from = performance.now()
  const { gateway, keeper } = await start(world, '60s')
  const wall_ms = performance.now() - from
  const result = { ...await idle(keeper), wall_ms, ...world.proxy.counts() }
  await gateway.stop()
  return result
}

/** What one more release costs when all the others are there: they are judged again, but not checked again. */
async function oneMore(world) {
  const { gateway, keeper } = await start(world, '1s')
  const costs = []
  for (let i = 0; i < ROUNDS; i++) {
    await idle(keeper)
    const before = { cpu: await cpuMs(keeper), lines: judgedLines(gateway) }
    world.proxy.reset()
    await world.more()
    await waitFor('the release to be judged', () => judgedLines(gateway) > before.lines, { every_ms: 5 })
    await idle(keeper)
    costs.push({ cpu_ms: await cpuMs(keeper) - before.cpu, ...world.proxy.counts() })
  }
  await gateway.stop()
  return costs
}

async function theirs({ registry, made, proxy, abiFile }) {
  proxy.reset()
  const from = performance.now()
  const r = await run(process.execPath, [new URL('peers/viem-sync.mjs', import.meta.url).pathname, proxy.url, registry.address,
    String(registry.deployed.block), String(CHUNK), abiFile], { deadline_ms: 300_000 })
  if (r.code) throw new Error(r.stderr)
  const result = { ...JSON.parse(r.stdout), wall_ms: performance.now() - from, ...proxy.counts() }
  if (result.products !== made.length || result.releases !== made.reduce((sum, p) => sum + p.releases, 0)) throw new Error('the peer lost something')
  return result
}

function row(what, who, list) {
  const of = (name) => median(list.map((r) => r[name]))
  const calls = Object.values(list[0].calls).reduce((a, b) => a + b, 0)
  const by = Object.entries(list[0].calls).map(([method, n]) => `${n} ${method.replace('eth_', '')}`).join(', ')
  console.log(`| ${what} | ${who} | ${calls} in ${list[0].exchanges} (${by}) | ${(of('asked') / 1e3).toFixed(1)} | ${(of('answered') / 1e3).toFixed(0)} | ` +
    `${of('cpu_s').toFixed(2)} | ${(of('peak_kib') / 1024).toFixed(1)} | ${of('wall_ms').toFixed(0)} |`)
}

console.log(`${BLOCKS} blocks, the peer asks for ${CHUNK} at a time; medians of ${ROUNDS}\n`)
console.log('| history | who | calls in HTTP exchanges | kB asked | kB answered | CPU s | peak MiB | ms |\n|---|---|---|---|---|---|---|---|')
for (const { products, entries } of CASES) {
  const chain = await startAnvil({ args: ['--prune-history', '64'] })
  t.after(() => chain.stop())
  await chain.mine(1) // genesis has a wrong state root in anvil
  const registry = await deployRegistry(chain)
  const owner = chain.accounts[1]
  const { products: made, publish } = await makeHistory({ chain, registry, owner, products, entries, blocks: BLOCKS, image: imageOf })
  await chain.finalize()
  const proxy = await startCountProxy(t, chain.url)
  const abiFile = join(await tempDir(t), 'abi.json')
  await writeFile(abiFile, JSON.stringify(registry.abi))
  const world = { registry, owner, made, proxy, abiFile, more: () => proxy.while(async () => { await publish(made[0]); await chain.finalize() }) }
  const us = []
  const them = []
  for (let i = 0; i < ROUNDS; i++) {
    us.push(await ours(world))
    them.push(await theirs(world))
  }
  const what = `${products} × ${entries} entries`
  row(what, 'gatepost', us)
  row(what, 'viem', them)
  const ratio = (name) => median(them.map((r) => r[name])) / median(us.map((r) => r.cpu_s))
  console.log(`| ${what} | viem/gatepost | | | | ${ratio('cpu_s').toFixed(2)}; ${ratio('cpu_without_start_s').toFixed(2)} without node's start | | |`)
  const more = await oneMore(world)
  console.log(`| ${what}, then one release | gatepost | | | ${(median(more.map((m) => m.answered)) / 1e3).toFixed(0)} | ${(median(more.map((m) => m.cpu_ms)) / 1e3).toFixed(3)} | | |`)
  await proxy.stop()
  await chain.stop()
}
for (const fn of undo.reverse()) await fn()
process.exit(0)
