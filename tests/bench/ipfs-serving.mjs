// ipfs-serving.mjs: what it takes to give an image as a CAR: time, the server's CPU, its memory. Prints Markdown rows.
// GATEPOST_BUILD: an optimised build.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const SIZE = 64 << 20
const ROUNDS = 7
const undo = []
const t = { after: (fn) => undo.push(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

const world = await makeWorld(t)
const gateway = await world.gateway({ config: { gateway: { 'log-level': 'info' }, extra: '[limits]\nhot = 0\n' } })
const pid = (await gateway.children())['gatepost-server']
const peakMib = async () => Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
const cpuMs = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0) * 10

async function take(path) {
  const from = [performance.now(), await cpuMs()]
  const bytes = (await (await gateway.get(path)).arrayBuffer()).byteLength
  return { ms: performance.now() - from[0], cpu: await cpuMs() - from[1], bytes }
}

console.log('| 64 MiB image, cold | time | server\'s CPU | of it a second of CPU | peak memory of the server before, after, and after 8 at once |\n|---|---|---|---|---|')
for (const [i, profile] of ['unixfs-v1-2025', 'unixfs-v0-2015'].entries()) {
  const { cid } = await world.publish({ image: randomBytes(SIZE), layout: { profile } })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, i + 1, 'active')
  for (const [what, path] of [['plain file', `/ipfs/${cid}`], ['CAR', `/ipfs/${cid}?format=car&car-dups=y`], ['CAR, dups=n', `/ipfs/${cid}?format=car`]]) {
    const before = await peakMib()
    const runs = []
    for (let k = 0; k < ROUNDS; k++) runs.push(await take(path))
    const one = await peakMib()
    await Promise.all(Array.from({ length: 8 }, () => take(path)))
    const cpu = median(runs.map((r) => r.cpu))
    console.log(`| ${profile}, ${what} | ${median(runs.map((r) => r.ms)).toFixed(0)} ms | ${cpu} ms | ${(runs[0].bytes / cpu / 1000).toFixed(0)} MB | ` +
      `${before.toFixed(1)}, ${one.toFixed(1)}, ${(await peakMib()).toFixed(1)} MiB |`)
  }
}
for (const fn of undo.reverse()) await fn()
