// ipfs-serving.test.mjs: the gateway as a trustless IPFS gateway for what it has: held against the reference gateway byte for byte, asked by
// the reference libraries, and read by another gateway.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as dagPB from '@ipld/dag-pb'
import { CarReader } from '@ipld/car/reader'
import { exporter } from 'ipfs-unixfs-exporter'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { startStand } from '../support/http-stand.mjs'
import { readCid } from '../support/ipfs-blocks.mjs'
import { run } from '../support/process.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const CAR = 'application/vnd.ipld.car'
const RAW = 'application/vnd.ipld.raw'
const OTHER = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const ipfsCar = fileURLToPath(new URL('../../node_modules/ipfs-car/bin.js', import.meta.url))

function file(size, seed) {
  const rnd = random(seed)
  return Buffer.from(Array.from({ length: size }, () => rnd.below(256)))
}

/** Every third leaf the same, and a run of zeros that is a subtree twice over. */
function repetitive(chunk, leaves) {
  const same = file(chunk, 7)
  const parts = Array.from({ length: leaves }, (_, i) => (i % 3 ? file(chunk, 100 + i) : same))
  return Buffer.concat([...parts, Buffer.alloc(chunk * leaves)])
}

/** Layouts of a file: what the importer is told, and the bytes. */
const LAYOUTS = {
  'v1-2025': [{}, () => file(2_500_000, 1)],
  'v0-2015': [{ profile: 'unixfs-v0-2015' }, () => file(900_000, 2)],
  'dag-pb leaves': [{ rawLeaves: false, chunk: 50_000, width: 4 }, () => file(700_001, 3)],
  'dag-pb leaves of type Raw': [{ profile: 'unixfs-v0-2015', leafType: 'raw', chunk: 50_000, width: 4 }, () => file(500_001, 4)],
  trickle: [{ layout: 'trickle', chunk: 10_000, width: 3 }, () => file(400_000, 5)],
  'width 2, depth 9': [{ chunk: 256, width: 2 }, () => file(256 * 512, 6)],
  'mode and mtime': [{ chunk: 20_000, width: 3, rawLeaves: false, mode: 0o755, mtime: { secs: 1790000000n, nsecs: 5 } }, () => file(200_000, 8)],
  'mode over one leaf': [{ reduceSingleLeafToSelf: false, mode: 0o644, mtime: { secs: 1790000000n } }, () => file(5_000, 9)],
  'one raw leaf': [{}, () => file(5_000, 10)],
  'one dag-pb leaf': [{ profile: 'unixfs-v0-2015' }, () => file(5_000, 11)],
  repetitive: [{ chunk: 1_000, width: 3 }, () => repetitive(1_000, 27)],
}

/** A gateway that has a release of each layout: { world, gateway, releases: { name: { cid, image } } }. */
async function serveLayouts(t, names = Object.keys(LAYOUTS)) {
  const world = await makeWorld(t)
  const gateway = await world.gateway({ product: { keep: 100 } })
  const releases = {}
  for (const name of names) {
    const [layout, make] = LAYOUTS[name]
    releases[name] = await world.publish({ image: make(), layout })
    await world.finalize()
    await gateway.waitRelease(PRODUCT, releases[name].sequence, 'active')
  }
  await lookedThrough(gateway.http)
  return { world, gateway, releases }
}

async function ask(base, path, headers = {}, method = 'GET') {
  const reply = await fetch(base + path, { headers, method })
  return { status: reply.status, headers: Object.fromEntries(reply.headers), body: Buffer.from(await reply.arrayBuffer()) }
}

/** Until all images were looked through, a block that is nowhere is 503. */
const lookedThrough = (base) => waitFor('all blocks to be known', async () => (await ask(base, `/ipfs/${OTHER}?format=raw`)).status === 404)

const accept = (dups) => ({ accept: `${CAR}; version=1; order=dfs; dups=${dups}` })

/** The blocks of a CAR as a blockstore that the exporter reads, which notes what was taken. */
async function storeOf(car) {
  const blocks = new Map()
  const order = []
  const reader = await CarReader.fromBytes(car)
  for await (const { cid, bytes } of reader.blocks()) {
    assert.deepEqual(createHash('sha256').update(bytes).digest(), Buffer.from(cid.multihash.digest), 'each block is what its CID says')
    blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
    order.push(String(cid))
  }
  const taken = new Set()
  return {
    roots: await reader.getRoots(), order, taken, count: blocks.size,
    async * get(cid) {
      const key = Buffer.from(cid.multihash.bytes).toString('hex')
      if (!blocks.has(key)) throw new Error(`no block ${cid}`)
      taken.add(key)
      yield blocks.get(key)
    },
  }
}

