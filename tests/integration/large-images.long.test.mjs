// large-images.long.test.mjs: images at the ends of 31 and 32 bits, and at the last block that CoAP can name: fetched from a reference gateway,
// verified, and served whole, by Range around 2^31 and at the end, as CARs, and block-wise. Of zeros but for marks where an offset that is
// cut short or taken for negative would read something else. About 12 GB are written, into TMPDIR.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { test } from 'node:test'
import { CarReader } from '@ipld/car/reader'
import * as dagPB from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { OPTION, block, codeName, openClient } from '../support/coap.mjs'
import { program } from '../support/gateway.mjs'
import { Blocks } from '../support/ipfs-blocks.mjs'
import { run } from '../support/process.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const GIB = 2 ** 30, LEAF = 2 ** 20, MARK = 64
const zeros = Buffer.alloc(LEAF)
const sizes = [GIB, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]
const digest = (bytes) => createHash('sha256').update(bytes).digest()

/** An image of `size` bytes: its bytes [from, to), and all of them in leaves. Marks: at the beginning, over 2^30 and 2^31, at the end. */
function makeImage(size) {
  const marks = [0, GIB - MARK / 2, 2 ** 31 - MARK / 2, size - MARK].filter((at) => at + MARK <= size).map((at) => ({ at, bytes: randomBytes(MARK) }))
  const part = (from, to) => {
    const hit = marks.filter((m) => m.at < to && m.at + MARK > from)
    if (!hit.length) return to - from === LEAF ? zeros : zeros.subarray(0, to - from)
    const out = Buffer.alloc(to - from)
    for (const { at, bytes } of hit) {
      const start = Math.max(at, from), stop = Math.min(at + MARK, to)
      bytes.copy(out, start - from, start - at, stop - at)
    }
    return out
  }
  const leaves = function * () { for (let at = 0; at < size; at += LEAF) yield part(at, Math.min(at + LEAF, size)) }
  return { size, marks, part, leaves }
}

const varint = (n) => {
  const bytes = []
  for (let v = BigInt(n); ; v >>= 7n) {
    bytes.push(Number(v & 127n) | (v > 127n ? 128 : 0))
    if (v <= 127n) return Buffer.from(bytes)
  }
}
const cidOf = (code, bytes) => CID.createV1(code, create(0x12, digest(bytes)))

/** The image in `blocks`, as unixfs-v1-2025 cuts it: its root. By hand: ipfs-unixfs 9 writes sizes from 2^31 on as 0. */
function addImage(blocks, image) {
  let level = []
  const known = new Map()
  for (const leaf of image.leaves()) {
    const plain = leaf === zeros
    const cid = (plain && known.get(zeros)) || blocks.put(cidOf(0x55, leaf), leaf)
    if (plain) known.set(zeros, cid)
    level.push({ cid, size: leaf.length, tsize: leaf.length })
  }
  while (level.length > 1) {
    const above = []
    for (let i = 0; i < level.length; i += 1024) {
      const under = level.slice(i, i + 1024), size = under.reduce((sum, c) => sum + c.size, 0)
      const Data = Buffer.concat([Buffer.from([8, 2, 24]), varint(size), ...under.flatMap((c) => [Buffer.from([32]), varint(c.size)])])
      const bytes = Buffer.from(dagPB.encode({ Data, Links: under.map((c) => ({ Hash: c.cid, Name: '', Tsize: c.tsize })) }))
      above.push({ cid: blocks.put(cidOf(dagPB.code, bytes), bytes), size, tsize: bytes.length + under.reduce((sum, c) => sum + c.tsize, 0) })
    }
    level = above
  }
  return level[0].cid
}

/** A file of the image with holes where it is zero; `dag_cid` (our own builder) and, below 2^31, the reference importer name it the same. */
async function checkCid(world, image, cid) {
  const path = world.otherDir(`image-${image.size}`), file = await open(path, 'w')
  await file.truncate(image.size)
  for (const { at, bytes } of image.marks) await file.write(bytes, 0, bytes.length, at)
  await file.close()
  const ours = await run('sh', ['-c', '"$0" unixfs-v1-2025 < "$1"', program('tests/integration/dag_cid'), path], { deadline_ms: 600_000 })
  assert.match(ours.stdout, new RegExp(`\\b${cid}\\b`), ours.stderr)
  await rm(path)
  if (image.size < 2 ** 31) assert.equal(String(await new Blocks().add(image.leaves())), String(cid))
}

/** GET with Node's own client: { status, headers, sha256, bytes (small ones), length }. */
const get = (url, headers = {}, method = 'GET') => new Promise((resolve, reject) => {
  const req = request(url, { headers, method }, (res) => {
    const sum = createHash('sha256'), small = []
    let length = 0
    res.on('data', (chunk) => {
      sum.update(chunk)
      length += chunk.length
      if (length <= 8 * LEAF) small.push(chunk)
    })
    res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, length, sha256: sum.digest('hex'), bytes: Buffer.concat(small) }))
    res.on('error', reject)
  })
  req.on('error', reject)
  req.end()
})

