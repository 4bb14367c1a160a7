// ipfs-faults.mjs: the lies and failures of a hostile source, one switch per attack of chapter 5's list.
//
// A fault is an object with some of:
//	head(format, req, res, gateway)	answers itself and returns true
//	blocks(list, root)		other blocks for a CAR: a list of { cid, bytes }
//	body(bytes, format)		other bytes for the whole body
//	send(bytes, res, headers, format)	another way to send them
// and `ends`: what an honest reader must make of a CAR from it: "lie" (quarantined), "broken", "short" (goes on elsewhere),
// "done" (harmless), "later", "no-car", "stall"; `says`: the rule by which the status names it then; `raw`: the same for single
// blocks, of a fault that is in those too ("lie", or "refused": never taken for a block); `budget`: the most bytes that one CAR may
// cost (a number, or of the file's size); `isEndless`: its body has no end.
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
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
// Made once, and beside what else this process does: other sources live here too, and one that is silent for 4 s counts as slow.
let packed
const bomb = () => packed ??= promisify(gzip)(Buffer.alloc(64 * 2 ** 20))
const status = (code, headers = {}, body = '', only) => (format, req, res) => {
  if (only && format !== only) return false
  res.writeHead(code, headers).end(body)
  return true
}
// Claims cost no more than what curl and the socket hand over at once.
const KIB = 1024
const carMax = (size) => size * 1.05 + 1024 * KIB + 64 * KIB
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
  'flip-leaf': { ends: 'lie', says: /the block's bytes are not what its CID says/, blocks: (list) => list.map((b, i) => i === list.length - 1 ? { ...b, bytes: flip(b.bytes) } : b),
    body: (bytes, format) => format === 'raw' ? flip(bytes) : bytes },
  'flip-root': { ends: 'lie', says: /the block's bytes are not what its CID says/, blocks: (list) => list.map((b, i) => i === 0 ? { ...b, bytes: flip(b.bytes) } : b),
    body: (bytes, format) => format === 'raw' ? flip(bytes) : bytes },
  'wrong-block': { ends: 'lie', says: /the block's bytes are not what its CID says/, blocks: (list) => list.map((b, i) => i === middle(list) ? { ...b, bytes: stray(1)[0].bytes } : b),
    body: (bytes, format) => format === 'raw' ? randomBytes(bytes.length) : bytes },
  'missing-last': { ends: 'short', says: /car: ends before the file is complete/, blocks: (list) => without(list, list.length - 1) },
  'missing-middle': { ends: 'short', says: /car: ends before the file is complete/, blocks: (list) => without(list, middle(list)) },
  'missing-root': { ends: 'short', says: /car: ends before the file is complete/, blocks: (list) => without(list, 0) },
  'truncated': { ends: 'short', says: /car: ends inside a block/, raw: 'lie', body: (bytes) => bytes.subarray(0, bytes.length * 0.7), send: (bytes, res, headers) => {
    res.writeHead(200, headers) // chunked, so that HTTP itself sees nothing wrong
    res.end(bytes)
  } },
  'short-content-length': { ends: 'short', says: /transfer closed with \d+ bytes remaining/, raw: 'refused', send: upTo((bytes) => bytes.length >> 1, (res) => res.destroy()) },
  'extra-blocks': { ends: 'done', blocks: (list) => [list[0], ...stray(10), ...list.slice(1)] },
  'many-extra-blocks': { ends: 'broken', says: /car: 65 blocks, 6500 bytes that nobody asked for/, budget: 64 * KIB, blocks: (list) => [list[0], ...stray(1000), ...list.slice(1)] },
  'endless': { ends: 'broken', says: /sends more than \d+ bytes/, budget: carMax, isEndless: true, blocks: (list) => without(list, list.length - 1),
    send: (bytes, res, headers, format) => {
      res.writeHead(200, headers)
      const more = () => { while (!res.destroyed && res.write(bytes)); }
      if (format === 'raw') return res.end(bytes)
      // Without the last block the archive never completes; identity blocks come for ever instead.
      res.write(bytes)
      bytes = Buffer.concat(Array(10000).fill(Buffer.from([...varint(5), 0x01, 0x55, 0x00, 0x01, 0x61])))
      res.on('drain', more)
      more()
    } },
  'reordered': { ends: 'short', says: /car: ends before the file is complete/, blocks: (list) => [...list].reverse() },
  'block-3-mib': { ends: 'broken', says: /car: a section of 3145764 bytes, at most/, budget: 64 * KIB, body: carOnly((car) => splice(car, varint(36 + 3 * 2 ** 20))) },
  'section-1-tib': { ends: 'broken', says: /car: a section of 1099511627776 bytes, at most/, budget: 64 * KIB, body: carOnly((car) => splice(car, varint(2n ** 40n))) },
  'header-1-tib': { ends: 'broken', says: /car: a header of 1099511627776 bytes, at most 4096/, budget: 64 * KIB, body: carOnly((car) => Buffer.concat([varint(2n ** 40n), car.subarray(1)])) },
  'empty-section': { ends: 'broken', says: /car: a section of no bytes/, body: carOnly((car) => splice(car, Buffer.from([0]))) },
  'overlong-varint': { ends: 'broken', says: /car: a section's length: a varint is overlong/, body: carOnly((car) => splice(car, Buffer.from([0x88, 0x81, 0x00]))) },
  'overlong-varint-in-cid': { ends: 'broken', says: /car: cid: a varint is overlong/, body: carOnly((car) =>
    splice(car, varint(37), Buffer.from([0x01, 0xd5, 0x00, 0x12, 0x20]), Buffer.alloc(32))) },
  'section-past-end': { ends: 'short', says: /car: ends inside a block/, body: carOnly((car) => Buffer.concat([car.subarray(0, car.length - 200),
    varint(2000000), Buffer.from([0x01, 0x55, 0x12, 0x20]), Buffer.alloc(32), Buffer.alloc(100)])) },
  'cid-past-section': { ends: 'broken', says: /car: a CID runs past the end of its section/, body: carOnly((car) => splice(car, varint(20), Buffer.from([0x01, 0x55, 0x12, 0x20]), Buffer.alloc(32))) },
  'unknown-codec': { ends: 'broken', says: /car: cid: codec 0x71 is not supported/, body: carOnly((car) => splice(car, varint(36), Buffer.from([0x01, 0x71, 0x12, 0x20]), Buffer.alloc(32))) },
  'unknown-hash': { ends: 'broken', says: /car: cid: hash function 0x1b is not supported/, body: carOnly((car) => splice(car, varint(36), Buffer.from([0x01, 0x55, 0x1b, 0x20]), Buffer.alloc(32))) },
  'truncated-digest': { ends: 'broken', says: /car: cid: a sha2-256 digest must have 32 bytes, has 16/, body: carOnly((car) => splice(car, varint(20), Buffer.from([0x01, 0x55, 0x12, 0x10]), Buffer.alloc(16))) },
  'identity-blocks': { ends: 'done', blocks: (list) => list.flatMap((b) =>
    [{ cid: CID.createV1(raw.code, identity.digest(Buffer.from('hi'))), bytes: Buffer.from('hi') }, b]) },
  'trailing-bytes': { ends: 'done', body: carOnly((car) => Buffer.concat([car, Buffer.from('and more')])) },
  'car-v2': { ends: 'broken', says: /car: version 2 is not supported/, body: carOnly(() => Buffer.from('0aa16776657273696f6e02', 'hex')) },
  'html': { ends: 'broken', says: /answers with text\/html/, raw: 'lie', head: status(200, { 'content-type': 'text/html' }, html) },
  'html-as-car': { ends: 'broken', says: /car: the header is not/, raw: 'lie', budget: 64 * KIB, body: () => Buffer.from(html) },
  'wrong-type': { ends: 'broken', says: /answers with text\/plain/, send: (bytes, res) => res.writeHead(200, { 'content-type': 'text/plain' }).end(bytes) },
  'gzip': { ends: 'broken', says: /answers with a content encoding/, raw: 'refused', send: (bytes, res, headers) => res.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(bytes) },
  'gzip-bomb': { ends: 'broken', says: /answers with a content encoding/, raw: 'refused', budget: 0, send: async (bytes, res, headers) => {
    res.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(await bomb())
  } },
  'redirect-private': { ends: 'broken', says: /redirects elsewhere, which is not followed/, raw: 'refused', head: (format, req, res, gateway) =>
    status(302, { location: `${gateway.elsewhere ?? 'http://127.0.0.1:1'}/ipfs/x` })(format, req, res) },
  'redirect-here': { ends: 'broken', says: /redirects elsewhere, which is not followed/, raw: 'refused', head: (format, req, res) => {
    if (req.url.includes('again')) return false
    res.writeHead(302, { location: `${req.url}&again=1` }).end()
    return true
  } },
  'drip': { ends: 'stall', says: /too slow/, raw: 'refused', send: (bytes, res, headers) => {
    res.writeHead(200, { ...headers, 'content-length': bytes.length })
    let at = 0
    const timer = setInterval(() => { res.write(bytes.subarray(at, ++at)); if (at >= bytes.length) res.end() }, 1000)
    res.on('close', () => clearInterval(timer))
  } },
  'stall-99': { ends: 'stall', says: /too slow/, raw: 'refused', send: upTo((bytes) => Math.floor(bytes.length * 0.99), () => {}) },
  'stall-at-once': { ends: 'stall', says: /too slow/, raw: 'refused', head: () => true },
  'reset-64k': { ends: 'short', says: /the connection broke/, send: upTo(65536, (res) => res.socket.resetAndDestroy()) },
  'reset-at-once': { ends: 'short', says: /the connection broke/, raw: 'refused', head: (format, req, res) => { res.socket.resetAndDestroy(); return true } },
  'no-car-400': { ends: 'no-car', says: /does not take the question \(status 400\)/, head: status(400, {}, 'no CARs here\n', 'car') },
  'no-car-406': { ends: 'no-car', says: /does not give that format \(status 406\)/, head: status(406, {}, 'no CARs here\n', 'car') },
  'no-car-410': { ends: 'no-car', says: /does not give it any more \(status 410\)/, head: status(410, {}, 'no CARs here\n', 'car') },
  'no-car-413': { ends: 'no-car', says: /finds it too large \(status 413\)/, head: status(413, {}, 'too large\n', 'car') },
  '404': { ends: 'lacks', says: /does not have it \(status 404\)/, raw: 'refused', head: status(404) },
  '500': { ends: 'broken', says: /failed \(status 500\)/, raw: 'refused', head: status(500) },
  '403': { ends: 'denies', says: /forbids it \(status 403\)/, raw: 'refused', head: status(403) },
  '429': { ends: 'later', says: /too many requests \(status 429\)/, raw: 'refused', head: status(429) },
  '429-retry-1': { ends: 'later', says: /too many requests \(status 429\)/, raw: 'refused', head: status(429, { 'retry-after': '1' }) },
  '429-retry-year': { ends: 'later', says: /too many requests \(status 429\)/, raw: 'refused', head: status(429, { 'retry-after': '31536000' }) },
  '429-once': { ends: 'later', says: /too many requests \(status 429\)/, head: (format, req, res, gateway) => {
    gateway.fault = null
    return status(429, { 'retry-after': '1' })(format, req, res)
  } },
  // 200, and then no chunk as RFC 9112, 7.1 has them.
  'broken-chunk': { ends: 'short', says: /the connection broke: .*chunked/, raw: 'refused', send: (bytes, res) => {
    res.socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: application/vnd.ipld.car\r\ntransfer-encoding: chunked\r\n\r\n'),
      Buffer.from(`${(bytes.length >> 1).toString(16)}\r\n`), bytes.subarray(0, bytes.length >> 1), Buffer.from('\r\nnot a length\r\n')]))
  } },
  'stream-error': { ends: 'short', says: /its stream broke: context deadline exceeded/, raw: 'refused', send: (bytes, res, headers) => {
    res.writeHead(200, { ...headers, trailer: 'X-Stream-Error' })
    res.write(bytes.subarray(0, bytes.length >> 1))
    res.addTrailers({ 'X-Stream-Error': 'context deadline exceeded' })
    res.end()
  } },
  'long-headers': { ends: 'broken', says: /more than 32768 bytes of header lines/, raw: 'refused', head: (format, req, res) => {
    for (let i = 0; i < 40; i++) res.setHeader(`x-filler-${i}`, 'a'.repeat(1000))
    return false
  } },
}