async function read(store, cid, options) {
  const entry = await exporter(cid, store)
  const parts = []
  for await (const part of entry.content(options)) parts.push(part)
  return Buffer.concat(parts)
}

test('layouts: every CAR and every block is the reference gateway\'s, byte for byte', async (t) => {
  const { world, gateway, releases } = await serveLayouts(t)
  for (const [name, { cid }] of Object.entries(releases)) {
    for (const dups of ['y', 'n']) {
      const ours = await ask(gateway.http, `/ipfs/${cid}?format=car`, accept(dups))
      const theirs = await ask(world.source.url, `/ipfs/${cid}?format=car`, accept(dups))
      assert.equal(ours.status, 200, name)
      assert.ok(ours.body.equals(theirs.body), `${name}, dups=${dups}: ${ours.body.length} and ${theirs.body.length} bytes`)
      assert.equal(ours.headers['content-type'], theirs.headers['content-type'])
      assert.equal(ours.headers['content-length'], String(ours.body.length))
      const { headers: { connection, ...headers }, body } = await ask(gateway.http, `/ipfs/${cid}?format=car`, accept(dups), 'HEAD')
      assert.deepEqual({ ...headers, body: body.length }, { ...ours.headers, body: 0 }, `${name}: HEAD`)
    }
  }
  // Each block by its own name, in both versions where it has both. (Apart from the above: the reference gateway closes connections that are idle meanwhile.)
  for (const [name, { cid, image }] of Object.entries(releases)) {
    for (const block of world.source.blocks.walk(readCid(cid), { dups: false })) {
      const texts = [String(block.cid), String(block.cid.toV1())]
      if (block.cid.code === dagPB.code) texts.push(String(block.cid.toV1().toV0()))
      for (const text of new Set(texts)) {
        const raw = await ask(gateway.http, `/ipfs/${text}?format=raw`)
        assert.equal(raw.status, 200, `${name}: ${text}`)
        assert.ok(raw.body.equals(Buffer.from(block.bytes)), `${name}: ${text}`)
      }
    }
    const plain = await ask(gateway.http, `/ipfs/${cid}`)
    assert.ok(plain.body.equals(image), name)
  }
})

test('subtrees: a CAR of an inner block is the reference gateway\'s', async (t) => {
  const { world, gateway, releases } = await serveLayouts(t, ['trickle', 'width 2, depth 9', 'repetitive'])
  for (const [name, { cid }] of Object.entries(releases)) {
    const inner = [...world.source.blocks.walk(readCid(cid), { dups: false })].filter((b) => b.cid.code === dagPB.code)
    assert.ok(inner.length > 3)
    for (const block of inner.slice(0, 40)) {
      for (const dups of ['y', 'n']) {
        const [ours, theirs] = await Promise.all([gateway.http, world.source.url].map((base) => ask(base, `/ipfs/${block.cid}?format=car`, accept(dups))))
        assert.ok(ours.body.equals(theirs.body), `${name}: ${block.cid}: ${ours.status} ${ours.status === 200 ? ours.body.length : ours.body} beside ${theirs.status} ${theirs.body.length}`)
      }
    }
  }
})

test('readers: ipfs-car unpacks what we send, @ipld/car reads it, the exporter makes the file of it', async (t) => {
  const { world, gateway, releases } = await serveLayouts(t)
  for (const [name, { cid, image }] of Object.entries(releases)) {
    const { body } = await ask(gateway.http, `/ipfs/${cid}?format=car`)
    const car = world.otherDir(`${cid}.car`)
    const out = world.otherDir(`${cid}.out`)
    await writeFile(car, body)
    const unpacked = await run(process.execPath, [ipfsCar, 'unpack', car, '--output', out])
    assert.equal(unpacked.code, 0, `${name}: ${unpacked.stderr}`)
    assert.ok((await readFile(out)).equals(image), name)
    const store = await storeOf(body)
    assert.deepEqual(store.roots.map(String), [cid])
    assert.equal(new Set(store.order).size, store.order.length, 'dups=n is the default')
    assert.ok((await read(store, readCid(cid))).equals(image), name)
  }
})

