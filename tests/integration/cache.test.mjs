// cache.test.mjs: the scrubber, `gatepost cache verify` and `gatepost purge`: what has rotted is found before a device asks for it, and mended;
// what nobody needs may leave.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
const objectOf = (gateway, digest, suffix = '') => join(gateway.stateDir, 'objects', digest.slice(0, 2), digest + suffix)
const flip = (at) => (bytes) => { bytes[at < 0 ? bytes.length + at : at] ^= 0x10; return bytes }

async function change(file, how) {
  await writeFile(file, how(await readFile(file)), { flag: 'r+' })
}

const imageRow = async (gateway, digest) => (await gateway.ask('images')).items.find((i) => i.sha256 === digest)

async function served(gateway, digest) {
  const answer = await gateway.get(`/sha256/${digest}`)
  return answer.status === 200 ? sha256hex(await answer.arrayBuffer().catch(() => Buffer.alloc(0))) : answer.status
}

async function car(gateway, cid) {
  const answer = await gateway.get(`/ipfs/${cid}?format=car`)
  return answer.status === 200 ? Buffer.from(await answer.arrayBuffer()) : answer.status
}

/** A gateway with `n` active or superseded releases of an image each; nothing is scrubbed unless the interval says so. */
async function filled(t, { n = 1, size = 200000, layout, keep = 5, cache, options = {} } = {}) {
  const world = await makeWorld(t)
  const releases = []
  for (let i = 0; i < n; i++) releases.push(await world.publish({ image: randomBytes(size), layout }))
  await world.finalize()
  const gateway = await world.gateway({ product: { keep }, config: { cache: { 'scrub-interval': '365d', ...cache } }, ...options })
  for (let i = 1; i <= n; i++) await gateway.waitRelease(PRODUCT, i, 'active', 'superseded')
  gateway.confWith = (product) => world.config({ product, config: { cache: { 'scrub-interval': '365d', ...cache } } })
  return { world, gateway, releases, asked: () => world.source.requests.length }
}

const damages = {
  'a flipped bit': flip(70000),
  'a zeroed page': (bytes) => bytes.fill(0, 4096, 8192),
}
for (const [what, how] of Object.entries(damages)) {
  test(`verify: ${what} in an image is found, and only the damaged block is fetched again`, async (t) => {
    const { world, gateway, releases: [{ sha256, cid }] } = await filled(t, { size: 600000, layout: { chunk: 65536 } })
    world.source.requests.length = 0
    await change(objectOf(gateway, sha256), how)
    const run = await gateway.ask('cache', 'verify')
    assert.equal(run.whole, true)
    assert.deepEqual(run.findings.map(({ what, name, repaired }) => ({ what, name, repaired })), [{ what: 'image', name: sha256, repaired: true }])
    assert.equal((await imageRow(gateway, sha256)).state, 'good')
    assert.equal(await served(gateway, sha256), sha256)
    assert.ok(world.source.requests.every((r) => r.format === 'raw' && r.cid !== cid), JSON.stringify(world.source.requests))
    assert.equal(world.source.requests.length, 1)
  })
}

test('verify: a short file, a long one, and one that is gone are damage; the release stays what it is meanwhile', async (t) => {
  const { world, gateway, releases: [, { sha256 }] } = await filled(t, { n: 2, size: 300000 })
  for (const spoil of [(f) => truncate(f, 100000), (f) => writeFile(f, 'more', { flag: 'a' }), (f) => rm(f)]) {
    await spoil(objectOf(gateway, sha256))
    const run = await gateway.ask('cache', 'verify')
    assert.equal(run.whole, true, JSON.stringify(run))
    assert.deepEqual(run.findings.map((f) => f.what), ['image'])
    assert.equal(await served(gateway, sha256), sha256)
  }
  const audit = (await gateway.ask('audit')).items, first = audit.find((a) => a.action === 'cache.verify')
  assert.deepEqual(audit.filter((a) => a.action === 'release.state' && a.n > first.n), [])
  assert.equal((await gateway.release(PRODUCT, 2)).state, 'active')
  assert.equal(world.sequence, 2)
})

test('verify: lost chunk digests are made again from the image, without asking anybody', async (t) => {
  const { gateway, releases: [{ sha256 }], asked } = await filled(t)
  const before = await readFile(objectOf(gateway, sha256, '.sums')), requests = asked()
  for (const spoil of [(f) => change(f, flip(5)), (f) => rm(f), (f) => truncate(f, 3)]) {
    await spoil(objectOf(gateway, sha256, '.sums'))
    const run = await gateway.ask('cache', 'verify')
    assert.deepEqual([run.whole, run.findings.map((f) => f.what)], [true, ['digests']])
    assert.deepEqual(await readFile(objectOf(gateway, sha256, '.sums')), before)
  }
  assert.equal(asked(), requests)
})

