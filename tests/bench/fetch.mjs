// fetch.mjs: an image from its source into the cache: fetched, verified, stored, beside what others need for less.
//
//	GATEPOST_BUILD=… node tests/bench/fetch.mjs [MiB] [rounds]		needs nginx and curl; installs Helia into a directory of its own
//
// All from 127.0.0.1 and in turn; medians over the rounds. Ours is the time from the fetch's first step to the image being in the cache, with
// every sync, in a gateway that is new each time, as the keeper's log says; peak memory is the keeper's.
import { createServer } from 'node:http'
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { makeConfig, startGateway } from '../support/gateway.mjs'
import { startNginx } from '../support/nginx.mjs'
import { run } from '../support/process.mjs'
import { makeDesk } from '../support/publisher.mjs'

const MIB = 2 ** 20
const size = Number(process.argv[2] ?? 64) * MIB, rounds = Number(process.argv[3] ?? 5)
const PRODUCT = 'acme/thermostat'
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const ends = []
const t = { after: (fn) => ends.unshift(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

async function must(command, ...args) {
  const began = performance.now()
  const r = await run(command, args, { deadline_ms: 300000 })
  if (r.code !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.stderr}`)
  return { ms: performance.now() - began, ...r }
}

/** Peak memory of a program, from GNU time's point of view: its children's, by the shell. */
const measured = async (...words) => must('sh', '-c', words.join(' '))

/** A server with the export's blocks that hangs up on `part` of the requests, in the middle of the body. */
async function startFlaky(root, part) {
  let n = 0
  const server = createServer(async (q, a) => {
    const bytes = await readFile(join(root, 'blocks', q.url.split('/').pop())).catch(() => null)
    if (!bytes) return a.writeHead(404).end()
    a.writeHead(200, { 'content-length': bytes.length })
    n += part
    if (n < 1) return a.end(bytes)
    n -= 1
    a.write(bytes.subarray(0, bytes.length >> 1), () => q.socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => { server.close(); server.closeAllConnections() })
  return `http://127.0.0.1:${server.address().port}/blocks`
}

/** The reference gateway as a process of its own, which ends with its standard input. */
async function startReference(file) {
  const child = spawn(process.execPath, [here('../support/ipfs-gateway.mjs'), file], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.stdin.end())
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^gateway (\S+)/.exec(line)?.[1]
    if (url) return url
  }
  throw new Error('the reference gateway ended')
}

let made = 0
/** One fetch by a new gateway from this source: { ms, first_ms, peak_kib, bytes }. */
async function ours(desk, source) {
  const dir = desk.path(`gateway-${++made}`)
  const gateway = await startGateway(t, { dir, conf: makeConfig({
    dir, registry: desk.registry.address, providers: [{ name: 'one', url: desk.chain.url, operator: 'alpha' }],
    sources: [{ name: 'own', ...source }], products: { [PRODUCT]: { registrant: desk.owner.address, 'max-image': `${size}` } },
  }) })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const { lines, times } = gateway.server
  const at = (text) => times[lines.findIndex((line) => line.includes(text))]
  const began = at('fetch: moves from=queued to=opening')
  const { 'gatepost-keeper': keeper } = await gateway.children()
  const status = await readFile(`/proc/${keeper}/status`, 'utf8')
  const [own] = (await gateway.ask('sources')).items
  const result = { ms: at('fetch: moves from=finishing to=done') - began, first_ms: at('fetch: first bytes verified') - began,
    peak_kib: Number(/VmHWM:\s+(\d+)/.exec(status)[1]), bytes: own.bytes }
  await gateway.stop()
  await rm(dir, { recursive: true })
  return result
}

async function installHelia(dir) {
  const helia = join(dir, 'helia')
  await must('npm', 'install', '--silent', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', helia,
    '@helia/http@2', '@helia/unixfs@5', '@helia/block-brokers@4', '@helia/routers@3')
  await cp(here('peers/helia-fetch.mjs'), join(helia, 'helia-fetch.mjs'))
  return join(helia, 'helia-fetch.mjs')
}

try {
  const desk = await makeDesk(t)
  await desk.chain.mine(1)
  const key = await desk.key('signer'), out = desk.path('export'), file = await desk.file('image', randomBytes(size), 0o644)
  await desk.register(PRODUCT, [key])
  const { cid } = await desk.ok('publish', PRODUCT, '--version', '1', '--image', file, '--signing-key', key.path, '--upload', `dir:${out}`)
  await desk.chain.finalize()
  const web = await startNginx(t, { root: out, dir: desk.dir })
  const node = await startReference(file)
  const helia = await installHelia(desk.dir)
  const car = `${web.url}/car/${cid}.car`, [a, b] = [desk.path('a'), desk.path('b')]
  const ipfsCar = join(createRequire(import.meta.url).resolve('ipfs-car/package.json'), '../bin.js')
  const steady = await startFlaky(out, 0), flaky = await startFlaky(out, 0.3)

  const rows = [
    ['raw SHA-256 of the file (openssl)', () => must('openssl', 'dgst', '-sha256', file)],
    ['curl, the CAR to a file, nothing checked', () => must('curl', '-sfo', a, car)],
    ['curl, then ipfs-car unpack', async () => { await rm(b, { force: true }); return measured(`curl -sfo ${a} ${car} && ${process.execPath} ${ipfsCar} unpack ${a} --output ${b}`) }],
    ['gatepost, kind = car', () => ours(desk, { kind: 'car', url: `${web.url}/car/{cid}.car` })],
    ['gatepost, kind = blocks', () => ours(desk, { kind: 'blocks', url: `${web.url}/blocks` })],
    ['gatepost, kind = mirror', () => ours(desk, { kind: 'mirror', url: `${web.url}/image/{sha256}` })],
    ['gatepost, mirror without inner blocks', () => ours(desk, { kind: 'mirror', url: `${web.url}/image/{sha256}`, inner: `${web.url}/none` })],
    ['gatepost, kind = trustless, of the reference gateway', () => ours(desk, { kind: 'trustless', url: node })],
    ['Helia, of the reference gateway', async () => JSON.parse((await must(process.execPath, helia, node, cid, b)).stdout)],
    ['gatepost, kind = blocks, of a node server', () => ours(desk, { kind: 'blocks', url: steady })],
    ['the same, 30 % of its replies broken off', () => ours(desk, { kind: 'blocks', url: flaky })],
  ].map(([name, fn]) => ({ name, fn, got: [] }))
  for (let i = 0; i < rounds; i++) for (const row of rows) row.got.push(await row.fn())

  console.log(`${size / MIB} MiB, medians of ${rounds}\n\n| what | ms | first verified byte, ms | peak memory, MiB | bytes that came, of the size |\n|---|---|---|---|---|`)
  const pick = (row, field, scale, digits = 0) => row.got[0][field] > 0 ? (median(row.got.map((g) => g[field])) / scale).toFixed(digits) : ''
  for (const row of rows)
    console.log(`| ${row.name} | ${pick(row, 'ms', 1)} | ${pick(row, 'first_ms', 1)} | ${pick(row, 'peak_kib', 1024, 1)} | ${pick(row, 'bytes', size, 4)} |`)
} finally {
  for (const end of ends) await end()
}
