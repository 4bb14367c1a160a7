// disk-refuses.test.mjs: every write below the state directory fails for as long as it pleases (shim.h): full, read-only, broken. The gateway says
// so, fetches and writes nothing, serves on, and is itself again when the disk is. Also when it is started like that.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { openClient, codeName } from '../support/coap.mjs'
import { startRpcMeter } from '../support/rpc-meter.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { startGateway } from '../support/gateway.mjs'
import { Shim } from './shim.mjs'

const KEEPER = 'gatepost-keeper'
const WRITES = ['open-write', 'write', 'sync', 'size', 'name']
const BACK_MS = 30000
const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')

async function bench(t) {
  const world = await makeWorld(t)
  const shim = new Shim(join(world.dir, 'shim'))
  const dir = join(world.dir, 'gateway')
  const first = await world.publish()
  await world.finalize()
  const node = await startRpcMeter(t, world.chain.url)
  const gateway = await startGateway(t, { dir, host: shim.host, conf: world.config({ dir, product: { keep: 5 },
    config: { providers: [{ name: 'one', url: node.url, operator: 'alpha' }] } }) })
  t.after(() => shim.close())
  await gateway.waitRelease(PRODUCT, 1, 'active')
  return { world, shim, gateway, first, node,
    break: (error, classes = WRITES) => shim.stick(KEEPER, classes, error, { path: gateway.stateDir }) }
}

const store = async (gateway) => (await gateway.status()).store
const alarm = async (gateway) => (await gateway.status()).alarms.find((a) => a.code === 'store-degraded')
const isDegraded = (gateway) => waitFor('the store to be degraded', async () => (await store(gateway)).degraded)
const isFine = (gateway) => waitFor('the store to be fine again', async () => !(await store(gateway)).degraded, { deadline_ms: BACK_MS })
const report = (gateway, device) => fetch(`${gateway.http}/fw/${PRODUCT}/report`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ device, sequence: 1, state: 'installed' }) })

async function serves(gateway, release) {
  assert.equal(sha256hex(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer()), release.sha256)
  assert.equal((await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-sequence'), String(release.sequence))
  const [host, port] = gateway.coap.split(/:(?=\d+$)/)
  const coap = await openClient(Number(port), { host })
  try {
    assert.equal(codeName((await coap.ask(`/fw/${PRODUCT}`)).code), '2.05')
  } finally {
    coap.close()
  }
}

for (const error of ['ENOSPC', 'EROFS', 'EIO']) {
  test(`${error}: degraded while it lasts, nothing asked of anybody, everything served, normal within 30 s`, async (t) => {
    const b = await bench(t)
    const { world, shim, gateway } = b
    const pids = await gateway.children()
    b.break(error)
    await world.publish()
    await world.finalize()
    await isDegraded(gateway)
    assert.ok(await alarm(gateway), 'an alarm says so')
    assert.match((await store(gateway)).detail, /\S/)
    await serves(gateway, b.first)
    assert.equal((await report(gateway, 'd1')).status, 503, 'what cannot be kept is not acknowledged')

    // Nothing is asked of node or source while the disk is tried again and again; of the disk itself only that.
    const before = { tries: shim.fired(KEEPER), asked: b.node.calls.length, requests: world.source.requests.length }
    await waitFor('two more looks', () => shim.fired(KEEPER) >= before.tries + 2, { deadline_ms: BACK_MS })
    assert.equal(b.node.calls.length, before.asked, 'no node is asked')
    assert.equal(world.source.requests.length, before.requests)
    await serves(gateway, b.first)

    shim.off(KEEPER)
    await isFine(gateway)
    await gateway.waitRelease(PRODUCT, 2, 'active')
    assert.equal(await alarm(gateway), undefined)
    assert.equal((await report(gateway, 'd1')).status, 204)
    assert.deepEqual(await gateway.children(), pids, 'no process has ended')
  })

  test(`${error} at the start: ready, the last catalog served, its own again afterwards`, async (t) => {
    const b = await bench(t)
    const { world, shim, gateway } = b
    await gateway.stop()
    b.break(error)
    await gateway.start()
    await serves(gateway, b.first)
    await isDegraded(gateway)
    assert.ok(await alarm(gateway))
    assert.equal((await report(gateway, 'd1')).status, 503)
    const refused = await gateway.cli('token', 'new', 'me', '--scope', 'read')
    assert.match(refused.stderr, /database cannot be opened/, 'no operator is told that something was kept')
    const server = (await gateway.children())['gatepost-server']

    shim.off(KEEPER)
    await isFine(gateway)
    const second = await world.publish()
    await world.finalize()
    await gateway.waitRelease(PRODUCT, 2, 'active')
    await serves(gateway, second)
    assert.equal((await gateway.children())['gatepost-server'], server, 'devices noticed nothing')
    assert.equal((await gateway.releases(PRODUCT)).length, 2)
  })
}

test('a disk that keeps no file: after every failed sync the image is fetched anew, and it arrives when syncing works', async (t) => {
  const b = await bench(t)
  const { world, shim, gateway } = b
  shim.stick(KEEPER, ['sync'], 'EIO', { path: join(gateway.stateDir, 'objects') })
  const second = await world.publish()
  await world.finalize()
  await isDegraded(gateway)
  await serves(gateway, b.first)
  shim.off(KEEPER)
  await isFine(gateway)
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await serves(gateway, second)
})

test('one bad place: an image whose file cannot be written costs nobody else anything, and comes when it can', async (t) => {
  const b = await bench(t), { world, shim, gateway } = b, [image, other] = [2, 3].map((byte) => Buffer.alloc(100000, byte))
  const folder = (bytes) => sha256hex(bytes).slice(0, 2)
  assert.notEqual(folder(image), folder(other))
  shim.stick(KEEPER, ['write'], 'EIO', { path: join(gateway.stateDir, 'objects', folder(image)) })
  await world.publish({ image })
  await world.finalize()
  assert.match((await gateway.waitRelease(PRODUCT, 2, 'failed')).why, /an image's file: write: Input\/output error/)
  await isFine(gateway)
  const third = await world.publish({ image: other })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await serves(gateway, third)
  assert.equal((await store(gateway)).degraded, false)
  shim.off(KEEPER)
  await gateway.ask('refetch', PRODUCT, '2')
  await gateway.waitRelease(PRODUCT, 2, 'superseded')
})

test('a full disk keeps the copy of the catalog from being made, and the database from being opened at the next start: nothing older than before is offered', async (t) => {
  const { world, shim, gateway } = await bench(t)
  const second = await world.publish()
  await gateway.waitRelease(PRODUCT, 2, 'ready')
  shim.stick(KEEPER, ['write'], 'ENOSPC', { path: join(gateway.stateDir, 'catalog.new') })
  await world.finalize()
  await waitFor('the second release to be offered', async () => (await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-sequence') === '2')
  assert.deepEqual(gateway.lines().filter((l) => /store: trouble/.test(l)), [], 'the copy was overwritten, and that is no trouble')
  await gateway.stop()
  shim.stick(KEEPER, WRITES, 'ENOSPC', { path: gateway.stateDir })
  await gateway.start()
  await isDegraded(gateway)
  await serves(gateway, second)
})
