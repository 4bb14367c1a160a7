// lost-database.test.mjs: images of which the database knows nothing are taken as they lie there, not asked for again.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, open, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeEnvelope, makeManifest } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { makeWorld, PRODUCT } from '../support/world.mjs'

const GIB = 2 ** 30 // zeros: it costs no disk, and hashing it takes longer than following the chain
const HASHED = { deadline_ms: 120000 } // also on a machine that does much else

async function putZeros(state, name) {
  const folder = join(state, 'objects', name.slice(0, 2))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), '')
  await truncate(join(folder, name), GIB)
}

/** Somebody who is asked, and never answers. */
async function silentSource(t) {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return { name: 'own', url: `http://127.0.0.1:${server.address().port}` }
}

/** A world whose newest release's image lies, one GiB long, where a gateway in `dir` keeps it. */
async function withLargeObject(t, { olderImages = 0 } = {}) {
  const world = await makeWorld(t), hash = createHash('sha256'), dir = world.otherDir('gateway')
  for (let i = 0; i < 1024; i++) hash.update(Buffer.alloc(GIB / 1024))
  const sha256 = hash.digest(), name = sha256.toString('hex')
  await putZeros(join(dir, 'state'), name)
  const cid = String(await world.source.add(Buffer.alloc(50000, 'another image altogether'), { chunk: 10000 }))
  const manifest = makeManifest({ product: PRODUCT, sequence: olderImages + 1, version: '2.0', image: { sha256, size: GIB, cid } })
  for (let i = 0; i < olderImages; i++) await world.publish()
  await world.registry.publish(world.owner, world.id, olderImages + 1, makeEnvelope(manifest, world.signers))
  await world.finalize()
  const gateway = await world.gateway({ dir, product: { 'max-image': '2G' }, config: { cache: { size: '4G' } } })
  await gateway.waitRelease(PRODUCT, olderImages + 1, 'active', HASHED)
  return { world, gateway, name }
}

test('database-lost: an image that is being hashed again is not fetched meanwhile', async (t) => {
  const { world } = await withLargeObject(t)
  assert.deepEqual(world.source.requests, [], 'nobody was asked for what lies here')
})

test('database half filled again: what the last catalog offers is offered all the while its image is being hashed', async (t) => {
  const { world, gateway: other, name } = await withLargeObject(t), dir = world.otherDir('half'), state = join(dir, 'state')
  const gateway = await world.gateway({ dir, product: { 'max-image': '2G' }, config: { cache: { size: '4G' }, sources: [await silentSource(t)] } })
  await gateway.waitRelease(PRODUCT, 1, 'fetching')
  await gateway.waitProven(1)
  await gateway.stop()
  await copyFile(join(other.stateDir, 'catalog'), join(state, 'catalog'))
  await putZeros(state, name)
  await gateway.start()
  const statuses = new Set()
  await waitFor('it to be active', async () => {
    const r = await gateway.get(`/fw/${PRODUCT}`)
    statuses.add(r.status)
    await r.arrayBuffer()
    return (await gateway.release(PRODUCT, 1)).state === 'active'
  }, HASHED)
  assert.deepEqual([...statuses], [200])
})

test('adoption: an image that lies whole on the disk is taken at the start, though its release has asked for it and no source answers', async (t) => {
  const world = await makeWorld(t), image = Buffer.alloc(70000, 7), { sha256 } = await world.publish({ image, layout: { chunk: 20000 } })
  await world.finalize()
  const gateway = await world.gateway({ dir: world.otherDir('gateway'), config: { sources: [await silentSource(t)] } }), folder = join(gateway.stateDir, 'objects', sha256.slice(0, 2))
  await gateway.waitRelease(PRODUCT, 1, 'fetching')
  await gateway.stop()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, sha256), image)
  await gateway.start()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const r = await gateway.get(`/fw/${PRODUCT}/image`)
  assert.deepEqual(Buffer.from(await r.arrayBuffer()), image)
})

test('database-lost: while the newest image is being hashed again, nobody is told that an older one is active', async (t) => {
  const { gateway } = await withLargeObject(t, { olderImages: 1 }), states = new Set()
  await gateway.stop()
  for (const file of ['gatepost.db', 'gatepost.db-wal']) await rm(join(gateway.stateDir, file), { force: true })
  await gateway.start()
  await waitFor('the newest to be active', async () => {
    const [newest, older] = await Promise.all([gateway.release(PRODUCT, 2), gateway.release(PRODUCT, 1)])
    if (newest?.state !== 'active' && older) states.add(older.state)
    return newest?.state === 'active'
  }, { ...HASHED, every_ms: 5 })
  assert.ok(states.size > 0 && !states.has('active'), `it was ${[...states]}`)
})

const FRAME = 32 + 24 // of the WAL: its head, and the first frame's

test('database of yesterday: its WAL has rotted while nobody was there; without uplink what was offered before is offered still', async (t) => {
  const world = await makeWorld(t), dir = world.otherDir('gateway')
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ dir })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await gateway.restart() // the WAL goes into the file
  const { sha256 } = await world.publish({ image: Buffer.alloc(90000, 3) })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  const { 'gatepost-keeper': keeper } = await gateway.children()
  process.kill(gateway.server.pid, 'SIGSTOP') // nobody starts it again
  process.kill(keeper, 'SIGKILL')
  await gateway.stop('SIGKILL')
  const wal = await open(join(gateway.stateDir, 'gatepost.db-wal'), 'r+')
  await wal.write(Buffer.alloc(8, 0x55), 0, 8, FRAME + 100)
  await wal.close()
  await gateway.restart(world.config({ dir, config: { providers: [{ name: 'one', url: 'http://127.0.0.1:9' }] } }))
  await waitFor('the objects to be looked at', () => gateway.lines().some((l) => /store: recovered/.test(l)))
  assert.equal(await gateway.release(PRODUCT, 2), undefined, 'the database does not know it')
  assert.ok((await gateway.status()).alarms.some(({ code }) => code === 'database-older'), 'the operator is told')
  const shown = await gateway.get(`/fw/${PRODUCT}`), image = await gateway.get(`/sha256/${sha256}`)
  assert.equal(shown.headers.get('gatepost-sequence'), '2')
  assert.deepEqual(Buffer.from(await image.arrayBuffer()), Buffer.alloc(90000, 3))
  await gateway.restart(world.config({ dir }))
  await gateway.waitRelease(PRODUCT, 2, 'active')
})
