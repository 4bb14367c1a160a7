// coap.mjs: block-wise GET of 1024 bytes: our CoAP front beside libcoap's server and a bare responder, in requests per
// CPU-second of the server process. Every round measures all of them after one another; medians over the rounds.
//
//	GATEPOST_BUILD=… node tests/bench/coap.mjs [--rounds N] [--seconds N] [--json]
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { run, startServer } from '../support/process.mjs'
import { random } from '../support/random.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const build = process.env.GATEPOST_BUILD ?? join(root, 'build')
const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' }, json: { type: 'boolean' } },
})
const SIZE = 1024 * 1024
const loads = [
  { name: '1 client', args: ['-c', '1'] },
  { name: '50 clients', args: ['-c', '50'] },
  { name: '200 clients', args: ['-c', '200'] },
  { name: '50 clients, 10,000 known peers', args: ['-c', '50', '-k', '10000'] },
]

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
const fields = (line) => Object.fromEntries(line.trim().split(' ').map((pair) => pair.split('=')).map(([k, v]) => [k, Number(v)]))

const dir = await mkdtemp(join(tmpdir(), 'gatepost-bench-'))
const image = join(dir, 'image')
await writeFile(image, random(1).bytes(SIZE))
const servers = {
  gatepost: [join(build, 'tests/integration/coapd_file'), [image]],
  libcoap: [join(build, 'tests/bench/coap_libcoap'), [image]],
  bare: [join(build, 'tests/bench/coap_bare'), [String(SIZE / 1024)]],
}

/** One server, one load, from a fresh start. */
async function measure(name, args) {
  const server = await startServer(...servers[name], { ready: (line) => /^ready coap=.*:(\d+)$/.exec(line) })
  const { stdout, stderr } = await run(join(build, 'tests/bench/coap_load'),
    [...args, '-s', options.seconds, '-p', String(server.pid), server.up[1], '/fw/acme/lamp/image'])
  await server.stop('SIGKILL')
  if (!stdout) throw new Error(`${name}: ${stderr}`)
  const got = fields(stdout)
  if (got.wrong) throw new Error(`${name}: ${got.wrong} wrong replies`)
  return { ...got, rate: got.replies / got.cpu_s }
}

const table = []
for (const load of loads) {
  const rates = { gatepost: [], libcoap: [], bare: [] }
  let lost = 0
  for (let round = 0; round < Number(options.rounds); round++)
    for (const name of Object.keys(servers)) {
      const got = await measure(name, load.args)
      rates[name].push(got.rate)
      if (name === 'gatepost') lost += got.lost
    }
  const [ours, libcoap, bare] = ['gatepost', 'libcoap', 'bare'].map((name) => median(rates[name]))
  table.push({ load: load.name, ours, libcoap, bare, 'of libcoap': ours / libcoap, 'of bare': ours / bare, lost })
}
const firsts = {}
for (const name of Object.keys(servers)) {
  firsts[name] = []
  for (let round = 0; round < Number(options.rounds); round++) firsts[name].push((await measure(name, ['-1', '-c', '1000'])).lost)
}
await rm(dir, { recursive: true })

if (options.json) {
  console.log(JSON.stringify({ table, firsts }))
} else {
  const cell = (value) => typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: value < 1000 ? 2 : 0 }) : value
  for (const row of table) console.log(Object.entries(row).map(([k, v]) => `${k}: ${cell(v)}`).join('  '))
  for (const [name, lost] of Object.entries(firsts)) console.log(`1,000 simultaneous first requests, lost by ${name}: ${lost.join(', ')}`)
}
