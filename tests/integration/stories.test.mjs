// stories.test.mjs: what a gateway promises, told as stories, on real parts: anvil, an IPFS gateway from npm, three processes.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
const bodyOf = async (response) => Buffer.from(await response.arrayBuffer())
const manifestOf = (gateway, query = '') => gateway.get(`/fw/${PRODUCT}${query}`)

test('first-sync: a release is seen, fetched, verified, proven, active, and served byte for byte', async (t) => {
  const world = await makeWorld(t)
  const published = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  const release = await gateway.waitRelease(PRODUCT, 1, 'active')

  assert.equal(release.sha256, published.sha256)
  assert.equal(release.cid, published.cid)
  assert.equal(release.tx, published.hash)
  assert.deepEqual(release.signers, [world.signers[0].thumbprint])
  for (const state of ['seen', 'active']) assert.ok(release.times[state], state)

  const manifest = await manifestOf(gateway)
  assert.equal(manifest.status, 200)
  assert.equal(manifest.headers.get('content-type'), 'application/suit-envelope+cose')
  assert.equal(manifest.headers.get('gatepost-sequence'), '1')
  assert.equal(manifest.headers.get('gatepost-freshness'), 'fresh')
  assert.deepEqual(await bodyOf(manifest), Buffer.from(published.envelope))

  for (const path of [`/fw/${PRODUCT}/image`, `/sha256/${published.sha256}`, `/ipfs/${published.cid}`]) {
    const image = await gateway.get(path)
    assert.equal(image.status, 200, path)
    assert.equal(sha256hex(await image.arrayBuffer()), published.sha256, path)
  }

  const status = await gateway.status()
  assert.equal(status.freshness, 'fresh')
  assert.equal(status.trust, 'single')
  assert.equal(status.chain.products_proven, 1)
  assert.deepEqual(status.alarms, [])
})

test('second-release: it replaces the first by itself, and digest paths keep serving the old one', async (t) => {
  const world = await makeWorld(t)
  const first = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const second = await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.equal((await gateway.release(PRODUCT, 1)).state, 'superseded')
  assert.equal((await manifestOf(gateway)).headers.get('gatepost-sequence'), '2')
  assert.equal(sha256hex(await (await gateway.get(`/sha256/${first.sha256}`)).arrayBuffer()), first.sha256)
  assert.equal(sha256hex(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer()), second.sha256)
})

test('not-final-yet: a release waits, ready, until its block is final', async (t) => {
  const world = await makeWorld(t)
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitProven()
  await world.publish()
  await gateway.waitRelease(PRODUCT, 1, 'ready')
  const early = await manifestOf(gateway)
  assert.equal(early.status, 503)
  assert.ok(Number(early.headers.get('retry-after')) > 0)
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 1, 'active')
})

test('revoke: held as soon as it is proven, revoked when it is final; the older release is active again, no device goes back', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.equal((await manifestOf(gateway, '?device=d1')).headers.get('gatepost-sequence'), '2')

  await world.registry.call(world.owner, 'revoke', world.id, 2n, 'bricks boards')
  const held = await gateway.waitRelease(PRODUCT, 2, 'held')
  assert.match(held.why, /not final/)
  await world.finalize()
  const revoked = await gateway.waitRelease(PRODUCT, 2, 'revoked')
  assert.match(revoked.why, /bricks boards/)
  assert.equal((await gateway.waitRelease(PRODUCT, 1, 'active')).sequence, 1)
  assert.equal((await gateway.get(`/sha256/${revoked.sha256}`)).status, 410)
  assert.equal((await manifestOf(gateway)).headers.get('gatepost-sequence'), '1')
  assert.equal((await manifestOf(gateway, '?device=d1')).status, 404, 'a device that had 2 is never offered 1')
})

test('floor-raised: every release below it is revoked', async (t) => {
  const world = await makeWorld(t)
  for (let i = 0; i < 3; i++) await world.publish()
  await world.registry.call(world.owner, 'raiseFloor', world.id, 3n, 'old keys')
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  for (const sequence of [1, 2]) assert.equal((await gateway.release(PRODUCT, sequence)).state, 'revoked')
})

