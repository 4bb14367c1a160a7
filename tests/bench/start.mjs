// start.mjs: from the start of a gateway with 1,000 images in its cache to the first byte of a manifest, an image, and to READY; where
// the time goes, by what its processes log. Run by scripts/bench; prints Markdown rows. GATEPOST_BUILD: an optimised build.
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const IMAGES = Number(process.env.IMAGES ?? 1000), ROUNDS = Number(process.env.ROUNDS ?? 11), SIZE = 16384
const undo = []
const t = { after: (fn) => undo.push(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const row = (what, values, note = '') =>
  console.log(`| ${what} | ${median(values).toFixed(1)} ms | ${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)} | ${note} |`)

/** Connects as soon as somebody listens, asks, and waits: the listening socket is there before the server is. ms since `from`. */
function firstByte(port, path, from) {
  return new Promise((resolve) => {
    const attempt = () => {
      const socket = createConnection(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.0\r\nHost: x\r\n\r\n`))
      socket.once('data', (data) => {
        socket.destroy()
        if (String(data.subarray(0, 12)) === 'HTTP/1.1 200') resolve(performance.now() - from)
        else setTimeout(attempt, 1)
      })
      socket.once('error', () => setTimeout(attempt, 1))
    }
    attempt()
  })
}

const world = await makeWorld(t)
for (let i = 0; i < IMAGES; i++) await world.publish({ image: randomBytes(SIZE) })
await world.finalize()
const gateway = await world.gateway({ product: { keep: IMAGES }, config: { gateway: { 'log-level': 'info' } } })
await waitFor('all images', async () => (await gateway.status()).store.images >= IMAGES, { deadline_ms: 240000, every_ms: 200 })
const port = Number(new URL(gateway.http).port)
const file = `${world.dir}/gatepost.conf`
await writeFile(file, (await readFile(file, 'utf8')).replace('[http]\nlisten = 127.0.0.1:0', `[http]\nlisten = 127.0.0.1:${port}`))

const times = { manifest: [], image: [], ready: [] }
for (let i = 0; i < ROUNDS; i++) {
  await gateway.stop()
  const from = performance.now()
  const started = gateway.start().then(() => performance.now() - from)
  const [manifest, image] = await Promise.all([firstByte(port, `/fw/${PRODUCT}`, from), firstByte(port, `/fw/${PRODUCT}/image`, from)])
  times.manifest.push(manifest)
  times.image.push(image)
  times.ready.push(await started)
}
console.log('| what | median | range | how |\n|---|---|---|---|')
row('start → first byte of a manifest', times.manifest, `${IMAGES} images in the cache, chain and source there, node starts the process; goal ≤ 50 ms`)
row('start → first byte of an image', times.image, `${SIZE} bytes`)
row('start → READY', times.ready, 'database open, everything judged')
for (const fn of undo.reverse()) await fn()
process.exit(0)