async function ranges(url, image) {
  const { size } = image, last = size - 1
  const around = [[0, 9], [GIB - 8, GIB + 7], [2 ** 31 - 9, 2 ** 31 - 2], [2 ** 31 - 8, 2 ** 31 + 7], [2 ** 31, 2 ** 31], [size - LEAF - 5, size - LEAF + 5], [last, last]]
  for (const [from, to] of around.filter(([, stop]) => stop < size)) {
    const r = await get(url, { range: `bytes=${from}-${to}` })
    assert.equal(r.status, 206, `${from}-${to}`)
    assert.equal(r.headers['content-range'], `bytes ${from}-${to}/${size}`)
    assert.ok(r.bytes.equals(image.part(from, to + 1)), `bytes ${from}-${to} of ${size}`)
  }
  for (const [asked, from] of [['bytes=-70', size - 70], [`bytes=${size - 10}-`, size - 10], [`bytes=${size - 10}-${2 ** 40}`, size - 10]]) {
    const r = await get(url, { range: asked })
    assert.equal(r.status, 206, asked)
    assert.equal(r.headers['content-range'], `bytes ${from}-${last}/${size}`)
    assert.ok(r.bytes.equals(image.part(from, size)), asked)
  }
  const beyond = await get(url, { range: `bytes=${size}-` })
  assert.equal(beyond.status, 416)
  assert.equal(beyond.headers['content-range'], `bytes */${size}`)
}

/** CARs, read by @ipld/car: the whole file's blocks, each once; and what leads to a few bytes. Every block hashes to its name. */
async function cars(gateway, cid, image, count) {
  const read = async (query) => {
    const r = await get(`${gateway.http}/ipfs/${cid}?format=car${query}`)
    assert.equal(r.status, 200, query)
    const blocks = []
    for await (const b of (await CarReader.fromBytes(r.bytes)).blocks()) {
      assert.ok(digest(b.bytes).equals(Buffer.from(b.cid.multihash.digest)), `${b.cid}`)
      blocks.push(b)
    }
    return blocks
  }
  assert.equal((await read('&car-dups=n')).length, count)
  const { size } = image
  for (const at of [GIB, 2 ** 31, size - 1].filter((n) => n < size)) {
    const leaf = (await read(`&entity-bytes=${at}:${at}`)).at(-1), from = Math.floor(at / LEAF) * LEAF
    assert.ok(Buffer.from(leaf.bytes).equals(image.part(from, Math.min(from + LEAF, size))), `the leaf at ${at}`)
  }
}

/** What a block number can name is served; a body that none could end is refused from its first block on (RFC 7959: 20 bits of 1,024 bytes). */
async function blockwise(coap, sha256, image) {
  const ask = (number) => coap.ask(`/sha256/${sha256}`, { options: [[OPTION.BLOCK2, block(number, 6)]] })
  if (image.size <= GIB) {
    for (const number of [0, 2 ** 19, 2 ** 20 - 1]) {
      const r = await ask(number)
      assert.equal(codeName(r.code), '2.05', `block ${number}`)
      assert.ok(r.payload.equals(image.part(number * 1024, (number + 1) * 1024)), `block ${number}`)
    }
    return
  }
  for (const number of [0, 2 ** 20 - 1]) {
    const r = await ask(number)
    assert.equal(codeName(r.code), '4.00', `block ${number}`)
    assert.equal(r.payload.toString(), 'larger block or HTTP')
  }
}

test('large-images: at 2^30, 2^31 - 1, 2^31, 2^31 + 1 and 2^32 - 1 bytes', { timeout: 3600_000 }, async (t) => {
  const world = await makeWorld(t)
  const gateway = await world.gateway({ product: { keep: 1, 'max-image': 2 ** 32 - 1 }, config: { cache: { size: '24G' }, gateway: { 'log-level': 'info' } } })
  const coap = await openClient(Number(gateway.coap.split(':')[1]))
  t.after(() => coap.close())
  for (const size of sizes) {
    const from = performance.now(), image = makeImage(size), sum = createHash('sha256')
    for (const leaf of image.leaves()) sum.update(leaf)
    const cid = addImage(world.source.blocks, image)
    await checkCid(world, image, cid)
    const sha256 = sum.digest()
    const count = [...world.source.blocks.walk(cid, { dups: false })].length
    const release = await world.publish({ image: randomBytes(10), manifest: { image: { sha256, size, cid: String(cid) } } })
    await world.finalize()
    await waitFor(`${size} bytes to be active`, async () => {
      const r = await gateway.release(PRODUCT, release.sequence)
      return r?.state === 'active' || Promise.reject(new Error(`${r?.state}: ${r?.why}`))
    }, { deadline_ms: 1800_000, every_ms: 500 })
    const fetched = performance.now(), url = `${gateway.http}/sha256/${sha256.toString('hex')}`
    const head = await get(url, {}, 'HEAD')
    assert.equal(head.headers['content-length'], String(size))
    const whole = await get(url)
    assert.equal(whole.status, 200)
    assert.equal(whole.length, size)
    assert.equal(whole.sha256, sha256.toString('hex'))
    await ranges(url, image)
    await cars(gateway, cid, image, count)
    await blockwise(coap, sha256.toString('hex'), image)
    const { items: [status] } = await gateway.ask('images').then(({ items }) => ({ items: items.filter((i) => i.sha256 === sha256.toString('hex')) }))
    assert.equal(status.size, size)
    t.diagnostic(`${size} bytes: active after ${((fetched - from) / 1000).toFixed(1)} s, served and checked in ${((performance.now() - fetched) / 1000).toFixed(1)} s`)
    if (size === sizes.at(-1)) {
      await gateway.restart()
      await ranges(`${gateway.http}/sha256/${sha256.toString('hex')}`, image)
    }
  }
})