test('scopes: dag-scope and entity-bytes give what is needed, and nothing else', async (t) => {
  const { gateway, releases } = await serveLayouts(t, ['v0-2015', 'trickle', 'width 2, depth 9', 'mode and mtime', 'one raw leaf', 'repetitive'])
  for (const [name, { cid, image }] of Object.entries(releases)) {
    const car = async (query) => {
      const reply = await ask(gateway.http, `/ipfs/${cid}?format=car${query}`)
      assert.equal(reply.status, 200, `${name} ${query}`)
      return { ...reply, store: await storeOf(reply.body) }
    }
    const n = image.length
    const all = await car('')
    const entity = await car('&dag-scope=entity')
    assert.ok(entity.body.equals(all.body))
    const block = await car('&dag-scope=block')
    assert.deepEqual(block.store.order, [cid])
    const tags = new Set([all, entity, block].map(({ headers }) => headers.etag))
    assert.equal(tags.size, 3, 'each has its own ETag')

    const ranges = { '0:0': [0, 1], '0:*': [0, n], '-7:*': [n - 7, 7], '-1000000000:10': [0, 11], [`${n - 1}:99999999`]: [n - 1, 1], '300:-300': [300, n - 599],
      [`${n >> 1}:${(n >> 1) + 1500}`]: [n >> 1, Math.min(1501, n - (n >> 1))] }
    for (const [bytes, [offset, length]] of Object.entries(ranges)) {
      const part = await car(`&entity-bytes=${bytes}`)
      assert.ok((await read(part.store, readCid(cid), { offset, length })).equals(image.subarray(offset, offset + length)), `${name} ${bytes}`)
      assert.equal(part.store.taken.size, part.store.count, `${name} ${bytes}: no block too many`)
      let at = 0
      for (const one of part.store.order) at = all.store.order.indexOf(one, at)
      assert.ok(at >= 0, `${name} ${bytes}: in the order of the whole`)
      assert.ok(!tags.has(part.headers.etag), part.headers.etag)
      tags.add(part.headers.etag)
    }
    for (const nothing of ['10:9', '0:-999999999']) assert.ok((await car(`&entity-bytes=${nothing}`)).body.equals(block.body), `${name} ${nothing}`)
    assert.equal((await ask(gateway.http, `/ipfs/${cid}?format=car&entity-bytes=${n}:*`)).status, 400)
  }
})

for (const kind of ['trustless', 'peer']) test(`another-gateway: it takes a release from ours, as kind = ${kind}, and has it from nobody else`, async (t) => {
  const { world, gateway, releases } = await serveLayouts(t, ['v1-2025', 'dag-pb leaves', 'mode and mtime'])
  const asked = world.source.requests.length
  const second = await world.gateway({ dir: world.otherDir('second'), product: { keep: 100 }, config: { sources: [{ name: 'ours', kind, url: gateway.http }] } })
  const { sequence, image, cid } = releases['mode and mtime']
  await second.waitRelease(PRODUCT, sequence, 'active')
  assert.ok((await ask(second.http, `/fw/${PRODUCT}/image`)).body.equals(image))
  assert.equal(world.source.requests.length, asked)
  const [source] = await second.ask('sources').then(({ items }) => items)
  assert.equal(source.name, 'ours')
  // And gives on what it got.
  const [ours, theirs] = await Promise.all([gateway, second].map(({ http }) => ask(http, `/ipfs/${cid}?format=car`, accept('y'))))
  assert.equal(theirs.status, 200)
  assert.ok(ours.body.equals(theirs.body))
})

test('gone-and-damaged: a revoked image is 410, blocks beside an image that have rotted are not given out', async (t) => {
  const { world, gateway, releases } = await serveLayouts(t, ['trickle', 'dag-pb leaves'])
  const { cid, sha256, image } = releases.trickle
  const inner = [...world.source.blocks.walk(readCid(cid))].filter((b) => b.cid.code === dagPB.code).at(-1)
  const dag = join(gateway.stateDir, 'objects', sha256.slice(0, 2), `${sha256}.dag`)
  const bytes = await readFile(dag)
  assert.equal((await ask(gateway.http, `/ipfs/${inner.cid}?format=raw`)).status, 200)
  bytes[bytes.indexOf(inner.bytes) + 20] ^= 1
  await writeFile(dag, bytes)
  await assert.rejects(ask(gateway.http, `/ipfs/${cid}?format=car`), 'cut short: fewer bytes than announced')
  assert.equal((await ask(gateway.http, `/ipfs/${inner.cid}?format=raw`)).status, 404)
  assert.equal((await ask(gateway.http, `/ipfs/${cid}?format=car`)).status, 404)
  assert.ok((await ask(gateway.http, `/ipfs/${cid}`)).body.equals(image), 'the plain file is as good as before')

  const newest = releases['dag-pb leaves']
  await world.registry.call(world.owner, 'revoke', world.id, BigInt(newest.sequence), 'bricks boards')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, newest.sequence, 'revoked')
  for (const query of ['', '?format=raw', '?format=car']) assert.equal((await ask(gateway.http, `/ipfs/${newest.cid}${query}`)).status, 410, query)
})