test('blocks: a damaged .dag is made again from the image when it is cut as usual, and nobody notices', async (t) => {
  const { gateway, releases: [{ sha256, cid }], asked } = await filled(t, { size: 3000000 })
  const whole = await car(gateway, cid), dag = await readFile(objectOf(gateway, sha256, '.dag')), requests = asked()
  await change(objectOf(gateway, sha256, '.dag'), flip(60))
  const run = await gateway.ask('cache', 'verify')
  assert.deepEqual([run.whole, run.findings.map((f) => f.what)], [true, ['blocks']])
  assert.equal(await served(gateway, sha256), sha256)
  assert.deepEqual(await readFile(objectOf(gateway, sha256, '.dag')), dag)
  assert.deepEqual(await waitFor('the blocks', async () => { const got = await car(gateway, cid); return Buffer.isBuffer(got) && got }), whole)
  assert.equal(asked(), requests)
})

test('blocks: of an unusual cut they are fetched again, after the server has met the damage; the image is served all the while', async (t) => {
  const { gateway, releases: [{ sha256, cid }], asked } = await filled(t, { size: 3000000, layout: { chunk: 5000, width: 7, layout: 'trickle' } })
  const whole = await car(gateway, cid)
  assert.ok(Buffer.isBuffer(whole), String(whole))
  const requests = asked()
  await change(objectOf(gateway, sha256, '.dag'), flip(500))
  let lost = 0, wrong = 0
  await waitFor('the blocks again', async () => {
    const got = await gateway.get(`/ipfs/${cid}?format=car`).then(async (a) => a.status === 200 ? Buffer.from(await a.arrayBuffer()) : a.status).catch(() => 'cut')
    if (Buffer.isBuffer(got)) wrong += !got.equals(whole)
    else lost++
    assert.equal(await served(gateway, sha256), sha256)
    return lost && Buffer.isBuffer(got)
  })
  assert.equal(wrong, 0)
  assert.ok(asked() > requests)
  assert.equal((await imageRow(gateway, sha256)).blocks_lost, false)
})

test('verify: floor files, the catalog\'s copy and files of entries are written again; leftovers go, strange files stay', async (t) => {
  const { gateway, releases: [{ sha256 }] } = await filled(t)
  const state = (name) => join(gateway.stateDir, name)
  const [entries] = await readdir(state('entries'))
  const good = await readFile(state(`entries/${entries}`))
  await change(state('floor.a'), flip(12))
  await truncate(state('floor.b'), 9)
  await change(state('catalog'), flip(-1))
  await change(state(`entries/${entries}`), flip(30))
  await writeFile(objectOf(gateway, '00'.repeat(32).replace(/^../, sha256.slice(0, 2)), '.sums'), 'x')
  await writeFile(join(gateway.stateDir, 'objects', sha256.slice(0, 2), 'README'), 'mine')
  const run = await gateway.ask('cache', 'verify')
  assert.deepEqual([run.whole, run.findings.map((f) => f.what).sort(), run.leftovers, run.strange], [true, ['catalog', 'entries', 'floor', 'floor'], 1, 1], JSON.stringify(run))
  assert.deepEqual(await readFile(state(`entries/${entries}`)), good)
  assert.ok(existsSync(join(gateway.stateDir, 'objects', sha256.slice(0, 2), 'README')))
  const again = await gateway.ask('cache', 'verify')
  assert.deepEqual([again.whole, again.found, again.strange], [true, 0, 1], JSON.stringify(again))
})

test('verify: without a source it says so with its exit status; with one again the image is mended', async (t) => {
  const { world, gateway, releases: [{ sha256 }] } = await filled(t)
  const { port } = new URL(world.source.url)
  await world.source.stop()
  await change(objectOf(gateway, sha256), flip(4))
  const r = await gateway.cli('cache', 'verify', '--json')
  assert.equal(r.code, 1, r.stderr)
  assert.match(r.stderr, /damage was found that is not repaired/)
  const run = JSON.parse(r.stdout)
  assert.deepEqual([run.whole, run.found, run.findings[0].repaired], [false, 1, false])
  const row = await imageRow(gateway, sha256)
  assert.deepEqual([row.state, row.damaged_chunks], ['damaged', [0]])
  assert.equal(await served(gateway, sha256), 503)
  const status = await gateway.status()
  assert.equal(status.store.damaged_images, 1)
  assert.equal((await gateway.release(PRODUCT, 1)).state, 'active')
  await startSource(t, { blocks: world.source.blocks, port: Number(port) })
  await gateway.ask('refetch', PRODUCT, '1') // at once, not after a pause that has doubled for a while
  await waitFor('the repair', async () => (await imageRow(gateway, sha256)).state === 'good')
  await waitFor('the server to hear of it', async () => await served(gateway, sha256) === sha256)
  assert.equal((await gateway.ask('cache', 'verify')).found, 0)
})

