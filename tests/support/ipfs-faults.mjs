// ipfs-faults.mjs: the lies and failures of a hostile source, one switch per attack of chapter 5's list.
//
// A fault is an object with some of:
//	head(format, req, res, gateway)	answers itself and returns true
//	blocks(list, root)		other blocks for a CAR: a list of { cid, bytes }
//	body(bytes, format)		other bytes for the whole body
//	send(bytes, res, headers, format)	another way to send them
// and `ends`: what an honest reader must make of a CAR from it: "lie" (quarantined), "broken", "short" (goes on elsewhere),
// "done" (harmless), "later", "no-car", "stall".
import { randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import * as raw from 'multiformats/codecs/raw'

const flip = (bytes, at = bytes.length >> 1) => {
  const copy = Buffer.from(bytes)
  copy[at] ^= 0x10
  return copy
}
const without = (list, at) => list.filter((_, i) => i !== at)
const middle = (list) => list.length >> 1
const stray = (n, size = 100) => Array.from({ length: n }, () => {
  const bytes = randomBytes(size)
  return { cid: CID.createV1(raw.code, syncDigest(bytes)), bytes }
})
// multiformats' sha256 may be asynchronous; under Node it is not.
function syncDigest(bytes) {
  const digest = sha256.digest(bytes)
  if (digest instanceof Promise) throw new Error('sha256 is asynchronous here')
  return digest
}
const status = (code, headers = {}, body = '', only) => (format, req, res) => {
  if (only && format !== only) return false
  res.writeHead(code, headers).end(body)
  return true
}
const html = '<!DOCTYPE html><html><head><title>Welcome</title></head><body>It works!</body></html>\n'

// Section heads by hand: what no library writes.
const varint = (n) => {
  const out = []
  for (n = BigInt(n); n > 0x7fn; n >>= 7n) out.push(Number(n & 0x7fn) | 0x80)
  return Buffer.from([...out, Number(n)])
}
const headerEnd = (car) => 1 + car[0] // a header with one root is shorter than 128 bytes
const splice = (car, ...parts) => Buffer.concat([car.subarray(0, headerEnd(car)), ...parts, car.subarray(headerEnd(car))])
const carOnly = (fn) => (bytes, format) => format === 'car' ? fn(bytes) : bytes

/** Sends `bytes` up to `end`, then does `then(res)`. */
const upTo = (end, then) => (bytes, res, headers) => {
  const stop = typeof end === 'function' ? end(bytes) : end
  res.writeHead(200, { ...headers, 'content-length': bytes.length })
  res.write(bytes.subarray(0, stop), () => then(res))
}

export const faults = {
  'flip-leaf': { ends: 'lie', blocks: (list) => list.map((b, i) => i === list.length - 1 ? { ...b, bytes: flip(b.bytes) } : b),
    body: (bytes, format) => format === 'raw' ? flip(bytes) : bytes },
  'flip-root': { ends: 'lie', blocks: (list) => list.map((b, i) => i === 0 ? { ...b, bytes: flip(b.bytes) } : b),
    body: (bytes, format) => format === 'raw' ? flip(bytes) : bytes },
  'wrong-block': { ends: 'lie', blocks: (list) => list.map((b, i) => i === middle(list) ? { ...b, bytes: stray(1)[0].bytes } : b),
    body: (bytes, format) => format === 'raw' ? randomBytes(bytes.length) : bytes },
  'missing-last': { ends: 'short', blocks: (list) => without(list, list.length - 1) },
  'missing-middle': { ends: 'short', blocks: (list) => without(list, middle(list)) },
  'missing-root': { ends: 'short', blocks: (list) => without(list, 0) },
  'truncated': { ends: 'short', body: (bytes) => bytes.subarray(0, bytes.length * 0.7), send: (bytes, res, headers) => {
    res.writeHead(200, headers) // chunked, so that HTTP itself sees nothing wrong
    res.end(bytes)
  } },
  'short-content-length': { ends: 'short', send: upTo((bytes) => bytes.length >> 1, (res) => res.destroy()) },
  'extra-blocks': { ends: 'done', blocks: (list) => [list[0], ...stray(10), ...list.slice(1)] },
  'many-extra-blocks': { ends: 'broken', blocks: (list) => [list[0], ...stray(1000), ...list.slice(1)] },
  'endless': { ends: 'broken', send: (bytes, res, headers, format) => {
    res.writeHead(200, headers)
    const more = () => { while (!res.destroyed && res.write(bytes)); }
    if (format === 'raw') return res.end(bytes)
    // Without the last byte the archive never completes; its blocks come again and again instead.
    res.write(bytes.subarray(0, bytes.length - 1))
    bytes = Buffer.from([...varint(5), 0x01, 0x55, 0x00, 0x01, 0x61]) // after it: identity blocks for ever
    bytes = Buffer.concat(Array(10000).fill(bytes))
    res.on('drain', more)
    more()
  } },
  'reordered': { ends: 'short', blocks: (list) => [...list].reverse() },
  'block-3-mib': { ends: 'broken', body: carOnly((car) => splice(car, varint(36 + 3 * 2 ** 20))) },
  'section-1-tib': { ends: 'broken', body: carOnly((car) => splice(car, varint(2n ** 40n))) },
  'empty-section': { ends: 'broken', body: carOnly((car) => splice(car, Buffer.from([0]))) },
  'overlong-varint': { ends: 'broken', body: carOnly((car) => splice(car, Buffer.from([0x88, 0x81, 0x00]))) },
  'section-past-end': { ends: 'short', body: carOnly((car) => Buffer.concat([car.subarray(0, car.length - 200),
    varint(2000000), Buffer.from([0x01, 0x55, 0x12, 0x20]), Buffer.alloc(32), Buffer.alloc(100)])) },
  'cid-past-section': { ends: 'broken', body: carOnly((car) => splice(car, varint(20), Buffer.from([0x01, 0x55, 0x12, 0x20]), Buffer.alloc(32))) },
  'unknown-codec': { ends: 'broken', body: carOnly((car) => splice(car, varint(36), Buffer.from([0x01, 0x71, 0x12, 0x20]), Buffer.alloc(32))) },
  'unknown-hash': { ends: 'broken', body: carOnly((car) => splice(car, varint(36), Buffer.from([0x01, 0x55, 0x1b, 0x20]), Buffer.alloc(32))) },
  'truncated-digest': { ends: 'broken', body: carOnly((car) => splice(car, varint(20), Buffer.from([0x01, 0x55, 0x12, 0x10]), Buffer.alloc(16))) },
  'identity-blocks': { ends: 'done', blocks: (list) => list.flatMap((b) =>
    [{ cid: CID.createV1(raw.code, identity.digest(Buffer.from('hi'))), bytes: Buffer.from('hi') }, b]) },
  'trailing-bytes': { ends: 'done', body: carOnly((car) => Buffer.concat([car, Buffer.from('and more')])) },
  'car-v2': { ends: 'broken', body: carOnly(() => Buffer.from('0aa16776657273696f6e02', 'hex')) },
  'html': { ends: 'broken', head: status(200, { 'content-type': 'text/html' }, html) },
  'html-as-car': { ends: 'broken', body: () => Buffer.from(html) },
  'wrong-type': { ends: 'broken', send: (bytes, res) => res.writeHead(200, { 'content-type': 'text/plain' }).end(bytes) },
  'gzip': { ends: 'broken', send: (bytes, res, headers) => res.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(bytes) },
  'redirect-private': { ends: 'broken', head: status(302, { location: 'http://127.0.0.1:1/ipfs/x' }) },
  'redirect-here': { ends: 'broken', head: (format, req, res) => {
    if (req.url.includes('again')) return false
    res.writeHead(302, { location: `${req.url}&again=1` }).end()
    return true
  } },
  'drip': { ends: 'stall', send: (bytes, res, headers) => {
    res.writeHead(200, { ...headers, 'content-length': bytes.length })
    let at = 0
    const timer = setInterval(() => { res.write(bytes.subarray(at, ++at)); if (at >= bytes.length) res.end() }, 1000)
    res.on('close', () => clearInterval(timer))
  } },
  'stall-99': { ends: 'stall', send: upTo((bytes) => Math.floor(bytes.length * 0.99), () => {}) },
  'stall-at-once': { ends: 'stall', head: () => true },
  'reset-64k': { ends: 'short', send: upTo(65536, (res) => res.socket.resetAndDestroy()) },
  'reset-at-once': { ends: 'short', head: (format, req, res) => { res.socket.resetAndDestroy(); return true } },
  'no-car-400': { ends: 'no-car', head: status(400, {}, 'no CARs here\n', 'car') },
  'no-car-406': { ends: 'no-car', head: status(406, {}, 'no CARs here\n', 'car') },
  'no-car-410': { ends: 'no-car', head: status(410, {}, 'no CARs here\n', 'car') },
  'no-car-413': { ends: 'no-car', head: status(413, {}, 'too large\n', 'car') },
  '404': { ends: 'lacks', head: status(404) },
  '500': { ends: 'broken', head: status(500) },
  '403': { ends: 'denies', head: status(403) },
  '429': { ends: 'later', head: status(429) },
  '429-retry-1': { ends: 'later', head: status(429, { 'retry-after': '1' }) },
  '429-retry-year': { ends: 'later', head: status(429, { 'retry-after': '31536000' }) },
  '429-once': { ends: 'later', head: (format, req, res, gateway) => {
    gateway.fault = null
    return status(429, { 'retry-after': '1' })(format, req, res)
  } },
  'stream-error': { ends: 'short', send: (bytes, res, headers) => {
    res.writeHead(200, { ...headers, trailer: 'X-Stream-Error' })
    res.write(bytes.subarray(0, bytes.length >> 1))
    res.addTrailers({ 'X-Stream-Error': 'context deadline exceeded' })
    res.end()
  } },
  'long-headers': { ends: 'broken', head: (format, req, res) => {
    for (let i = 0; i < 40; i++) res.setHeader(`x-filler-${i}`, 'a'.repeat(1000))
    return false
  } },
}