/** A server without chain, with one image of one raw block. */
async function serveOne(t, { size = 200_000, settings = {}, state = '' } = {}) {
  const stand = await startStand(t, settings)
  const image = file(size, 21)
  const path = await stand.file('image', image)
  const manifest = await stand.file('manifest', 'manifest')
  stand.say(`image ${path} ${state}`, 'product acme/lamp', 'channel stable', `release 1 stable ${path} 1.1 ${manifest}`, 'catalog')
  await stand.start()
  await lookedThrough(stand.url)
  const digest = createHash('sha256').update(image).digest()
  const cid = String(CID.createV1(0x55, { code: 0x12, size: 32, digest, bytes: Buffer.concat([Buffer.from([0x12, 32]), digest]) }))
  return { stand, image, cid, digest: digest.toString('hex') }
}

test('statuses: each request gets the one that the specification has for it', async (t) => {
  const { stand, cid } = await serveOne(t)
  const asDagPb = CID.createV1(dagPB.code, CID.parse(cid).multihash)
  const table = [
    // [what, path, headers, status]
    ['the plain file', `/ipfs/${cid}`, {}, 200],
    ['anything', `/ipfs/${cid}`, { accept: '*/*' }, 200],
    ['a raw block', `/ipfs/${cid}?format=raw`, {}, 200],
    ['a raw block by Accept', `/ipfs/${cid}`, { accept: RAW }, 200],
    ['format before Accept', `/ipfs/${cid}?format=raw`, { accept: 'text/html' }, 200],
    ['a CAR whose Accept fits nobody', `/ipfs/${cid}?format=car`, { accept: `${CAR};version=2` }, 200],
    ['the probe', '/ipfs/bafkqaaa?format=raw', {}, 200],
    ['the probe as CAR', '/ipfs/bafkqaaa', { accept: CAR }, 200],
    ['not modified', `/ipfs/${cid}?format=raw`, { 'if-none-match': `"${cid}.raw"` }, 304],
    ['not modified, weakly', `/ipfs/${cid}?format=car&car-dups=y`, { 'if-none-match': `"x", W/"${cid}.car.all.dfs.y"` }, 304],
    ['modified: other parameters', `/ipfs/${cid}?format=car&car-dups=n`, { 'if-none-match': `W/"${cid}.car.all.dfs.y"` }, 200],
    ['the tag that it has', `/ipfs/${cid}?format=raw`, { 'if-match': `"${cid}.raw"` }, 200],
    ['another tag', `/ipfs/${cid}?format=raw`, { 'if-match': '"x"' }, 412],
    ['a weak tag matches nothing', `/ipfs/${cid}?format=car`, { 'if-match': `W/"${cid}.car.all.dfs.n"` }, 412],
    ['any tag', `/ipfs/${cid}?format=car`, { 'if-match': '*' }, 200],
    ['another tag of the plain file', `/ipfs/${cid}`, { 'if-match': '"x"' }, 412],
    ['a range of a raw block', `/ipfs/${cid}?format=raw`, { range: 'bytes=10-19' }, 206],
    ['a range past its end', `/ipfs/${cid}?format=raw`, { range: 'bytes=999999-' }, 416],
    ['a range of a CAR is the CAR', `/ipfs/${cid}?format=car`, { range: 'bytes=10-19' }, 200],
    ['not here', `/ipfs/${OTHER}?format=raw`, {}, 404],
    ['not here, as CAR', `/ipfs/${OTHER}?format=car`, {}, 404],
    ['not here, plain', `/ipfs/${OTHER}`, {}, 404],
    ['only if here', `/ipfs/${OTHER}?format=raw`, { 'cache-control': 'only-if-cached' }, 412],
    ['only if here, plain', `/ipfs/${OTHER}`, { 'cache-control': 'max-age=0, Only-If-Cached' }, 412],
    ['only if here, and it is', `/ipfs/${cid}?format=car`, { 'cache-control': 'only-if-cached' }, 200],
    ['not a CID', '/ipfs/bafy', {}, 400],
    ['a CID of another codec', '/ipfs/bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje?format=raw', {}, 404],
    ['only if here, of another codec', '/ipfs/bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje?format=raw', { 'cache-control': 'only-if-cached' }, 412],
    ['no name', '/ipfs/', {}, 404],
    ['a path below', `/ipfs/${cid}/a?format=car`, {}, 404],
    ['an unknown scope', `/ipfs/${cid}?format=car&dag-scope=file`, {}, 400],
    ['bytes that are none', `/ipfs/${cid}?format=car&entity-bytes=1`, {}, 400],
    ['bytes past the end', `/ipfs/${cid}?format=car&entity-bytes=200000:*`, {}, 400],
    ['bytes of everything', `/ipfs/${cid}?format=car&dag-scope=all&entity-bytes=0:1`, {}, 400],
    ['CAR version 2', `/ipfs/${cid}?format=car&car-version=2`, {}, 400],
    ['another order', `/ipfs/${cid}?format=car&car-order=bfs`, {}, 400],
    ['dups that are none', `/ipfs/${cid}?format=car&car-dups=maybe`, {}, 400],
    ['one thing twice', `/ipfs/${cid}?format=car&format=raw`, {}, 400],
    ['a raw block under a name that says dag-pb', `/ipfs/${asDagPb}?format=raw`, {}, 200],
    ['which has no CAR', `/ipfs/${asDagPb}?format=car`, {}, 400],
    ['what belongs to CARs is no matter elsewhere', `/ipfs/${cid}?format=raw&dag-scope=file`, {}, 200],
    ['a format that we lack', `/ipfs/${cid}?format=tar`, {}, 406],
    ['a type that we lack', `/ipfs/${cid}`, { accept: 'application/vnd.ipld.dag-json' }, 406],
    ['only CARs of version 2', `/ipfs/${cid}`, { accept: `${CAR};version=2` }, 406],
  ]
  for (const [what, path, headers, status] of table) {
    for (const method of ['GET', 'HEAD']) {
      const expected = method === 'HEAD' && [206, 416].includes(status) ? 200 : status
      assert.equal((await ask(stand.url, path, headers, method)).status, expected, `${what}: ${method}`)
    }
  }
  assert.equal((await ask(stand.url, `/ipfs/${cid}`, {}, 'POST')).status, 405)
})

