// lies/transport.mjs: connections that break, drag on, or bring more than anybody asked for.
import { gzipSync } from 'node:zlib'
import { method } from './answers.mjs'

const MIB = 1024 * 1024
const JSON_TYPE = { 'content-type': 'application/json' }
const whole = (headers, body, applies = () => true) => () => ({ http: ({ res, calls }) => {
  if (!calls.every(applies)) return false
  res.writeHead(200, { ...JSON_TYPE, ...headers, 'content-length': body.length }).end(body)
  return true
} })

/** What may have long answers. */
const isRecords = method('eth_getLogs')

/** Timers and sockets of a lie that lasts, ended with it. */
function lasting(begin) {
  return () => {
    const ends = new Set()
    return { stop: () => ends.forEach((end) => end()), http: (exchange) => {
      const end = begin(exchange)
      ends.add(end)
      exchange.res.on('close', end)
      return true
    } }
  }
}

/** Writes piece() again and again, as fast as it is taken. */
function flood(res, piece) {
  let isOver = false
  const more = () => {
    while (!isOver && res.write(piece())) { /* until the buffer is full */ }
  }
  res.on('drain', more).on('error', () => {})
  more()
  return () => { isOver = true }
}

/** Just below what an answer with records may have. */
const nested = Buffer.alloc(8 * MIB - 16, '[')
const wide = Buffer.from(`[${'1,'.repeat(4 * MIB - 16)}1]`)
const objects = Buffer.from(`[${'{},'.repeat(2.6 * MIB)}{}]`)
const keys = Buffer.from(`{${Array.from({ length: 500000 }, (_, i) => `"k${i}":1`).join(',')}}`)
const digits = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${'9'.repeat(8 * MIB - 64)}}`)
const zeros = gzipSync(Buffer.alloc(64 * MIB))

export const transportLies = [
  { name: 'html-page', what: 'answers everything with a page',
    tamper: whole({ 'content-type': 'text/html' }, Buffer.from('<!DOCTYPE html><title>Sign in</title>')),
    named: /garbage: JSON/ },
  { name: 'body-too-long', what: 'sends 8 MiB and one byte when it is asked for records',
    tamper: whole({}, Buffer.alloc(8 * MIB + 1, ' '), isRecords), named: /announces 8388609 bytes, more than 8388608/ },
  { name: 'body-too-long-unannounced', what: 'sends 8 MiB and one byte without saying how long it is',
    tamper: () => ({ http: ({ res, calls }) => {
      if (calls.every(isRecords)) res.writeHead(200, JSON_TYPE).end(Buffer.alloc(8 * MIB + 1, ' '))
      return calls.every(isRecords)
    } }),
    named: /sends more than 8388608 bytes/ },
  { name: 'small-body-too-long', what: 'sends 2 MiB and one byte for blocks',
    tamper: whole({}, Buffer.alloc(2 * MIB + 1, ' '), (call) => !isRecords(call)), named: /announces 2097153 bytes, more than 2097152/ },
  { name: 'endless-body', what: 'never ends its answer', tamper: lasting(({ res }) => {
    res.writeHead(200, JSON_TYPE)
    const piece = Buffer.alloc(64 * 1024, ' ')
    return flood(res, () => piece)
  }), named: /sends more than 2097152 bytes/ },
  { name: 'endless-header', what: 'never ends its header', tamper: lasting(({ req }) => {
    req.socket.write('HTTP/1.1 200 OK\r\n')
    const line = Buffer.from(`x-more: ${'m'.repeat(1000)}\r\n`)
    return flood(req.socket, () => line)
  }), named: /header/i },
  { name: 'one-byte-a-second', what: 'sends a byte every second', tamper: lasting(({ res, body }) => {
    let at = 0
    res.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) })
    const drip = () => res.write(body[at++] ?? ' ')
    drip()
    const timer = setInterval(drip, 1000)
    return () => clearInterval(timer)
  }), named: /slow: no answer after \d+ ms/ },
  { name: 'no-answer', what: 'takes requests and never answers', tamper: lasting(() => () => {}), named: /slow: no answer after \d+ ms/ },
  { name: 'reset-mid-body', what: 'resets the connection in the middle of an answer', tamper: () => ({ http: ({ req, res, body }) => {
    res.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) })
    res.write(body.slice(0, body.length >> 1), () => req.socket.resetAndDestroy())
    return true
  } }), named: /down: .*(the connection broke|reset)/i },
  { name: 'closed-mid-body', what: 'closes the connection in the middle of an answer', tamper: () => ({ http: ({ req, res, body }) => {
    res.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) })
    res.write(body.slice(0, body.length >> 1), () => req.socket.destroy())
    return true
  } }), named: /down: .*(closed|reset|remaining)/i },
  { name: 'closed-at-once', what: 'closes the connection without a byte',
    tamper: () => ({ http: ({ req }) => Boolean(req.socket.destroy()) }),
    named: /down: .*(empty reply|reset|closed)/i },
  { name: 'nobody-listens', what: 'is not there', tamper: () => ({ isDown: true }), named: /down: .*connect/i },
  { name: 'not-http', what: 'answers in another protocol',
    tamper: () => ({ http: ({ req }) => Boolean(req.socket.end('SSH-2.0-OpenSSH_9.7\r\n')) }),
    named: /down: / },
  { name: 'tls-unknown-issuer', from: 'start', isTls: true, what: 'has a certificate that it issued itself',
    tamper: () => ({}),
    named: /down: .*(certificate|SSL|TLS)/i },
  { name: 'redirect', what: 'sends us to another address', tamper: (stage) => ({ http: ({ res }) => {
    res.writeHead(307, { location: stage.elsewhere }).end()
    return true
  } }), named: /garbage: HTTP status 307/, isRedirect: true },
  { name: 'gzip-bomb', what: 'sends 64 MiB of zeros, packed', tamper: whole({ 'content-encoding': 'gzip' }, zeros), named: /content encoding/ },
  { name: 'gzip-undeclared', what: 'sends packed bytes without saying so', tamper: whole({}, zeros), named: /garbage: JSON/ },
  { name: 'json-nested', what: 'nests eight million arrays', tamper: whole({}, nested, isRecords), named: /garbage: JSON: .*depth/i },
  { name: 'json-wide', what: 'sends an array of four million numbers', tamper: whole({}, wide, isRecords), named: /takes more than 16777216 bytes of memory/ },
  { name: 'json-objects', what: 'sends an array of 2.7 million objects',
    tamper: whole({}, objects, isRecords),
    named: /takes more than 16777216 bytes of memory/ },
  { name: 'json-keys', what: 'sends an object with half a million keys', tamper: whole({}, keys, isRecords), named: /takes more than 16777216 bytes of memory/ },
  { name: 'json-digits', what: 'sends a number of four million digits', tamper: whole({}, digits, isRecords), named: /garbage: JSON/ },
]
