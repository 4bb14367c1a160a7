// coap.mjs: CoAP messages by hand, and a socket that asks: for what well-behaved clients would never send, and for
// reading replies without trusting our own decoder.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export const CON = 0, NON = 1, ACK = 2, RST = 3
export const GET = 1, POST = 2
export const OPTION = {
  ETAG: 4, OBSERVE: 6, URI_PATH: 11, CONTENT_FORMAT: 12, MAX_AGE: 14, URI_QUERY: 15, ACCEPT: 17, BLOCK2: 23, BLOCK1: 27,
  SIZE2: 28, ECHO: 252,
}

/** A uint option value in its shortest form. */
export function uint(value) {
  const bytes = []
  for (let v = value; v > 0; v = Math.floor(v / 256)) bytes.unshift(v % 256)
  return Buffer.from(bytes)
}

export const readUint = (bytes) => (bytes ?? Buffer.alloc(0)).reduce((sum, byte) => sum * 256 + byte, 0)

/** [number, value] rows for a path: one per segment. */
export const pathOptions = (path) => path.split('/').slice(1).map((part) => [OPTION.URI_PATH, Buffer.from(part)])

export const block = (number, szx, more = false) => uint(number * 16 + (more ? 8 : 0) + szx)

function extended(value) {
  if (value < 13) return [value, Buffer.alloc(0)]
  if (value < 269) return [13, Buffer.from([value - 13])]
  return [14, Buffer.from([(value - 269) >> 8, (value - 269) & 255])]
}

/** options: [number, Buffer] rows in any order. */
export function encode({ type = CON, code = GET, id, token = Buffer.alloc(0), options = [], payload }) {
  const parts = [Buffer.from([0x40 | type << 4 | token.length, code, id >> 8, id & 255]), token]
  let last = 0
  for (const [number, value] of [...options].sort((a, b) => a[0] - b[0])) {
    const [delta, deltaBytes] = extended(number - last)
    const [length, lengthBytes] = extended(value.length)
    parts.push(Buffer.from([delta << 4 | length]), deltaBytes, lengthBytes, value)
    last = number
  }
  if (payload?.length) parts.push(Buffer.from([0xff]), payload)
  return Buffer.concat(parts)
}

export function decode(bytes) {
  const message = {
    type: bytes[0] >> 4 & 3, code: bytes[1], id: bytes.readUInt16BE(2), token: bytes.subarray(4, 4 + (bytes[0] & 15)),
    options: new Map(), payload: Buffer.alloc(0),
  }
  let at = 4 + (bytes[0] & 15)
  let number = 0
  const length = (nibble) => {
    if (nibble === 13) return 13 + bytes[at++]
    if (nibble === 14) return (at += 2, 269 + bytes.readUInt16BE(at - 2))
    if (nibble === 15) throw new Error('reserved option length')
    return nibble
  }
  while (at < bytes.length && bytes[at] !== 0xff) {
    const head = bytes[at++]
    number += length(head >> 4)
    const n = length(head & 15)
    if (at + n > bytes.length) throw new Error('option past the end')
    message.options.set(number, [...message.options.get(number) ?? [], bytes.subarray(at, at + n)])
    at += n
  }
  if (at < bytes.length) message.payload = bytes.subarray(at + 1)
  return message
}

/** "2.05" */
export const codeName = (code) => `${code >> 5}.${String(code & 31).padStart(2, '0')}`

/** A client on a socket of its own. ask() retransmits like RFC 7252 says it should, unless told not to. */
export async function openClient(port, { host = '127.0.0.1', family = 'udp4', bind } = {}) {
  const socket = createSocket(family)
  const waiting = new Map()
  const others = []
  let id = Math.floor(Math.random() * 65536)
  socket.on('message', (bytes, from) => {
    const reply = { ...decode(bytes), bytes, from }
    const asker = waiting.get(reply.token.toString('hex'))
    if (asker && reply.code !== 0) asker(reply)
    else others.push(reply)
  })
  socket.bind(0, bind)
  await once(socket, 'listening')
  const nextId = () => (id = (id + 1) % 65536)
  return {
    socket,
    /** What came without being waited for: empty messages, notifications. */
    others,
    nextId,
    send: (bytes, to = host) => new Promise((resolve, reject) =>
      socket.send(bytes, port, to, (error) => error ? reject(error) : resolve())),
    async ask(path, { options = [], tries = 5, wait_ms = 2000, to = host, ...rest } = {}) {
      const message = { id: nextId(), token: uint(0x10000 + id), options: [...pathOptions(path), ...options], ...rest }
      const bytes = encode(message)
      for (let i = 0; i < tries; i++) {
        const reply = await new Promise((resolve) => {
          const timer = setTimeout(() => resolve(null), wait_ms * 2 ** i)
          waiting.set(message.token.toString('hex'), (r) => { clearTimeout(timer); resolve(r) })
          socket.send(bytes, port, to)
        })
        if (reply) {
          waiting.delete(message.token.toString('hex'))
          return { ...reply, request: message, requestBytes: bytes, tries: i + 1 }
        }
      }
      waiting.delete(message.token.toString('hex'))
      return null
    },
    close: () => socket.close(),
  }
}

/**
 * A resource block by block, 1 KiB each: { etag, body }, or { code } of the answer that was none. It is begun again at most `restarts` times when it
 * becomes another one under way, as RFC 7959, section 2.4 wants it. The other options are for ask().
 */
export async function readResource(client, path, { restarts = 0, ...options } = {}) {
  let parts = [], etag, more = true
  while (more) {
    const r = await client.ask(path, { ...options, options: [[OPTION.BLOCK2, block(parts.length, 6)]] })
    if (!r || codeName(r.code) !== '2.05') return { code: r ? codeName(r.code) : 'no answer' }
    const said = r.options.get(OPTION.ETAG)?.[0], option = readUint(r.options.get(OPTION.BLOCK2)?.[0])
    if (!said || option >> 4 !== parts.length) return { code: 'without ETag, or another block' }
    if (etag && !etag.equals(said)) {
      if (restarts-- === 0) return { code: 'changed under way' }
      parts = []
      etag = undefined
      continue
    }
    etag = said
    more = Boolean(option & 8)
    parts.push(r.payload)
  }
  return { etag, body: Buffer.concat(parts) }
}