test('headers: what each answer says of itself', async (t) => {
  const { stand, image, cid } = await serveOne(t)
  const common = { 'x-ipfs-path': `/ipfs/${cid}`, 'x-ipfs-roots': cid, vary: 'Accept', 'cache-control': 'public, max-age=31536000, immutable' }
  const has = ({ headers }, expected) => { for (const [name, value] of Object.entries({ ...common, ...expected })) assert.equal(headers[name], value, name) }
  for (let i = 0; i < 3; i++) { // the image gets hot meanwhile, and its replies are kept
    has(await ask(stand.url, `/ipfs/${cid}`), { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes', 'content-location': undefined,
      etag: `"sha256-${createHash('sha256').update(image).digest('hex')}"` })
    const bySha256 = await ask(stand.url, `/sha256/${createHash('sha256').update(image).digest('hex')}`)
    assert.equal(bySha256.headers['x-ipfs-path'], undefined)
    has(await ask(stand.url, `/ipfs/${cid}?format=raw`), { 'content-type': RAW, 'accept-ranges': 'bytes', 'x-content-type-options': 'nosniff',
      'content-disposition': `attachment; filename="${cid}.bin"`, etag: `"${cid}.raw"`, 'content-location': undefined, 'content-length': String(image.length) })
  }
  const other = CID.parse(cid).toString(base58btc)
  for (let i = 0; i < 20; i++) { // whoever asks under another name for the same is told that name
    for (const name of [cid, other]) has(await ask(stand.url, `/ipfs/${name}`), { 'x-ipfs-path': `/ipfs/${name}`, 'x-ipfs-roots': name })
  }
  has(await ask(stand.url, `/ipfs/${cid}`, { accept: RAW }), { 'content-location': `/ipfs/${cid}?format=raw` })
  has(await ask(stand.url, `/ipfs/${cid}`, { accept: `${CAR}; order=unk; dups=y` }), { 'content-type': `${CAR}; version=1; order=dfs; dups=y`, 'accept-ranges': 'none',
    'x-content-type-options': 'nosniff', 'content-disposition': `attachment; filename="${cid}.car"`, etag: `W/"${cid}.car.all.dfs.y"`,
    'content-location': `/ipfs/${cid}?format=car&car-dups=y` })
  has(await ask(stand.url, `/ipfs/${cid}?dag-scope=block`, { accept: CAR }), { 'content-location': `/ipfs/${cid}?format=car&dag-scope=block` })
  has(await ask(stand.url, `/ipfs/${cid}?format=car&entity-bytes=-5:*`, { accept: `${CAR};dups=y` }), {
    'content-location': `/ipfs/${cid}?format=car&entity-bytes=-5:*&car-dups=y`, etag: `W/"${cid}.car.entity.-5:*.dfs.y"` })
  has(await ask(stand.url, `/ipfs/${cid}?format=car&car-dups=y`), { 'content-location': undefined })
  const part = await ask(stand.url, `/ipfs/${cid}?format=raw`, { range: 'bytes=65530-65545' })
  has(part, { 'content-range': `bytes 65530-65545/${image.length}`, 'content-length': '16' })
  assert.ok(part.body.equals(image.subarray(65530, 65546)))
  const same = await ask(stand.url, `/ipfs/${cid}?format=car`, { 'if-none-match': '*' })
  has(same, { etag: `W/"${cid}.car.all.dfs.n"` })
})

