// kill-fetch.mjs: kill -9 in the middle of a 64 MiB fetch, again and again. Runs in a network namespace of its own (netns.mjs):
//	node kill-fetch.mjs KILLS SEED
// Prints one JSON line per image: { kills, bytes, size, allowed, lost }. `bytes` came in over the wire from first to last, everything included;
// `allowed` is 1.02 × size and, for each kill, the requests in flight: at most a block each, and what the kernel held for them.
// `lost` is what had been verified by a kill and was not there after it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startGateway } from '../support/gateway.mjs'
import { readCid } from '../support/ipfs-blocks.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { makeHost, wire } from '../support/netns.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const MIB = 2 ** 20
const SIZE = 64 * MIB
const LANES = 8, BLOCK = MIB, HELD = 131072
const [kills, seed] = process.argv.slice(2).map(Number)
const dice = random(seed)

const ends = []
const t = { after: (fn) => ends.unshift(fn) }

async function digestOf(file) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

/** The release's fetch, as the API tells it; null when it is not fetching. */
async function progress(gateway, sequence) {
  const r = await gateway.release(PRODUCT, sequence)
  return r?.state === 'ready' || r?.state === 'active' ? 'there' : r?.fetch
}

async function oneImage(world, gateway, received, budget) {
  const image = Buffer.alloc(SIZE, dice.below(256))
  for (let at = 0; at < SIZE; at += 4096) image.writeUInt32LE(dice.below(2 ** 32), at)
  const before = received()
  const { sequence, sha256, cid: root } = await world.publish({ image })
  await world.finalize()
  const result = { kills: 0, bytes: 0, size: SIZE, allowed: Math.floor(1.02 * SIZE), lost: 0 }
  let verified = 0
  for (;;) {
    // While it looks at what is on disk, it tells of none: the first number counts.
    const state = await waitFor('progress', async () => {
      const p = await progress(gateway, sequence)
      return p === 'there' || (p?.bytes > 0 && p)
    }, { every_ms: 5, deadline_ms: 60000 })
    if (state === true) break
    result.lost += Math.max(0, verified - state.bytes)
    if (result.kills >= budget) break
    await pause(dice.below(600))
    const now = await progress(gateway, sequence)
    if (now === 'there') break
    verified = now?.bytes ?? verified
    const server = gateway.server
    for (const pid of [server.pid, ...Object.values(await gateway.children())]) try { process.kill(pid, 'SIGKILL') } catch { /* gone */ }
    await server.gone
    result.kills++
    result.allowed += LANES * (BLOCK + HELD)
    await gateway.start()
  }
  await gateway.waitRelease(PRODUCT, sequence, 'active')
  result.bytes = received() - before
  assert.equal(await digestOf(join(gateway.stateDir, 'objects', sha256.slice(0, 2), sha256)), sha256)
  for (const { cid } of [...world.source.blocks.walk(readCid(root))]) world.source.blocks.delete(cid)
  return result
}

try {
  const world = await makeWorld(t, { chain: { host: '0.0.0.0' } })
  const host = await makeHost(t, { smallBuffers: true })
  const [, end] = wire(null, '10.1.0.1/24', host, '10.1.0.2/24')
  const source = await startSource(t, { host: '10.1.0.1', blocks: world.source.blocks })
  const chain = world.chain.url.replace('127.0.0.1', '10.1.0.1')
  const dir = join(world.dir, 'gateway')
  const gateway = await startGateway(t, { dir, host, conf: world.config({ dir, product: { keep: 1, 'max-image': '64M' }, config: {
    providers: [{ name: 'one', url: chain, operator: 'alpha' }], sources: [{ name: 'own', url: source.url }],
    extra: '[network]\nuplink = 24M',
    cache: { size: '16G' }, // what was superseded stays for ten minutes
  } }) })
  await gateway.waitProven()
  for (let left = kills; left > 0;) {
    const result = await oneImage(world, gateway, () => host.received(end), left).catch(async (error) => {
      console.error(JSON.stringify(await gateway.releases(PRODUCT)))
      console.error(gateway.lines().filter((line) => !/debug: seqsock/.test(line)).slice(-60).join('\n'))
      throw error
    })
    console.log(JSON.stringify(result))
    left -= result.kills
    if (result.kills === 0) throw new Error('no kill came in time')
  }
} finally {
  for (const end of ends) await end()
}