test('reorg-drops-release: a release of an abandoned block is forgotten, and what replaces it is taken', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await world.publish()
  await gateway.waitRelease(PRODUCT, 2, 'ready')
  await world.chain.rpc('anvil_reorg', 1, [])
  await world.chain.mine(1)
  await waitFor('the release to be forgotten', async () => !(await gateway.release(PRODUCT, 2)))
  world.sequence = 1
  const other = await world.publish()
  await world.finalize()
  const release = await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.equal(release.sha256, other.sha256)
})

test('reorg-undoes-revocation: a revocation that never became final leaves the release active', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const before = await world.chain.snapshot()
  await world.registry.call(world.owner, 'revoke', world.id, 1n, 'oops')
  await gateway.waitRelease(PRODUCT, 1, 'held')
  await world.chain.revert(before)
  await world.chain.mine(3)
  await gateway.waitRelease(PRODUCT, 1, 'active')
})

test('two-of-three-signers: two good signatures activate, one is rejected', async (t) => {
  const signers = ['es256', 'ed25519', 'es256k'].map((kind) => newSigner(kind))
  const world = await makeWorld(t, { signers, threshold: 2 })
  await world.publish({ by: [signers[0]] })
  await world.publish({ by: [signers[0], signers[0]] })
  await world.publish({ by: [signers[2], signers[1]] })
  await world.finalize()
  const gateway = await world.gateway()
  const good = await gateway.waitRelease(PRODUCT, 3, 'active')
  assert.deepEqual([...good.signers].sort(), [signers[1].thumbprint, signers[2].thumbprint].sort())
  for (const sequence of [1, 2]) {
    const bad = await gateway.release(PRODUCT, sequence)
    assert.equal(bad.state, 'rejected')
    assert.match(bad.why, /1 of the 2/)
  }
})

test('new-signers-are-held: until the operator accepts them', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const thief = newSigner('ed25519')
  await world.registry.call(world.owner, 'setSigners', world.id, 1, [`0x${thief.coseKey.toString('hex')}`])
  await world.publish({ by: [thief] })
  await world.finalize()
  const held = await gateway.waitRelease(PRODUCT, 2, 'held')
  assert.match(held.why, /signers/)
  assert.equal((await manifestOf(gateway)).headers.get('gatepost-sequence'), '1')
  assert.equal((await gateway.cli('signers', 'accept', PRODUCT)).code, 0)
  await gateway.waitRelease(PRODUCT, 2, 'active')
})

test('rotation: signed by both sets needs no operator', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  const next = newSigner('es256k')
  await world.registry.call(world.owner, 'setSigners', world.id, 1, [`0x${next.coseKey.toString('hex')}`])
  await world.publish({ by: [next, world.signers[0]] })
  await world.publish({ by: [next] })
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 3, 'active')
})

test('policy-approve: the operator lets it out, and can hold it back', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ product: { policy: 'approve' } })
  await gateway.waitRelease(PRODUCT, 1, 'held')
  assert.equal((await manifestOf(gateway)).status, 404)
  assert.equal((await gateway.cli('approve', PRODUCT, '1')).code, 0)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.equal((await gateway.cli('hold', PRODUCT, '1')).code, 0)
  await gateway.waitRelease(PRODUCT, 1, 'held')
  const why = await gateway.cli('why', PRODUCT, '1')
  assert.equal(why.stdout, 'held: held by the operator\n')
})

test('restart-without-uplink: cached firmware is served at once, freshness by the age of the last proof', async (t) => {
  const world = await makeWorld(t)
  const published = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await gateway.stop()
  await world.chain.stop()
  await world.source.stop()
  await gateway.start()
  const image = await gateway.get(`/fw/${PRODUCT}/image`)
  assert.equal(sha256hex(await image.arrayBuffer()), published.sha256)
  assert.equal((await manifestOf(gateway)).headers.get('gatepost-freshness'), 'fresh')
  const status = await waitFor('the provider to be known as down', async () => {
    const s = await gateway.status()
    return s.providers[0].state === 'down' && s
  })
  assert.ok(status.providers[0].last_error)
})

