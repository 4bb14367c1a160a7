// file-source.mjs: an image on a plain web server, as files: a CAR, blocks, the firmware itself; and the same by Kubo's RPC.
//
//	/car/{cid}.car, /blocks/{cid}, /image/{sha256}, /inner/{cid}.car	GET, with Range and If-Range (RFC 9110, 13.1.5 and 14)
//	/api/v0/dag/export?arg={cid}, /api/v0/block/get?arg={cid}		POST
// Honest unless `fault` names one of fileFaults.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { carOf, readCid } from './ipfs-blocks.mjs'

const DAG_PB = 0x70

const flip = (bytes) => {
  const copy = Buffer.from(bytes)
  copy[copy.length >> 1] ^= 0x10
  return copy
}
/** The first half of a file, and then the connection breaks; what is asked for from further on does not come at all. */
const breakAt = (res, status, headers, bytes, from, stop) => {
  res.writeHead(status, { ...headers, 'content-length': bytes.length - from })
  res.write(bytes.subarray(from, Math.max(from, stop)), () => res.destroy())
}

/** Each answers a request for `file` from byte `from` on; `isRange`: it was asked so; `isWhole`: of files that can be asked so. */
export const fileFaults = {
  'flipped byte': ({ send, file }) => send(flip(file)),
  'truncated': ({ res, file, from, isRange, rangeHeaders }) =>
    breakAt(res, isRange ? 206 : 200, isRange ? rangeHeaders(file) : {}, file, from, file.length >> 1),
  'wrong Content-Range': ({ res, file, from, isRange, isWhole }) => {
    if (!isRange && isWhole) return breakAt(res, 200, { etag: '"1"' }, file, 0, file.length >> 1)
    const start = Math.max(0, from - 1000)
    res.writeHead(206, { etag: '"1"', 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }).end(file.subarray(start))
  },
  'changed between ranges': ({ res, file, from, isRange, rangeHeaders, send }) => {
    if (!isRange && file.length > 65536) return breakAt(res, 200, { etag: '"1"' }, file, 0, file.length >> 1)
    const other = Buffer.from(randomBytes(file.length))
    if (!isRange) return send(other)
    // It has another ETag now, but the part that was asked for comes all the same.
    res.writeHead(206, { ...rangeHeaders(other), etag: '"2"' }).end(other.subarray(from))
  },
  'endless body': ({ res, file }) => {
    const junk = randomBytes(65536)
    const more = () => { while (!res.destroyed && res.write(junk)); }
    res.writeHead(200, {})
    res.write(file.subarray(0, file.length - 1))
    res.on('drain', more)
    more()
  },
}

function answer(source, name, file, req, res) {
  const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '')
  const isRange = Boolean(range)
  const from = isRange ? Number(range[1]) : 0
  const rangeHeaders = (bytes) => ({ etag: '"1"', 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
  const send = (bytes) => (isRange ? res.writeHead(206, rangeHeaders(bytes)).end(bytes.subarray(from))
    : res.writeHead(200, { etag: '"1"', 'content-length': bytes.length }).end(bytes))
  // Inner blocks are small and checked at once: what a mirror lies about is the file.
  if (!source.fault || name === 'inner') return send(file)
  return fileFaults[source.fault]({ res, file, from, isRange, isWhole: ['car', 'image'].includes(name), rangeHeaders, send })
}

/** Starts one for the test: url, fault, requests (paths). `image` is what `cid` names in `blocks`. */
export async function startFiles(t, { blocks, cid, image, fault = null }) {
  const car = await carOf(cid, blocks.walk(cid))
  const inner = await carOf(cid, [...blocks.walk(cid)].filter((b) => b.cid.code === DAG_PB))
  const source = { fault, requests: [], bytes: 0 }
  const fileOf = (kind, name) => ({ car: () => car, export: () => car, inner: () => inner, image: () => image,
    blocks: () => blocks.get(readCid(name)), get: () => blocks.get(readCid(name)) })[kind]?.()
  const server = createServer((req, res) => {
    source.requests.push(req.url)
    const [, kind, name] = /(car|blocks|image|inner|export|get)(?:\/|\?arg=)([a-z0-9]+)/.exec(req.url) ?? []
    const file = fileOf(kind, name)
    if (!file) return res.writeHead(404).end()
    if (kind === 'export') res.setHeader('content-type', 'application/vnd.ipld.car')
    return answer(source, kind, Buffer.from(file), req, res)
  })
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  source.url = `http://127.0.0.1:${server.address().port}`
  return source
}