test('identity CIDs are their own blocks, and the probe says that this is a trustless gateway', async (t) => {
  const { stand } = await serveOne(t)
  const words = Buffer.from('carried by its name')
  const identity = (code, bytes) => String(CID.createV1(code, { code: 0, size: bytes.length, digest: bytes, bytes: Buffer.concat([Buffer.from([0, bytes.length]), bytes]) }))
  for (const bytes of [Buffer.alloc(0), words]) {
    const cid = identity(0x55, bytes)
    const raw = await ask(stand.url, `/ipfs/${cid}?format=raw`)
    assert.deepEqual([raw.status, raw.headers['content-type'], raw.headers.etag], [200, RAW, `"${cid}.raw"`])
    assert.ok(raw.body.equals(bytes))
    assert.ok((await ask(stand.url, `/ipfs/${cid}`)).body.equals(bytes))
    const part = await ask(stand.url, `/ipfs/${cid}?format=raw`, { range: 'bytes=8-9' })
    assert.deepEqual([part.status, String(part.body)], bytes.length ? [206, 'by'] : [416, 'no byte of this range is there\n'])
    const car = await ask(stand.url, `/ipfs/${cid}?format=car`)
    const store = await storeOf(car.body)
    assert.deepEqual([store.roots.map(String), store.order, car.headers.etag], [[cid], [], `W/"${cid}.car.all.dfs.n"`])
  }
  assert.equal(identity(0x55, Buffer.alloc(0)), 'bafkqaaa')
  const linked = identity(0x70, Buffer.from(dagPB.encode({ Data: Buffer.from([8, 2, 24, 1, 32, 1]), Links: [{ Hash: CID.parse(OTHER), Name: '', Tsize: 1 }] })))
  assert.equal((await ask(stand.url, `/ipfs/${linked}?format=raw`)).status, 200)
  for (const query of ['', '?format=car']) assert.equal((await ask(stand.url, `/ipfs/${linked}${query}`)).status, 400)
})

test('bit rot in an image: no block of it leaves, the keeper hears of it, others are as before', async (t) => {
  const { stand, image, cid, digest } = await serveOne(t, { settings: { 'limits.hot': '0' } })
  const path = stand.objectPath(digest)
  const rotten = Buffer.from(image)
  rotten[150_000] ^= 1
  await writeFile(path, rotten)
  for (const format of ['raw', 'car', 'raw']) {
    const reply = await ask(stand.url, `/ipfs/${cid}?format=${format}`)
    assert.equal(reply.status, 503)
    assert.ok(Number(reply.headers['retry-after']) > 0)
  }
  assert.equal((await stand.until('rot')).sha256, digest)
})