test('stale: a last proof older than max-age is said to be so, and firmware is served on', async (t) => {
  const twoHoursAgo = Math.floor(Date.now() / 1000) - 7200
  const world = await makeWorld(t, { chain: { args: ['--timestamp', String(twoHoursAgo)] } })
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const status = await gateway.status()
  assert.equal(status.freshness, 'stale')
  assert.ok(status.chain.verified.age_s >= 7000)
  const manifest = await manifestOf(gateway)
  assert.equal(manifest.status, 200)
  assert.equal(manifest.headers.get('gatepost-freshness'), 'stale')
})

test('unknown: without a clock that anybody vouches for, freshness is not guessed', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ config: { gateway: { clock: 'kernel' } } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const { clock, freshness } = await gateway.status()
  assert.equal(freshness, clock === 'synced' ? 'fresh' : 'unknown')
  assert.equal((await manifestOf(gateway)).headers.get('gatepost-freshness'), freshness)
})

for (const uplink of [true, false]) {
  test(`database-lost-${uplink ? 'with' : 'without'}-uplink: serves on from the catalog${uplink ? ', rebuilt later' : ''}, no rollback`, async (t) => {
    const world = await makeWorld(t)
    await world.publish()
    const second = await world.publish()
    await world.registry.call(world.owner, 'revoke', world.id, 1n, 'old')
    await world.finalize()
    const gateway = await world.gateway()
    await gateway.waitRelease(PRODUCT, 2, 'active')
    await gateway.waitRelease(PRODUCT, 1, 'revoked')
    await gateway.stop()
    if (!uplink) await world.chain.stop()
    await world.source.stop()
    for (const suffix of ['', '-wal', '-shm']) await rm(`${gateway.stateDir}/gatepost.db${suffix}`, { force: true })
    await gateway.start()
    const image = await gateway.get(`/fw/${PRODUCT}/image`)
    assert.equal(sha256hex(await image.arrayBuffer()), second.sha256)
    assert.equal((await manifestOf(gateway)).headers.get('gatepost-sequence'), '2')
    if (uplink) {
      // Rebuilt from the chain and from the object on disk: the source is gone.
      await gateway.waitRelease(PRODUCT, 2, 'active')
      await gateway.waitRelease(PRODUCT, 1, 'revoked')
    }
    assert.equal((await manifestOf(gateway)).headers.get('gatepost-sequence'), '2')
  })
}

test('keeper-killed: a download goes on, and the keeper comes back', async (t) => {
  const world = await makeWorld(t)
  const published = await world.publish({ image: Buffer.alloc(8 << 20, 7) })
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const { 'gatepost-keeper': keeper } = await gateway.children()
  const image = await gateway.get(`/fw/${PRODUCT}/image`)
  const reader = image.body.getReader()
  const hash = createHash('sha256')
  hash.update((await reader.read()).value)
  process.kill(keeper, 'SIGKILL')
  for (let part = await reader.read(); !part.done; part = await reader.read()) hash.update(part.value)
  assert.equal(hash.digest('hex'), published.sha256)
  await waitFor('another keeper', async () => {
    const now = (await gateway.children())['gatepost-keeper']
    return now && now !== keeper && (await gateway.status()).chain.products_proven === 1
  })
})

test('server-killed: it is back at once, and no connection is refused', async (t) => {
  const world = await makeWorld(t)
  const published = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  for (let round = 0; round < 5; round++) {
    const { 'gatepost-server': server } = await gateway.children()
    process.kill(server, 'SIGKILL')
    // Accepted by the listening socket that the supervisor holds; answered by the next server. A connection that the
    // dying one had accepted may be reset; none is refused.
    const ask = () => fetch(`${gateway.http}/sha256/${published.sha256}`, { headers: { connection: 'close' } })
    const image = await ask().catch((error) => {
      assert.notEqual(error.cause?.code, 'ECONNREFUSED')
      return ask()
    })
    assert.equal(sha256hex(await image.arrayBuffer()), published.sha256)
  }
})

test('wrong-image: content that is not what the manifest names rejects the release', async (t) => {
  const world = await makeWorld(t)
  const other = Buffer.from('another image')
  const cid = String(await world.source.add(other))
  const cases = [
    { image: { sha256: sha256(Buffer.from('claimed')), size: other.length, cid }, why: /SHA-256|digest/i },
    { image: { sha256: sha256(other), size: other.length + 1, cid }, why: /size|bytes/i },
    { image: { sha256: sha256(other), size: other.length - 1, cid }, why: /size|bytes/i },
  ]
  for (const { image } of cases) {
    const sequence = world.sequence + 1
    await world.publish({ envelope: makeEnvelope(makeManifest({ product: PRODUCT, sequence, version: '1', image }), world.signers) })
  }
  await world.finalize()
  const gateway = await world.gateway({ product: { keep: 5 } })
  for (const [i, { why }] of cases.entries()) {
    const release = await gateway.waitRelease(PRODUCT, i + 1, 'rejected')
    assert.match(release.why, why)
  }
})

