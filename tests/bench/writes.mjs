// writes.mjs: what a gateway writes to its card, counted by the block device under a file system of its own (ext4 on a loop device, journal
// and all): a byte of firmware, an event, a device's report, and a day on which nothing happens. Run by scripts/bench as root;
// prints Markdown rows. IDLE_MIN: how long it watches (default 31: two of the writes that come every 15 minutes). GATEPOST_BUILD: an optimised build.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { loopDisk } from '../support/loop-disk.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const MIB = 2 ** 20, IMAGE = 64 * MIB, EVENTS = 20, REPORTS = 200
const idle_min = Number(process.env.IDLE_MIN ?? 31)
const undo = []
const t = { after: (fn) => undo.push(fn) }
const row = (what, value, how) => console.log(`| ${what} | ${value} | ${how} |`)

const world = await makeWorld(t)
const card = await loopDisk(t, 512 * MIB)
const gateway = await world.gateway({ product: { keep: 100 }, config: { gateway: { 'state-dir': join(card.dir, 'state'), 'log-level': 'info' } } })
await world.publish({ image: randomBytes(1000) })
await world.finalize()
await gateway.waitRelease(PRODUCT, 1, 'active')

/** Bytes that its processes have made dirty: without what the file system adds of its own (inodes, directories, its journal). */
async function dirtied() {
  const pids = [gateway.server.pid, ...Object.values(await gateway.children())]
  const each = await Promise.all(pids.map(async (pid) => Number(/^write_bytes: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))[1])))
  return each.reduce((a, b) => a + b, 0)
}

/** Publishes, waits until it is active and the chain has said so finally, and until nothing more is written for a second. */
async function release(size) {
  const { sequence } = await world.publish({ image: randomBytes(size) })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, sequence, 'active')
}

async function quiet() {
  for (let before = -1, now = await card.written(); before !== now; now = await card.written()) {
    before = now
    await pause(6000) // the journal's own interval is 5 s
  }
  return card.written()
}

console.log('| what | measured | how |\n|---|---|---|')
let before = await quiet()
await release(IMAGE)
let now = await quiet()
row('bytes written per firmware byte', ((now - before) / IMAGE).toFixed(4), `one image of ${IMAGE / MIB} MiB, everything included: ${now - before - IMAGE} bytes more than the image; goal ≤ 1.1, and 20 kB an event`)

before = now
let pages = await dirtied()
for (let i = 0; i < EVENTS; i++) await release(1000)
now = await quiet()
row('a release with an image of 1,000 bytes', `${((now - before) / EVENTS / 1000).toFixed(1)} kB`, `of it ${(((await dirtied()) - pages) / EVENTS / 1000).toFixed(1)} kB pages of files; ${EVENTS} one after the other, each until it is active; goal ≤ 20 kB an event`)

before = now
pages = await dirtied()
for (let i = 0; i < REPORTS; i++) {
  const reply = await fetch(`${gateway.http}/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ device: `d${i % 50}`, sequence: 1, state: 'installed', version: '1.0.1' }) })
  if (!reply.ok) throw new Error(`report: ${reply.status} ${await reply.text()}`)
}
now = await quiet()
row('a device\'s final report, one at a time', `${((now - before) / REPORTS / 1000).toFixed(1)} kB`, `of it ${(((await dirtied()) - pages) / REPORTS / 1000).toFixed(1)} kB pages of files; ${REPORTS} of 50 devices, each acknowledged before the next; they are committed together at most once a second`)

if (idle_min > 0) {
  const conf = (await readFile(join(world.dir, 'gatepost.conf'), 'utf8')).replace('poll = 100ms', 'poll = 60s')
  await gateway.restart(conf)
  await world.chain.rpc('evm_setIntervalMining', 12)
  await waitFor('the first round', async () => (await gateway.status()).freshness === 'fresh')
  before = await quiet()
  const from = performance.now()
  await pause(idle_min * 60000)
  now = await card.written()
  const days = (performance.now() - from) / 86400000
  row('an idle day', `${((now - before) / days / MIB).toFixed(2)} MiB`, `${now - before} bytes in ${idle_min} minutes, poll 60 s, a block every 12 s, nothing new in the registry; goal ≤ 1 MiB`)
}
for (const fn of undo.reverse()) await fn()
process.exit(0)
