// http.mjs: the device listener beside nginx (one worker, sendfile): requests, or MiB, per CPU-second of the server's processes; and what it costs to
// hash what is read: images that stay in sealed memory (hot) beside those of which each chunk is read and hashed for every answer (cold: a gateway
// with `hot = 0`), and beside SHA-256 alone. All in the same run, in turn; medians over the rounds. Needs nginx, wrk and openssl.
//
//	GATEPOST_BUILD=… node tests/bench/http.mjs
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, startServer } from '../support/process.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const ROUNDS = 5
const TICKS = 100 // USER_HZ
const undo = []
const t = { after: (fn) => undo.push(fn) }
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** CPU seconds that these processes have taken. */
async function cpu(pids) {
  const one = async (pid) => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  }
  return (await Promise.all(pids.map(one))).reduce((a, b) => a + b, 0)
}

/** Answers per CPU-second of the server while wrk asks for `url`. */
async function load(url, pids) {
  const before = await cpu(pids)
  const { stdout } = await run('wrk', ['-t1', '-c16', '-d2s', url])
  const answers = Number(/(\d+) requests in/.exec(stdout)[1])
  if (/Non-2xx/.test(stdout)) throw new Error(stdout)
  return answers / (await cpu(pids) - before)
}

async function startNginx(dir) {
  const port = 20000 + Math.floor(Math.random() * 20000)
  await writeFile(join(dir, 'nginx.conf'), `worker_processes 1; daemon off; pid ${dir}/pid; error_log stderr;
events { worker_connections 256; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=100;
  client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  server { listen 127.0.0.1:${port}; root ${dir}/files; } }`)
  const server = startServer('nginx', ['-e', 'stderr', '-c', join(dir, 'nginx.conf')], { ready: () => false, deadline_ms: 1 << 30 })
  server.catch(() => {})
  await waitFor('nginx', async () => (await fetch(`http://127.0.0.1:${port}/manifest`)).ok)
  const master = Number(await readFile(join(dir, 'pid'), 'utf8'))
  t.after(() => process.kill(master, 'SIGTERM'))
  const children = (await readFile(`/proc/${master}/task/${master}/children`, 'utf8')).trim().split(' ').map(Number)
  return { url: `http://127.0.0.1:${port}`, pids: children }
}

const dir = await mkdtemp(join(tmpdir(), 'gatepost-bench-'))
t.after(() => rm(dir, { recursive: true, force: true }))
await run('mkdir', ['-m', '755', join(dir, 'files')])
await run('chmod', ['755', dir])
const world = await makeWorld(t)
const sizes = { '1 MiB image': 1 << 20, '32 MiB image': 32 << 20 }
for (const size of Object.values(sizes)) await world.publish({ image: randomBytes(size) })
await world.finalize()
const gateway = await world.gateway({ product: { keep: 4 }, config: { gateway: { 'log-level': 'info' } } })
const last = await gateway.waitRelease(PRODUCT, 2, 'active')
const first = await gateway.release(PRODUCT, 1)
await writeFile(join(dir, 'files/manifest'), Buffer.from(await (await gateway.get(`/fw/${PRODUCT}`)).arrayBuffer()))
await writeFile(join(dir, 'files/1'), world.images.get(1))
await writeFile(join(dir, 'files/2'), world.images.get(2))
const nginx = await startNginx(dir)
const server = [(await gateway.children())['gatepost-server']]
const rows = [
  ['manifest, keep-alive', `/fw/${PRODUCT}`, '/manifest', 1, 'requests'],
  ['1 MiB image, hot', `/sha256/${first.sha256}`, '/1', 1, 'MiB'],
  ['32 MiB image, hot', `/sha256/${last.sha256}`, '/2', 32, 'MiB'],
]
console.log('| what | gatepost / CPU s | nginx / CPU s | ratio |\n|---|---|---|---|')
for (const [what, ours, theirs, factor, unit] of rows) {
  const a = []
  const b = []
  await load(gateway.http + ours, server) // warm: images become hot
  for (let i = 0; i < ROUNDS; i++) {
    a.push(await load(gateway.http + ours, server) * factor)
    b.push(await load(nginx.url + theirs, nginx.pids) * factor)
  }
  console.log(`| ${what} | ${Math.round(median(a)).toLocaleString('en')} ${unit} | ${Math.round(median(b)).toLocaleString('en')} ${unit} | ${(median(a) / median(b)).toFixed(2)} |`)
}
// --- hash on read ---

/** MiB per CPU-second of SHA-256, in pieces as long as a chunk. */
async function sha256() {
  const { stdout } = await run('openssl', ['speed', '-mr', '-bytes', '65536', '-seconds', '2', 'sha256'])
  return Number(/^\+F:\d+:sha256:([\d.]+)/m.exec(stdout)[1]) / (1 << 20)
}

const cold = await world.gateway({ dir: world.otherDir('cold'), product: { keep: 4 }, config: { gateway: { 'log-level': 'info' }, extra: '[limits]\nhot = 0\n' } })
await cold.waitRelease(PRODUCT, 2, 'active')
const coldServer = [(await cold.children())['gatepost-server']]
console.log('\n| MiB a CPU second | hot | cold | SHA-256 alone | cold / SHA-256 | cold / hot |\n|---|---|---|---|---|---|')
for (const [what, path, size] of [['1 MiB image', `/sha256/${first.sha256}`, 1], ['32 MiB image', `/sha256/${last.sha256}`, 32]]) {
  const got = { hot: [], cold: [], sha: [] }
  await load(gateway.http + path, server)
  for (let i = 0; i < ROUNDS; i++) {
    got.hot.push(await load(gateway.http + path, server) * size)
    got.cold.push(await load(cold.http + path, coldServer) * size)
    got.sha.push(await sha256())
  }
  const [hot, of, sha] = [got.hot, got.cold, got.sha].map(median)
  console.log(`| ${what} | ${[hot, of, sha].map((n) => Math.round(n).toLocaleString('en')).join(' | ')} | ${(of / sha).toFixed(2)} | ${(of / hot).toFixed(2)} |`)
}
for (const fn of undo.reverse()) await fn()
process.exit(0)
