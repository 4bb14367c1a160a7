// device.mjs: gateways of ten lines each for gatepost-device, and running it against them.
import { createSocket } from 'node:dgram'
import { createServer as createHttp } from 'node:http'
import { createRequire } from 'node:module'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import coap from 'coap'
import { makeEnvelope, makeManifest, sha256 } from './suit.mjs'
import { run } from './process.mjs'

const { generate, parse } = createRequire(import.meta.resolve('coap'))('coap-packet')

const build = process.env.GATEPOST_BUILD ?? 'build'
export const program = join(build, 'gatepost-device')
export const isBuilt = existsSync(program)

const CID = 'bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu'

/** A release as a gateway serves it: { envelope, image }; `more` goes into the manifest. */
export function release({ product = 'acme/thermostat', sequence = 1, image, signers, ...more }) {
  const manifest = makeManifest({
    product, sequence, version: `1.0.${sequence}`, image: { sha256: sha256(image), size: image.length, cid: CID }, ...more,
  })
  return { envelope: makeEnvelope(manifest, signers), image, sequence }
}

/** What a path gives: bytes, or nothing. State is what a test changes while the server runs. */
function lookUp(state, path) {
  if (path.startsWith('/fw/')) return state.release?.envelope
  if (path.startsWith('/ipfs/')) return state.image ?? state.release?.image
  return undefined
}

/** HTTP, with ranges unless state.noRanges; state.breakAt closes an image's connection once after so many bytes;
 * from state.stopAt on nothing more of it comes. */
export async function startHttp(t, state) {
  state.asked = []
  state.reports = []
  const server = createHttp((req, res) => {
    const path = req.url.split('?')[0]
    state.asked.push({ url: req.url, range: req.headers.range })
    if (req.method === 'POST') {
      const parts = []
      req.on('data', (d) => parts.push(d)).on('end', () => {
        state.reports.push(Buffer.concat(parts))
        res.writeHead(204).end()
      })
      return
    }
    const body = lookUp(state, path)
    if (!body) return void res.writeHead(state.status ?? 404, { 'content-length': 0 }).end()
    const from = !state.noRanges && req.headers.range ? Number(/bytes=(\d+)-/.exec(req.headers.range)[1]) : 0
    const headers = { 'content-length': body.length - from }
    if (from) headers['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`
    res.writeHead(from ? 206 : 200, headers)
    if (state.breakAt && path.startsWith('/ipfs/')) {
      res.write(body.subarray(from, state.breakAt), () => req.socket.destroy())
      state.breakAt = undefined
    } else if (state.stopAt && path.startsWith('/ipfs/')) {
      res.write(body.subarray(from, state.stopAt))
    } else {
      res.end(body.subarray(from))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => { server.closeAllConnections(); server.close() })
  return `http://127.0.0.1:${server.address().port}`
}

/** CoAP by node-coap, which cuts answers into blocks itself, knows no Size2 and answers 4.02 past the end. */
export async function startCoap(t, state) {
  state.asked = []
  state.reports = []
  state.observers = new Set()
  const server = coap.createServer({ type: 'udp4', piggybackReplyMs: 1 })
  server.on('request', (req, res) => answer(state, req, res))
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close() })
  state.changed = () => { for (const res of state.observers) res.write(state.release.envelope) }
  return `coap://127.0.0.1:${server._sock.address().port}`
}

function answer(state, req, res) {
  const path = req.url.split('?')[0]
  state.asked.push({ url: req.url, offset: blockOf(req.options.find((o) => o.name === 'Block2')?.value).offset })
  if (req.method === 'POST') {
    state.reports.push(req.payload)
    res.code = '2.04'
    return void res.end()
  }
  const body = lookUp(state, path)
  if (!body) res.code = '4.04'
  if (req.headers.Observe === 0 && body) {
    state.observers.add(res)
    res.on('finish', () => state.observers.delete(res))
    res.write(body)
  } else {
    res.end(body)
  }
}

/** A Block2 value as { offset, size }. */
function blockOf(value) {
  const v = value?.length ? value.readUIntBE(0, value.length) : 0
  const size = 2 ** ((v & 7) + 4)
  return { offset: (v >> 4) * size, size }
}

function blockValue(number, more, szx) {
  const v = number * 16 + (more ? 8 : 0) + szx
  const b = Buffer.alloc(3)
  b.writeUIntBE(v, 0, 3)
  return b.subarray(v > 0xffff ? 0 : v > 0xff ? 1 : v > 0 ? 2 : 3)
}

/**
 * CoAP message by message, for what a good library would not do. state: maxSzx, etag(offset), size2, drop() → true
 * loses a datagram, delay_ms() holds an answer back, refuse(packet, path) → { code, options } answers instead,
 * separate: empty ACK first.
 */
export async function startOddCoap(t, state) {
  state.asked = []
  const socket = createSocket('udp4')
  let id = 1
  const send = (packet, peer) => {
    const bytes = generate(packet)
    const go = () => { try { socket.send(bytes, peer.port, peer.address) } catch { /* closed */ } }
    if (state.drop?.()) return
    const wait = state.delay_ms?.() ?? 0
    if (wait) setTimeout(go, wait)
    else go()
  }
  socket.on('message', (bytes, peer) => {
    if (state.drop?.()) return
    const packet = parse(bytes)
    if (!packet.confirmable) return
    const reply = oddAnswer(state, packet)
    if (!state.separate) return send({ ...reply, ack: true, messageId: packet.messageId, token: packet.token }, peer)
    send({ code: '0.00', ack: true, messageId: packet.messageId }, peer)
    send({ ...reply, confirmable: true, messageId: id++, token: packet.token }, peer)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `coap://127.0.0.1:${socket.address().port}`
}

function oddAnswer(state, packet) {
  const path = '/' + packet.options.filter((o) => o.name === 'Uri-Path').map((o) => o.value).join('/')
  const { offset, size } = blockOf(packet.options.find((o) => o.name === 'Block2')?.value)
  const body = lookUp(state, path)
  state.asked.push({ url: path, offset, size })
  const refusal = state.refuse?.(packet, path)
  if (refusal) return refusal
  if (!body) return { code: '4.04' }
  if (offset && offset >= body.length) return { code: '4.00' }
  const szx = Math.min(Math.log2(size) - 4, state.maxSzx ?? 6)
  const end = offset + 2 ** (szx + 4)
  const options = [
    { name: 'ETag', value: state.etag?.(offset) ?? sha256(body).subarray(0, 8) },
    { name: 'Block2', value: blockValue(offset / 2 ** (szx + 4), end < body.length, szx) },
  ]
  if (state.size2) {
    const value = Buffer.alloc(4)
    value.writeUInt32BE(body.length)
    options.push({ name: 'Size2', value })
  }
  return { code: '2.05', options, payload: body.subarray(offset, end) }
}

/** Runs the program in dir; more arguments go behind. */
export function runDevice(url, dir, signers, more = [], { threshold = 1 } = {}) {
  const keys = signers.flatMap((s) => ['--key', s.coseKey.toString('hex')])
  return run(program, ['--url', url, '--product', 'acme/thermostat', ...keys, '--threshold', String(threshold),
    '--flash', join(dir, 'fw'), '-v', ...more])
}