test('verify: a damaged database is found, set aside and made again; nothing of the releases is lost', async (t) => {
  const { gateway, releases: [{ sha256 }] } = await filled(t)
  const keeper = (await gateway.children())['gatepost-keeper']
  const file = join(gateway.stateDir, 'gatepost.db')
  await gateway.ask('pin', PRODUCT)
  await gateway.restart() // the WAL goes into the file
  const page = 4096 * 3
  await change(file, (bytes) => bytes.fill(0x55, page + 100, page + 300))
  const r = await gateway.cli('cache', 'verify')
  assert.equal(r.code, 1)
  assert.match(r.stderr, /its database was damaged/)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.ok(existsSync(`${file}.damaged`))
  assert.notEqual((await gateway.children())['gatepost-keeper'], keeper)
  const again = await gateway.ask('cache', 'verify')
  assert.deepEqual([again.whole, again.found], [true, 0])
  assert.equal(await served(gateway, sha256), sha256)
})

// --- by itself ---

test('scrubber: with nobody asking, rot is found within the interval, and mended', async (t) => {
  const { gateway, releases } = await filled(t, { n: 3, cache: { 'scrub-interval': '2s' } })
  const first = await imageRow(gateway, releases[0].sha256)
  await change(objectOf(gateway, releases[0].sha256), flip(9))
  await change(objectOf(gateway, releases[1].sha256, '.sums'), flip(9))
  await waitFor('the scrubber', async () => {
    const { scrub } = await gateway.ask('cache')
    return scrub.damaged_images >= 1 && scrub.lost_digests >= 1
  })
  await waitFor('the repair', async () => {
    const now = await imageRow(gateway, releases[0].sha256)
    return now.state === 'good' && now.last_verified > first.last_verified
  })
  for (const { sha256 } of releases) assert.equal(await served(gateway, sha256), sha256)
  const metrics = (await gateway.api('/metrics', { token: (await gateway.cli('token', 'new', 'm', '--scope', 'read')).stdout.trim() })).body
  for (const name of ['images_damaged 0', 'scrub_found_total [1-9]', 'scrubbed_images_total [1-9]']) assert.match(metrics, new RegExp(`^gatepost_${name}`, 'm'))
})

test('scrubber: every image has its turn, one after the other', async (t) => {
  const { gateway, releases } = await filled(t, { n: 4, cache: { 'scrub-interval': '2s' } })
  const begun = new Map((await gateway.ask('images')).items.map((i) => [i.sha256, i.last_verified]))
  await waitFor('all of them', async () => (await gateway.ask('images')).items.every((i) => i.last_verified > begun.get(i.sha256)))
  assert.equal(begun.size, releases.length)
})

// --- what may leave ---

test('purge: what is active, kept or pinned stays; the rest leaves the catalog at once, and the audit log says who did it', async (t) => {
  const { gateway, releases } = await filled(t, { n: 4, keep: 4 })
  const digests = releases.map((r) => r.sha256)
  for (const digest of digests) {
    const r = await gateway.cli('purge', digest)
    assert.equal(r.code, 1)
    assert.match(r.stderr, /the image is needed/)
  }
  assert.equal((await gateway.ask('purge')).images, 0)
  await gateway.restart(gateway.confWith({ keep: 1 }))
  await gateway.waitRelease(PRODUCT, 4, 'active')
  assert.deepEqual((await gateway.ask('cache')).unneeded.images, 3)
  await gateway.ask('pin', PRODUCT)
  assert.equal((await gateway.ask('purge')).images, 0)
  await gateway.ask('unpin', PRODUCT)
  assert.equal((await gateway.ask('purge', '--older-than', '1h')).images, 0)
  assert.match((await gateway.cli('purge', digests[0], '--older-than', '30d')).stderr, /wanted since then/)
  assert.equal((await gateway.cli('purge', '--older-than', 'soon')).code, 2)
  assert.equal((await gateway.cli('purge', '11'.repeat(32))).code, 1)
  assert.deepEqual((await gateway.ask('purge', digests[1])).items, [digests[1]])
  await waitFor('it to be gone', async () => await served(gateway, digests[1]) === 404)
  assert.equal((await imageRow(gateway, digests[1])).state, 'evicting')
  assert.ok(existsSync(objectOf(gateway, digests[1])), 'ten minutes on the disk for those who read it')
  assert.match((await gateway.cli('purge', digests[1])).stderr, /leaving the cache already/)
  const all = await gateway.ask('purge', '--older-than', '0s')
  assert.deepEqual(all.items.sort(), [digests[0], digests[2]].sort())
  assert.equal(await served(gateway, digests[3]), digests[3])
  assert.equal((await gateway.release(PRODUCT, 1)).state, 'evicted')
  const acts = (await gateway.ask('audit')).items.filter((a) => a.action === 'cache.purge').map((a) => [a.actor.split(':')[0], a.subject, a.detail.split(',')[0]])
  assert.deepEqual(acts.slice(-2), [['socket', digests[1], '1 images'], ['socket', 'cache', '2 images']])
})