test('refused-manifests: each by the rule that it breaks', async (t) => {
  const world = await makeWorld(t)
  const image = Buffer.from('fine')
  const good = { sha256: sha256(image), size: image.length, cid: String(await world.source.add(image)) }
  const make = (fields, by = world.signers) => makeEnvelope(makeManifest({ product: PRODUCT, version: '1', image: good, ...fields }), by)
  const rows = [
    [(sequence) => make({ sequence, product: 'acme/fridge' }), 'rejected', /another product/],
    [(sequence) => make({ sequence: sequence + 1 }), 'rejected', /sequence/],
    [(sequence) => make({ sequence }, []), 'rejected', /signature/],
    [(sequence) => make({ sequence }, [newSigner()]), 'rejected', /0 of the 1/],
    [(sequence) => make({ sequence, channel: 'nightly' }), 'seen', /nightly/],
    [(sequence) => make({ sequence, image: { ...good, cid: 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' } }), 'rejected', /CID/],
    [(sequence) => make({ sequence, image: { ...good, size: 3 << 20 } }), 'rejected', /max-image/],
    [() => Buffer.from('not an envelope'), 'rejected', /.+/],
  ]
  for (const [envelope] of rows) await world.publish({ envelope: envelope(world.sequence + 1), image })
  await world.finalize()
  const gateway = await world.gateway({ product: { 'max-image': '1M' } })
  for (const [i, [, state, why]] of rows.entries()) {
    const release = await gateway.waitRelease(PRODUCT, i + 1, state)
    assert.match(release.why, why)
  }
  assert.equal((await manifestOf(gateway)).status, 404)
})

test('reports: acknowledged, and shown to the operator', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const report = (body) => gateway.get(`/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  assert.equal((await report({ device: 'd1', sequence: 1, state: 'installed', progress: 100 })).status, 204)
  assert.equal((await report({ device: 'd1', sequence: 1, state: 'exploded' })).status, 400)
  const { items: [device] } = await gateway.ask('devices')
  assert.equal(device.device, 'd1')
  assert.equal(device.state, 'installed')
  assert.equal(device.version, '1.0.1')
  const { 'gatepost-keeper': keeper } = await gateway.children()
  process.kill(keeper, 'SIGKILL')
  await waitFor('the report to have survived', async () => (await gateway.ask('devices')).items[0].state === 'installed')
})

test('report-of-a-revoked-release: who says that it has one, to a server that never told of it, is offered nothing older', async (t) => {
  const world = await makeWorld(t)
  for (const sequence of [1, 2]) await world.publish({ sequence })
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await world.registry.call(world.owner, 'revoke', world.id, 2n, 'bricks')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'revoked')
  const offered = (device) => gateway.get(`/fw/${PRODUCT}?device=${device}`)
  assert.equal((await offered('another')).headers.get('gatepost-sequence'), '1')
  const r = await gateway.get(`/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ device: 'd', sequence: 2, state: 'installed' }) })
  assert.equal(r.status, 204)
  assert.equal((await offered('d')).status, 404)
  assert.equal((await offered('another')).status, 200)
})

test('code-hash: a registry of another build is an alarm, and nothing is followed', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ config: { chain: { 'code-hash': `0x${'11'.repeat(32)}` } } })
  await waitFor('the alarm', async () => (await gateway.status()).alarms.some((a) => a.code === 'code-hash'))
  assert.equal((await gateway.releases(PRODUCT)).length, 0)
})

test('wrong-chain: a provider of another chain is not used', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ config: { chainId: 5 } })
  await waitFor('the alarm', async () => (await gateway.status()).alarms.some((a) => a.code === 'chain-id'))
  assert.equal((await gateway.releases(PRODUCT)).length, 0)
})

