// writes.mjs: what a gateway writes to its card, counted by the block device under a file system of its own (ext4 on a loop device, journal
// and all): a byte of firmware, an event, a device's report, and a day on which nothing happens. Run by scripts/bench as root;
// prints Markdown rows, first of what the file system itself asks for the least that can be done durably. IDLE_MIN: how long it watches
// (default 31: two of the writes that come every 15 minutes); PARTS: which parts (default "ext4 image release report idle");
// MOUNT: options for the file system (for example lazytime). GATEPOST_BUILD: an optimised build.
import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
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

const parts = new Set((process.env.PARTS ?? 'ext4 image release report idle').split(' '))
const card = await loopDisk(t, 512 * MIB)
if (process.env.MOUNT) await card.remount(process.env.MOUNT)
console.log('| what | measured | how |\n|---|---|---|')
if (parts.has('ext4')) await ofTheFileSystem()

const world = await makeWorld(t)
const gateway = await world.gateway({ product: { keep: 100 }, config: { gateway: { 'state-dir': join(card.dir, 'state'), 'log-level': 'info' } } })
await world.publish({ image: randomBytes(1000) })
await world.finalize()
await gateway.waitRelease(PRODUCT, 1, 'active')

/** What one step costs the device: `step(i)` n times, `apart_ms` between them. */
async function costOf(what, n, step, apart_ms = 0) {
  const before = await quiet()
  for (let i = 0; i < n; i++) {
    await step(i)
    await pause(apart_ms)
  }
  row(what, `${(((await quiet()) - before) / n / 1000).toFixed(1)} kB`, `ext4 itself; ${n} times${apart_ms ? `, ${apart_ms / 1000} s apart` : ''}`)
}

/** The least that is durable: 4 KiB at a file's end, in its place, a file that is replaced. */
async function ofTheFileSystem() {
  const at = (name) => join(card.dir, name), bytes = () => randomBytes(4096)
  const longer = await open(at('longer'), 'w'), same = await open(at('same'), 'w'), dir = await open(card.dir, 'r')
  await same.write(Buffer.alloc(2 ** 18), 0, 2 ** 18, 0)
  const write = (file, i) => file.write(bytes(), 0, 4096, 4096 * i).then(() => file.datasync())
  await costOf('4 KiB more in a file, fdatasync', 50, (i) => write(longer, i))
  await costOf('4 KiB in their place in a file, fdatasync', 50, (i) => write(same, i))
  await costOf('the same, with the file\'s time each time', 20, (i) => write(same, i), 7000)
  await costOf('a file of 4 KiB replaced: made, fdatasync, renamed, its directory synced', 50, async () => {
    const file = await open(at('new'), 'w')
    await write(file, 0)
    await file.close()
    await rename(at('new'), at('old'))
    await dir.sync()
  })
  await Promise.all([longer, same, dir].map((file) => file.close()))
}

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

let before = await quiet(), now = before, pages
if (parts.has('image')) {
  await release(IMAGE)
  now = await quiet()
  row('bytes written per firmware byte', ((now - before) / IMAGE).toFixed(4), `one image of ${IMAGE / MIB} MiB, everything included: ${now - before - IMAGE} bytes more than the image; goal ≤ 1.1, and 20 kB an event`)
}

if (parts.has('release')) {
  before = now
  pages = await dirtied()
  for (let i = 0; i < EVENTS; i++) await release(1000)
  now = await quiet()
  row('a release with an image of 1,000 bytes', `${((now - before) / EVENTS / 1000).toFixed(1)} kB`, `of it ${(((await dirtied()) - pages) / EVENTS / 1000).toFixed(1)} kB pages of files; ${EVENTS} one after the other, each until it is active; goal ≤ 20 kB an event`)
}

if (parts.has('report')) {
  before = now
  pages = await dirtied()
  for (let i = 0; i < REPORTS; i++) {
    const reply = await fetch(`${gateway.http}/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ device: `d${i % 50}`, sequence: 1, state: 'installed', version: '1.0.1' }) })
    if (!reply.ok) throw new Error(`report: ${reply.status} ${await reply.text()}`)
  }
  now = await quiet()
  row('a device\'s final report, one at a time', `${((now - before) / REPORTS / 1000).toFixed(1)} kB`, `of it ${(((await dirtied()) - pages) / REPORTS / 1000).toFixed(1)} kB pages of files; ${REPORTS} of 50 devices, each acknowledged before the next; they are committed together at most once a second`)
}

if (parts.has('idle')) {
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