// --- what newer releases followed while the gateway was away ---

test('away: what is older than the newest is superseded and stays away, until it comes among them, or a device asks', async (t) => {
  const { world, gateway, releases } = await filled(t, { keep: 2 })
  await gateway.stop()
  for (let i = 2; i <= 5; i++) releases.push(await world.publish({ image: randomBytes(200000) }))
  await world.finalize()
  await gateway.start()
  const { sha256: second } = releases[1], { sha256: third } = releases[2]
  const isAway = async (sequence, digest) => {
    const { state, why, times } = await gateway.release(PRODUCT, sequence)
    assert.deepEqual([state, Object.keys(times).sort()], ['superseded', ['seen', 'superseded']], why)
    assert.equal(await imageRow(gateway, digest), undefined)
  }
  const bothNewest = async () => {
    await gateway.waitRelease(PRODUCT, 5, 'active')
    await gateway.waitRelease(PRODUCT, 4, 'superseded')
  }
  await bothNewest()
  await isAway(2, second)
  await isAway(3, third)
  await gateway.restart()
  await bothNewest()
  await isAway(2, second)
  await isAway(3, third)

  await world.registry.call(world.owner, 'revoke', world.id, 5n, 'bricks')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 4, 'active')
  await waitFor('the third, which nobody has asked for', async () => (await imageRow(gateway, third))?.state === 'good')
  await gateway.waitRelease(PRODUCT, 3, 'superseded')
  assert.equal(await served(gateway, third), third)
  await isAway(2, second)
  assert.ok(!world.source.requests.some((r) => r.cid === releases[1].cid))

  await waitFor('the second, for a device', async () => await served(gateway, second) === second)
  assert.equal((await gateway.release(PRODUCT, 2)).state, 'superseded')
})

test('REST: looking needs scope read, acting operate; odd bodies are refused by name', async (t) => {
  const { gateway } = await filled(t)
  const token = {}
  for (const scope of ['read', 'operate']) token[scope] = (await gateway.cli('token', 'new', scope, '--scope', scope)).stdout.trim()
  const call = (path, scope, method, body) => gateway.api(`/api/v1/cache${path}`, { token: token[scope], method, body })
  assert.equal((await call('/verify', 'read')).status, 404)
  assert.equal((await call('/verify', 'read', 'POST', {})).status, 403)
  assert.equal((await call('/purge', 'read', 'POST', {})).status, 403)
  const begun = await call('/verify', 'operate', 'POST', {})
  assert.equal(begun.status, 202)
  await waitFor('its end', async () => (await call('/verify', 'read')).body.state === 'done')
  assert.equal((await call('', 'read')).body.verify.id, begun.body.id)
  for (const [body, field] of [[{ sha256: 'abc' }, 'sha256'], [{ older_than_s: -1 }, 'older_than_s'], [{ older_than_s: '5' }, 'older_than_s'], [{ all: true }, 'all']]) {
    const r = await call('/purge', 'operate', 'POST', body)
    assert.deepEqual([r.status, r.body.field], [400, field])
  }
  assert.ok((await gateway.ask('audit')).items.some((a) => a.action === 'cache.verify' && a.actor === 'operate'))
})

test('repair: also of an image whose release is not kept any more, as long as it is here', async (t) => {
  const { gateway, releases: [{ sha256 }] } = await filled(t, { n: 3, keep: 3 })
  await gateway.restart(gateway.confWith({ keep: 1 }))
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await change(objectOf(gateway, sha256), flip(3))
  const run = await gateway.ask('cache', 'verify')
  assert.deepEqual([run.whole, run.findings.map((f) => f.name)], [true, [sha256]])
  assert.equal(await served(gateway, sha256), sha256)
})

test('blocks: a truncated .dag is told by a server that has not read it before, and comes back', async (t) => {
  const { gateway, releases: [{ sha256, cid }] } = await filled(t, { size: 900000, layout: { chunk: 5000, width: 7, layout: 'trickle' } })
  const whole = await car(gateway, cid)
  await truncate(objectOf(gateway, sha256, '.dag'), 700)
  await gateway.restart()
  await waitFor('the blocks again', async () => { const got = await car(gateway, cid); return Buffer.isBuffer(got) && got.equals(whole) })
})
