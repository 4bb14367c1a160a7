// Images at the edges of what 32 bits hold: 2^31 - 1, 2^31, 2^31 + 1 and 2^32 - 1 bytes, nearly all of them zeros (sparse files, with marks where the
// edges are): published, fetched from a plain web server leaf by leaf, checked and served: whole, by Range, as blocks, over CoAP.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { codeName, openClient, OPTION, block } from '../support/coap.mjs'
import { makeConfig, program, startGateway } from '../support/gateway.mjs'
import { startNginx } from '../support/nginx.mjs'
import { run } from '../support/process.mjs'
import { makeDesk } from '../support/publisher.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'

const PRODUCT = 'acme/server'
const HALF = 2 ** 31, FULL = 2 ** 32
const MARKS = [0, 2 ** 30, HALF - 9, HALF - 1, HALF, HALF + 1, FULL - 9]

async function sparse(path, size) {
  const file = await open(path, 'w')
  await file.truncate(size)
  for (const at of [...MARKS.filter((mark) => mark < size - 1), size - 1]) await file.write(Buffer.from([1 + (at % 251)]), 0, 1, at)
  await file.close()
}

async function digestOf(stream) {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest('hex'), bytes }
}

async function part(path, from, bytes) {
  const file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, from)
  await file.close()
  return buffer.subarray(0, bytesRead)
}

async function publish(desk, key, size) {
  const image = desk.path('image')
  await sparse(image, size)
  const words = ['publish', PRODUCT, '--version', String(size), '--image', image, '--signing-key', key.path, '--upload', `dir:${desk.path('export')}`, '--json']
  const { code, stdout, stderr } = await run(program('gatepost'), [...words, ...await desk.to()], { deadline_ms: 900_000 })
  assert.equal(code, 0, stderr)
  await desk.chain.finalize()
  return { ...JSON.parse(stdout), image }
}

async function checkHttp(gateway, { sha256, image }, size) {
  const whole = await gateway.get(`/fw/${PRODUCT}/image`)
  assert.equal(whole.headers.get('content-length'), String(size))
  assert.deepEqual(await digestOf(whole.body), { sha256, bytes: size })
  for (const from of [2 ** 30 - 5, HALF - 10, HALF - 1, HALF, size - 20].filter((at) => at < size)) {
    const reply = await gateway.get(`/sha256/${sha256}`, { headers: { range: `bytes=${from}-${from + 40}` } })
    const want = await part(image, from, 41)
    assert.equal(reply.status, 206)
    assert.equal(reply.headers.get('content-range'), `bytes ${from}-${from + want.length - 1}/${size}`)
    assert.ok(Buffer.from(await reply.arrayBuffer()).equals(want), `from ${from}`)
  }
  const last = await gateway.get(`/sha256/${sha256}`, { headers: { range: 'bytes=-7' } })
  assert.ok(Buffer.from(await last.arrayBuffer()).equals(await part(image, size - 7, 7)))
  assert.equal((await gateway.get(`/sha256/${sha256}`, { headers: { range: `bytes=${size}-` } })).status, 416)
}

/** RFC 7959 has 20 bits for a block's number: with 1,024 bytes each, 1 GiB. So nobody is let begin. */
async function checkCoap(t, gateway, { sha256 }) {
  const client = await openClient(Number(gateway.coap.split(':')[1]))
  t.after(() => client.close())
  for (const number of [0, 2 ** 20 - 1]) {
    const reply = await client.ask(`/sha256/${sha256}`, { options: [[OPTION.BLOCK2, block(number, 6)]] })
    assert.equal(codeName(reply.code), '4.00', `block ${number}`)
    assert.match(String(reply.payload), /HTTP/)
  }
}

async function checkBlocks(gateway, { cid, image }, size) {
  const from = Math.min(HALF - 100, size - 200)
  const reply = await fetch(`${gateway.http}/ipfs/${cid}?format=car&entity-bytes=${from}:${from + 150}`)
  assert.equal(reply.status, 200)
  const car = Buffer.from(await reply.arrayBuffer())
  assert.ok(car.length < 8 * 2 ** 20)
  assert.ok(car.includes(await part(image, from, 100)))
}

for (const size of [HALF - 1, HALF, HALF + 1, FULL - 1]) test(`${size} bytes: fetched, checked, and served from end to end`, async (t) => {
  const desk = await makeDesk(t), place = await tempDir(t), key = await desk.key('signer')
  await desk.chain.mine(1)
  await desk.register(PRODUCT, [key])
  const release = await publish(desk, key, size)
  const web = await startNginx(t, { root: desk.path('export'), dir: desk.dir })
  const gateway = await startGateway(t, { dir: place, conf: makeConfig({
    dir: place, registry: desk.registry.address, providers: [{ name: 'one', url: desk.chain.url, operator: 'alpha' }],
    sources: [{ name: 'web', kind: 'mirror', url: `${web.url}/image/{sha256}` }],
    products: { [PRODUCT]: { registrant: desk.owner.address, 'max-image': FULL - 1 } }, cache: { size: '8G' } }) })
  const at = performance.now()
  await waitFor('the image', async () => {
    const r = await gateway.release(PRODUCT, 1)
    return r?.state === 'active' || Promise.reject(new Error(`${r?.state} ${r?.why} ${JSON.stringify(r?.fetch)}`))
  }, { deadline_ms: 300_000, every_ms: 200 })
  t.diagnostic(`${size} bytes in the cache after ${((performance.now() - at) / 1000).toFixed(1)} s`)
  await checkHttp(gateway, release, size)
  await checkCoap(t, gateway, release)
  await checkBlocks(gateway, release, size)
  await rm(join(desk.dir, 'export'), { recursive: true })
  await gateway.restart()
  assert.deepEqual(await digestOf((await gateway.get(`/sha256/${release.sha256}`)).body), { sha256: release.sha256, bytes: size })
  assert.equal((await digestOf(createReadStream(release.image))).sha256, release.sha256)
})