test('rpc-down-at-start: serves what it has, says so, and follows when the provider is there', async (t) => {
  const world = await makeWorld(t)
  const published = await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ config: { providers: [{ name: 'one', url: 'http://127.0.0.1:1', operator: 'alpha' }] } })
  await waitFor('the provider to be known as down', async () => (await gateway.status()).providers[0].state === 'down')
  assert.equal((await manifestOf(gateway)).status, 404)
  await gateway.restart(world.config())
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.equal(sha256hex(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer()), published.sha256)
})

test('quorum: two operators agree, a third that is down does not matter; trust is quorum', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const providers = [['one', 'alpha', world.chain.url], ['two', 'beta', world.chain.url], ['three', 'gamma', 'http://127.0.0.1:1']]
    .map(([name, operator, url]) => ({ name, operator, url }))
  const gateway = await world.gateway({ config: { providers, chain: { anchor: 'quorum:2' } } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.equal((await gateway.status()).trust, 'quorum')
})

test('no-quorum: one of two operators is away, so nothing new is believed', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const providers = [{ name: 'one', operator: 'alpha', url: world.chain.url }, { name: 'two', operator: 'beta', url: 'http://127.0.0.1:1' }]
  const gateway = await world.gateway({ config: { providers, chain: { anchor: 'quorum:2' } } })
  await waitFor('the alarm', async () => (await gateway.status()).alarms.some((a) => a.code === 'no-quorum'))
  assert.equal((await gateway.releases(PRODUCT)).length, 0)
})

test('pinned: an anchor given by hand proves what the registry held then', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  const { hash, number } = await world.chain.rpc('eth_getBlockByNumber', 'latest', false)
  const gateway = await world.gateway({ config: { chain: { anchor: `pinned:${Number(number)}:${hash}` } } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.equal((await gateway.status()).trust, 'pinned')
})

for (const finality of ['safe', 'depth:1', 'latest']) {
  test(`finality-${finality}: a release becomes active by that rule`, async (t) => {
    const world = await makeWorld(t)
    await world.publish()
    await world.finalize()
    const gateway = await world.gateway({ config: { chain: { finality } } })
    await gateway.waitRelease(PRODUCT, 1, 'active')
  })
}

test('source-lies: a flipped byte is refused, the source named and quarantined, the image comes from the next one', async (t) => {
  const world = await makeWorld(t)
  const crooked = await startSource(t, { blocks: world.source.blocks, fault: 'flip-leaf' })
  const published = await world.publish({ image: randomBytes(3 << 20) })
  await world.finalize()
  const sources = [{ name: 'crooked', url: crooked.url, priority: 1 }, { name: 'own', url: world.source.url, priority: 2 }]
  const gateway = await world.gateway({ config: { sources } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const [first] = (await gateway.status()).sources
  assert.equal(first.name, 'crooked')
  assert.equal(first.state, 'quarantined')
  assert.ok(first.bad_blocks >= 1 && first.last_error)
  assert.equal(sha256hex(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer()), published.sha256)
})

for (const fault of ['truncated', 'missing-middle', 'html', '429-retry-1', 'reset-at-once']) {
  test(`source-${fault}: the image arrives all the same, from the next source or block by block`, async (t) => {
    const world = await makeWorld(t)
    const broken = await startSource(t, { blocks: world.source.blocks, fault })
    await world.publish({ image: randomBytes(3 << 20) })
    await world.finalize()
    const sources = [{ name: 'broken', url: broken.url, priority: 1 }, { name: 'own', url: world.source.url, priority: 2 }]
    const gateway = await world.gateway({ config: { sources } })
    await gateway.waitRelease(PRODUCT, 1, 'active')
  })
}

test('no-source: the release is failed with a reason, and active when a source comes back', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const port = Number(new URL(world.source.url).port)
  await world.source.stop()
  const gateway = await world.gateway()
  const failed = await gateway.waitRelease(PRODUCT, 1, 'failed')
  assert.match(failed.why, /no source/)
  assert.equal((await manifestOf(gateway)).status, 404)
  const again = await startSource(t, { blocks: world.source.blocks, port })
  assert.ok(again.url)
  await gateway.cli('refetch', PRODUCT, '1')
  await gateway.waitRelease(PRODUCT, 1, 'active')
})
