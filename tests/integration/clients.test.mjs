// clients.test.mjs: the whole gateway with clients that others wrote, and our device program. (coap-clients.test.mjs has tshark read along.)
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { program } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const coap = createRequire(import.meta.url)('coap')
const sha256hex = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function activeGateway(t) {
  const world = await makeWorld(t)
  const published = await world.publish({ image: randomBytes(150_001) })
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  return { world, gateway, published }
}

const nodeCoap = (url) => new Promise((resolve, reject) => {
  const request = coap.request(url)
  request.on('response', (response) => {
    const parts = []
    response.on('data', (part) => parts.push(part)).on('end', () => resolve({ code: response.code, bytes: Buffer.concat(parts) }))
  }).on('error', reject).end()
})

test('curl: whole, a range, a resumed download', async (t) => {
  const { world, gateway, published } = await activeGateway(t)
  const url = `${gateway.http}/fw/${PRODUCT}/image`
  const file = join(world.dir, 'got')
  assert.equal((await run('curl', ['-sf', '-o', file, url])).code, 0)
  assert.ok((await readFile(file)).equals(published.image))
  assert.equal((await run('curl', ['-sf', '-r', '1000-1999', '-o', `${file}.part`, url])).code, 0)
  assert.ok((await readFile(`${file}.part`)).equals(published.image.subarray(1000, 2000)))
  assert.equal((await run('curl', ['-sf', '-r', '0-99999', '-o', `${file}.cut`, url])).code, 0)
  assert.equal((await run('curl', ['-sf', '-C', '-', '-o', `${file}.cut`, url])).code, 0)
  assert.ok((await readFile(`${file}.cut`)).equals(published.image))
})

test('coap-client and node-coap: right bytes', async (t) => {
  const { world, gateway, published } = await activeGateway(t)
  const file = join(world.dir, 'got')
  assert.equal((await run('coap-client-notls', ['-B', '30', '-o', file, `coap://${gateway.coap}/fw/${PRODUCT}/image`])).code, 0)
  assert.ok((await readFile(file)).equals(published.image))
  const image = await nodeCoap(`coap://${gateway.coap}/sha256/${published.sha256}`)
  assert.equal(image.code, '2.05')
  assert.equal(sha256hex(image.bytes), published.sha256)
  assert.ok((await nodeCoap(`coap://${gateway.coap}/fw/${PRODUCT}`)).bytes.equals(Buffer.from(published.envelope)))
})

for (const scheme of ['coap', 'http']) {
  const device = (world, gateway, ...more) => run(program('gatepost-device'), ['--url', scheme === 'coap' ? `coap://${gateway.coap}` : gateway.http,
    '--product', PRODUCT, '--key', world.signers[0].coseKey.toString('hex'), '--flash', join(world.dir, 'flash'), '--state', join(world.dir, 'dev'),
    '--once', ...more])

  test(`device over ${scheme}: updates, reports, updates again`, async (t) => {
    const { world, gateway, published } = await activeGateway(t)
    assert.equal((await device(world, gateway, '--device', 'd1')).code, 0)
    assert.ok((await readFile(join(world.dir, 'flash'))).equals(published.image))
    const second = await world.publish()
    await world.finalize()
    await gateway.waitRelease(PRODUCT, 2, 'active')
    assert.equal((await device(world, gateway, '--device', 'd1')).code, 0)
    assert.ok((await readFile(join(world.dir, 'flash'))).equals(second.image))
    const { items: [row] } = await gateway.ask('devices')
    assert.deepEqual([row.device, row.version, row.protocol], ['d1', '1.0.2', scheme])
  })

  test(`device over ${scheme}: what runs newer firmware is not taken back`, async (t) => {
    const { world, gateway } = await activeGateway(t)
    const r = await device(world, gateway, '--factory-sequence', '7')
    assert.notEqual(r.code, 0)
    assert.doesNotMatch(r.stdout, /^installed/)
    await assert.rejects(readFile(join(world.dir, 'flash')), { code: 'ENOENT' })
  })
}

test('device: a gateway that offers older firmware all the same is refused', async (t) => {
  const { world, gateway, published } = await activeGateway(t)
  // A stolen gateway: it answers with a release that was good once, whatever the device says it has.
  const stolen = createServer(async (req, res) => {
    const r = await fetch(gateway.http + req.url.split('?')[0], { headers: req.headers.range ? { range: req.headers.range } : {} })
    const body = Buffer.from(await r.arrayBuffer())
    res.writeHead(r.status, { 'content-type': r.headers.get('content-type') ?? '', 'content-length': body.length }).end(body)
  })
  await new Promise((resolve) => stolen.listen(0, '127.0.0.1', resolve))
  t.after(() => { stolen.closeAllConnections(); stolen.close() })
  const device = (...more) => run(program('gatepost-device'), ['--url', `http://127.0.0.1:${stolen.address().port}`, '--product', PRODUCT,
    '--key', world.signers[0].coseKey.toString('hex'), '--flash', join(world.dir, 'flash'), '--state', join(world.dir, 'dev'), '--once', '--no-reports', ...more])
  const refused = await device('--factory-sequence', '7')
  assert.equal(refused.code, 1, refused.stdout + refused.stderr)
  assert.match(refused.stdout, /^refused/)
  await assert.rejects(readFile(join(world.dir, 'flash')), { code: 'ENOENT' })
  const taken = await run(program('gatepost-device'), ['--url', `http://127.0.0.1:${stolen.address().port}`, '--product', PRODUCT, '--key',
    world.signers[0].coseKey.toString('hex'), '--flash', join(world.dir, 'flash2'), '--state', join(world.dir, 'dev2'), '--once', '--no-reports'])
  assert.equal(taken.code, 0, 'the same bytes are fine for a device that has less')
  assert.ok((await readFile(join(world.dir, 'flash2'))).equals(published.image))
})
