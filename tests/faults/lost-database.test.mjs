// lost-database.test.mjs: images of which the database knows nothing are taken as they lie there, not asked for again.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeEnvelope, makeManifest } from '../support/suit.mjs'
import { makeWorld, PRODUCT } from '../support/world.mjs'

const GIB = 2 ** 30 // zeros: it costs no disk, and hashing it takes longer than following the chain

test('database-lost: an image that is being hashed again is not fetched meanwhile', async (t) => {
  const world = await makeWorld(t), hash = createHash('sha256'), dir = world.otherDir('gateway')
  for (let i = 0; i < 1024; i++) hash.update(Buffer.alloc(GIB / 1024))
  const sha256 = hash.digest(), name = sha256.toString('hex'), folder = join(dir, 'state/objects', name.slice(0, 2))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), '')
  await truncate(join(folder, name), GIB)
  const cid = String(await world.source.add(Buffer.from('another image altogether')))
  const manifest = makeManifest({ product: PRODUCT, sequence: 1, version: '1.0', image: { sha256, size: GIB, cid } })
  await world.registry.publish(world.owner, world.id, 1, makeEnvelope(manifest, world.signers))
  await world.finalize()
  const gateway = await world.gateway({ dir, product: { 'max-image': '2G' }, config: { cache: { size: '4G' } } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.deepEqual(world.source.requests, [], 'nobody was asked for what lies here')
})
