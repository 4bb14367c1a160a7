// ipfs-serving.test.mjs: the gateway as a trustless IPFS gateway for what it has: asked by the reference libraries, held against the
// reference gateway byte for byte, and read by another gateway.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from 'node:crypto'
import { PRODUCT, makeWorld } from '../support/world.mjs'

test('one-release: raw block and CAR of the root', async (t) => {
  const world = await makeWorld(t)
  const release = await world.publish({ image: randomBytes(3_000_000) })
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  for (const query of ['?format=raw', '?format=car&car-dups=y']) {
    const reply = await gateway.get(`/ipfs/${release.cid}${query}`)
    const text = Buffer.from(await reply.arrayBuffer())
    const wanted = await fetch(`${world.source.url}/ipfs/${release.cid}${query}`)
    assert.ok(text.equals(Buffer.from(await wanted.arrayBuffer())))
  }
})
