// gateway.mjs: the whole gateway's figures: how long from a published entry to an active release, from start to first byte, and
// what the three processes take. Run by scripts/bench; prints Markdown rows. GATEPOST_BUILD: an optimised build.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const ROUNDS = 7
const undo = []
const t = { after: (fn) => undo.push(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const row = (what, values, unit, note = '') =>
  console.log(`| ${what} | ${median(values).toFixed(1)} ${unit} | ${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)} | ${note} |`)

/** Summed PSS of a process and its children, KiB, and each one's by name. */
async function memory(gateway) {
  const pids = { gatepostd: gateway.server.pid, ...await gateway.children() }
  const parts = await Promise.all(Object.entries(pids).map(async ([name, pid]) =>
    [name, Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))[1])]))
  return Object.fromEntries(parts)
}

/** Tries until a plain HTTP request is answered with 200; ms since `from`. */
function firstByte(url, from) {
  return new Promise((resolve) => {
    const attempt = () => {
      const { hostname, port, pathname } = new URL(url)
      const socket = createConnection(Number(port), hostname, () => socket.write(`GET ${pathname} HTTP/1.0\r\nHost: x\r\n\r\n`))
      socket.once('data', (data) => { socket.destroy(); String(data).startsWith('HTTP/1.1 200') ? resolve(performance.now() - from) : setImmediate(attempt) })
      socket.once('error', () => setImmediate(attempt))
    }
    attempt()
  })
}

console.log('| what | median | range | how |\n|---|---|---|---|')
const world = await makeWorld(t)
await world.publish({ image: randomBytes(1 << 20) })
await world.finalize()
const gateway = await world.gateway({ config: { chain: { finality: 'latest' }, gateway: { 'log-level': 'info' } } })
await gateway.waitRelease(PRODUCT, 1, 'active')

const toActive = []
for (let i = 0; i < ROUNDS; i++) {
  const { sequence } = await world.publish({ image: randomBytes(1 << 20) })
  const from = performance.now()
  for (;;) {
    const r = await gateway.get(`/fw/${PRODUCT}`)
    await r.arrayBuffer()
    if (r.headers.get('gatepost-sequence') === String(sequence)) break
  }
  toActive.push(performance.now() - from)
}
row('entry mined → release active', toActive, 'ms', '1 MiB image, poll 100 ms, finality `latest`, anvil, npm gateway; goal ≤ 1 poll + 100 ms')

const pss = await memory(gateway)
const kib = Object.values(pss).reduce((a, b) => a + b, 0)
console.log(`| memory, idle, one product, ${ROUNDS + 1} images | ${(kib / 1024).toFixed(1)} MiB PSS | ${Object.entries(pss).map(([n, v]) => `${n} ${(v / 1024).toFixed(1)}`).join(', ')} | smaps_rollup; hot images included; goal ≤ 24 MiB |`)

const port = Number(new URL(gateway.http).port)
const fixed = (await readFile(`${world.dir}/gatepost.conf`, 'utf8')).replace('[http]\nlisten = 127.0.0.1:0', `[http]\nlisten = 127.0.0.1:${port}`)
const toFirst = []
for (let i = 0; i < ROUNDS; i++) {
  await gateway.stop()
  const from = performance.now()
  const started = gateway.restart(i === 0 ? fixed : undefined)
  toFirst.push(await firstByte(`http://127.0.0.1:${port}/fw/${PRODUCT}`, from))
  await started
}
row('start → first byte from the cache', toFirst, 'ms', 'manifest over HTTP, database and uplink there; includes the config check; goal ≤ 50 ms')

const back = []
for (let i = 0; i < ROUNDS; i++) {
  await gateway.restart() // a child that dies again within seconds is restarted with a growing pause
  const { 'gatepost-server': server } = await gateway.children()
  process.kill(server, 'SIGKILL')
  back.push(await firstByte(`http://127.0.0.1:${port}/fw/${PRODUCT}`, performance.now()))
}
row('server killed → answered again', back, 'ms', 'SIGKILL; listening socket stays open in the supervisor; goal < 300 ms')
for (const fn of undo.reverse()) await fn()
process.exit(0)
