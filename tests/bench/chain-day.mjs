// chain-day.mjs: the uplink bytes of an idle day on mainnet, ten products, two providers: chain_day.c simulates the day with the
// real follower; what HTTP and TLS add is measured on a real request, or stated. Run by scripts/bench.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { buildDir } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { makeWorld } from '../support/world.mjs'

/** Bytes of a response's header lines as services behind a CDN send them over HTTP/1.1; HTTP/2 takes a quarter of it. */
const RESPONSE_HEADERS = 450
/** TLS 1.3: 5 bytes of header, 16 of tag and 1 of type for each record; a request and each 16 KiB of answer are one. */
const TLS_RECORD = 22

/** Bytes of the daemon's own request lines. */
async function requestHeaders() {
  const undo = []
  const t = { after: (fn) => undo.push(fn) }
  let bytes = 0
  const server = createServer((q, a) => {
    const lines = []
    for (let i = 0; i < q.rawHeaders.length; i += 2) lines.push(`${q.rawHeaders[i]}: ${q.rawHeaders[i + 1]}\r\n`)
    bytes = `${q.method} ${q.url} HTTP/1.1\r\n${lines.join('')}\r\n`.length
    a.writeHead(503).end()
    server.emit('asked')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const world = await makeWorld(t)
  const asked = once(server, 'asked')
  await world.gateway({ config: { providers: [{ name: 'one', url: `http://127.0.0.1:${server.address().port}/v2/0123456789abcdef0123456789abcdef`, operator: 'one' }] } })
  await asked
  for (const fn of undo.reverse()) await fn()
  server.closeAllConnections()
  server.close()
  return bytes
}

const MB = 1e6
const mb = (bytes) => (bytes / MB).toFixed(1)
const headers = await requestHeaders()
console.log(`A request has ${headers} bytes of header lines (measured), an answer ${RESPONSE_HEADERS} (assumed), a TLS record ${TLS_RECORD} beside its content.\n`)
console.log('| providers | releases that day | requests | bodies out | bodies in | of it headers or blocks | of it proofs | with HTTP and TLS | goal 30 MB |\n|---|---|---|---|---|---|---|---|---|')
for (const [kind, changes] of [['has-headers', 0], ['has-headers', 10], ['blocks-only', 0]]) {
  const r = await run(join(buildDir, 'tests/bench/chain_day'), ['60', kind, String(changes)], { deadline_ms: 600000 })
  if (r.code !== 0) throw new Error(r.stderr)
  const day = JSON.parse(r.stdout)
  const m = day.methods
  const records = 2 * day.exchanges + day.in / 16384
  const all = day.in + day.out + day.exchanges * (headers + RESPONSE_HEADERS) + records * TLS_RECORD
  console.log(`| ${kind === 'has-headers' ? 'give headers alone' : 'only whole blocks'} | ${changes} | ${day.exchanges} | ${mb(day.out)} MB | ${mb(day.in)} MB | ` +
    `${mb(m.eth_getHeaderByNumber.in + m.eth_getBlockByNumber.in)} MB | ${mb(m.eth_getProof.in)} MB | **${mb(all)} MB** | ${all <= 30 * MB ? 'met' : '**missed**'} |`)
}
