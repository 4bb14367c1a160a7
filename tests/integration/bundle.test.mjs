// bundle.test.mjs: stories of a gateway that never sees the Internet: what comes in a file, on whose word, and what is refused.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const bodyOf = async (response) => Buffer.from(await response.arrayBuffer())

/** A gateway without providers and sources, in a directory of its own; pins the world's signers unless told otherwise. */
async function alone(t, world, name, { product = {}, ...config } = {}) {
  const dir = world.otherDir(name)
  const conf = world.config({ dir, product: { signers: world.signers.map((s) => s.thumbprint).join(' '), ...product }, config: { providers: [], sources: [], ...config } })
  return startGateway(t, { dir, conf })
}

/** A world with `n` releases that are final, a gateway that has them, and bundle(sequence) → file. */
async function exporting(t, n = 1, options = {}) {
  const world = await makeWorld(t, options)
  const published = []
  for (let i = 0; i < n; i++) published.push(await world.publish())
  await world.finalize()
  const online = await world.gateway({ dir: world.otherDir('online') })
  await online.waitRelease(PRODUCT, n, 'active')
  const bundle = async (sequence, name = `r${sequence}.car`) => {
    const file = join(world.dir, name)
    const made = await online.ask('bundle', 'export', PRODUCT, String(sequence), '--out', file)
    return { file, ...made }
  }
  return { world, published, online, bundle }
}

test('by-pinned-signers: a release travels in a file and is served by a gateway that knows no provider', async (t) => {
  const { world, published: [release], bundle } = await exporting(t)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline')
  assert.equal((await offline.get(`/fw/${PRODUCT}`)).status, 404)

  const done = await offline.ask('bundle', 'import', file)
  assert.equal(done.state, 'done')
  assert.equal(done.trust, 'bundle-signers')
  assert.match(done.why, /^active: /)
  assert.equal((await offline.waitRelease(PRODUCT, 1, 'active')).sha256, release.sha256)
  assert.equal((await offline.status()).trust, 'bundle-signers')

  const manifest = await offline.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.status, 200)
  assert.deepEqual(await bodyOf(manifest), Buffer.from(release.envelope))
  assert.deepEqual(await bodyOf(await offline.get(`/fw/${PRODUCT}/image`)), release.image)
})
