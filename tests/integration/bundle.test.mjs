// bundle.test.mjs: stories of a gateway that never sees the Internet: what comes in a file, on whose word, and what is refused.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { block, readBundle, remakeBundle, writeCar } from '../support/bundle.mjs'
import { OPTION, block as block2, codeName, openClient } from '../support/coap.mjs'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { newSigner } from '../support/suit.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const bodyOf = async (response) => Buffer.from(await response.arrayBuffer())

/** A gateway without providers and sources, in a directory of its own; pins the world's signers unless told otherwise. */
async function alone(t, world, name, { product = {}, ...config } = {}) {
  const dir = world.otherDir(name)
  const conf = world.config({ dir, product: { signers: world.signers.map((s) => s.thumbprint).join(' '), ...product }, config: { providers: [], sources: [], ...config } })
  return startGateway(t, { dir, conf })
}

/** A gateway of this world that has release 1, the newest and final, and the bundle that it makes: { online, file, block, … }. */
async function exportOf(world) {
  await world.finalize()
  const online = await world.gateway({ dir: world.otherDir('online') })
  await online.waitRelease(PRODUCT, 1, 'active')
  const file = join(world.dir, 'bundle.car')
  return { online, file, ...await online.ask('bundle', 'export', PRODUCT, '1', '--out', file) }
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
  const status = await offline.status()
  assert.equal(status.trust, 'bundle-signers')
  assert.equal(status.freshness, 'stale', 'nobody vouches for the time of its block')
  assert.equal((await offline.ask('products')).items[0].trust, 'bundle-signers')

  const manifest = await offline.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.status, 200)
  assert.deepEqual(await bodyOf(manifest), Buffer.from(release.envelope))
  assert.deepEqual(await bodyOf(await offline.get(`/fw/${PRODUCT}/image`)), release.image)
})

test('by-block-hash: with the hash of its block the whole history is proven, and served to neighbours', async (t) => {
  const { world, published, bundle } = await exporting(t, 2)
  const { file, block } = await bundle(2)
  const offline = await alone(t, world, 'offline', { product: { signers: undefined } })
  const done = await offline.ask('bundle', 'import', file, '--block-hash', block.hash)
  assert.equal(done.trust, 'bundle-pinned')
  assert.equal((await offline.waitRelease(PRODUCT, 2, 'active')).sha256, published[1].sha256)
  const status = await offline.status()
  assert.equal(status.trust, 'bundle-pinned')
  assert.equal(status.freshness, 'fresh', 'the block is of this minute')
  const [product] = (await offline.ask('products')).items
  assert.equal(product.proven.hash, block.hash)
  assert.equal((await offline.get(`/entries/${PRODUCT}`)).status, 200)
  await offline.waitRelease(PRODUCT, 1, 'failed') // its image is in another bundle
})

test('wildcard: a registrant\'s product that nobody has heard of yet comes with its bundle', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file, block } = await bundle(1)
  const offline = await alone(t, world, 'offline', { products: { '*': { registrant: world.owner.address } } })
  assert.deepEqual((await offline.ask('products')).items, [])
  await offline.ask('bundle', 'import', file, '--block-hash', block.hash)
  await offline.waitRelease(PRODUCT, 1, 'active')
})

test('restart: what a bundle brought, and on what it rests, is known after a restart', async (t) => {
  const { world, published: [release], bundle } = await exporting(t)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', file)
  await offline.restart()
  await offline.waitRelease(PRODUCT, 1, 'active')
  assert.equal((await offline.status()).trust, 'bundle-signers')
  assert.deepEqual(await bodyOf(await offline.get(`/fw/${PRODUCT}/image`)), release.image)
})

test('over-coap: a device without TCP gets the imported image', async (t) => {
  const { world, published: [release], bundle } = await exporting(t)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', file)
  const client = await openClient(Number(offline.coap.split(':').at(-1)))
  t.after(() => client.close())
  const first = await client.ask(`/fw/${PRODUCT}/image`, { options: [[OPTION.BLOCK2, block2(0, 6)]] })
  assert.equal(codeName(first.code), '2.05')
  assert.deepEqual(first.payload, release.image.subarray(0, 1024))
})

test('over-http: the same calls with a token, from another host', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline')
  const token = join(world.dir, 'token')
  await writeFile(token, (await offline.cli('token', 'new', 'courier', '--scope', 'operate')).stdout)
  const done = await run(program('gatepost'), ['bundle', 'import', file, '--url', offline.operator, '--token-file', token, '--json'])
  assert.equal(done.code, 0, done.stderr)
  await offline.waitRelease(PRODUCT, 1, 'active')
  const rows = (await offline.ask('audit')).items.filter((row) => row.action === 'bundle.import')
  assert.equal(rows.length, 1)
  assert.equal(rows[0].actor, 'courier')
  assert.equal(rows[0].subject, `${PRODUCT} 1`)
  assert.match(rows[0].detail, /^bundle-signers, \d+ entries, block \d+ 0x/)
})

test('many-blocks: an image of several blocks travels, and other tools unpack the same four files', async (t) => {
  const world = await makeWorld(t)
  const image = randomBytes(5 * 1024 * 1024 + 17)
  image.fill(0xff, 2 * 1024 * 1024) // padding up to the end, as flash images have it
  await world.publish({ image })
  await world.finalize()
  const online = await world.gateway({ dir: world.otherDir('online') })
  await online.waitRelease(PRODUCT, 1, 'active')
  const file = join(world.dir, 'large.car')
  await online.ask('bundle', 'export', PRODUCT, '1.0.1', '--out', file)

  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', file)
  assert.deepEqual(await bodyOf(await offline.get(`/fw/${PRODUCT}/image`)), image)

  const { roots, blocks, links } = await readBundle(file)
  assert.ok(roots[0].equals(blocks[0].cid))
  assert.deepEqual(Object.keys(links), ['entries.jsonl', 'envelope.suit', 'eth-proof.json', 'image.bin'])
  const out = join(world.dir, 'unpacked')
  const unpacked = await run(process.execPath, [join(root, 'node_modules/ipfs-car/bin.js'), 'unpack', file, '--output', out])
  assert.equal(unpacked.code, 0, unpacked.stderr)
  assert.deepEqual(await readFile(join(out, 'image.bin')), image)
  assert.deepEqual(await readFile(join(out, 'envelope.suit')), Buffer.from((await online.get(`/fw/${PRODUCT}`).then(bodyOf))))
  assert.deepEqual(await readFile(join(out, 'entries.jsonl')), await bodyOf(await online.get(`/entries/${PRODUCT}`)))
  assert.equal(JSON.parse(await readFile(join(out, 'eth-proof.json'))).format, 'gatepost-bundle-1')

  const seen = JSON.parse((await run(program('gatepost'), ['bundle', 'inspect', file, '--json'])).stdout)
  assert.equal(seen.sha256, createHash('sha256').update(image).digest('hex'))
  assert.deepEqual(seen.signed_by, [world.signers[0].thumbprint])
  assert.equal(seen.proves.length, 4)
})

/** Imports, expects a refusal, gives its message; nothing may have come of it. */
async function refused(gateway, file, ...more) {
  const r = await gateway.cli('bundle', 'import', file, ...more)
  assert.equal(r.code, 1, r.stdout + r.stderr)
  return r.stderr
}

test('nobody-vouches: a proof alone is shown, not counted', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file, block } = await bundle(1)
  const offline = await alone(t, world, 'offline', { product: { signers: undefined } })
  assert.match(await refused(offline, file), /nobody vouches for the bundle: RPC answers are not signed/)
  assert.match(await refused(offline, file, '--block-hash', block.hash.replace(/.$/, (d) => d === '0' ? '1' : '0')), /block \d+ has hash 0x\w+, not 0x\w+ as given/)
  assert.deepEqual(await offline.releases(), [])
  const rows = (await offline.ask('audit')).items
  assert.deepEqual(rows.map((row) => row.action), ['bundle.refuse', 'bundle.refuse'])
})

test('unpinned-signer: a release signed by other keys than the pinned ones is refused', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline', { product: { signers: newSigner().thumbprint } })
  assert.match(await refused(offline, file), /release 1 of acme\/thermostat is not signed as its pinned signers must/)
  assert.deepEqual(await offline.releases(), [])
})

test('older-bundle: a bundle from before cannot roll back, not even when the database is lost', async (t) => {
  const { world, bundle, online } = await exporting(t)
  const old = await bundle(1)
  await world.publish()
  await world.finalize()
  await online.waitRelease(PRODUCT, 2, 'active')
  const now = await bundle(2)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', now.file)
  await offline.waitRelease(PRODUCT, 2, 'active')
  assert.match(await refused(offline, old.file), /the bundle is older than what this gateway had/)
  assert.match(await refused(offline, old.file, '--block-hash', old.block.hash), /the bundle is older than what this gateway had/)
  assert.equal((await offline.release(PRODUCT, 2)).state, 'active')

  await offline.stop()
  for (const end of ['', '-wal', '-shm']) await rm(join(offline.stateDir, `gatepost.db${end}`), { force: true })
  await offline.start()
  assert.match(await refused(offline, old.file), /its history ends with release 1, release 2 was there/)
  await offline.ask('bundle', 'import', now.file)
  await offline.waitRelease(PRODUCT, 2, 'active')
})

test('same-history: a second bundle of the same history brings only its image', async (t) => {
  const { world, bundle } = await exporting(t, 2)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', (await bundle(2)).file)
  await offline.ask('bundle', 'import', (await bundle(1)).file)
  await offline.waitRelease(PRODUCT, 2, 'active')
  await offline.waitRelease(PRODUCT, 1, 'superseded')
})

test('revoked: by signers alone a revoked release is refused; with the block hash its revocation arrives', async (t) => {
  const { world, bundle, online } = await exporting(t, 2)
  const before = await bundle(2, 'before.car')
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', before.file)
  await offline.waitRelease(PRODUCT, 2, 'active')
  await world.registry.call(world.owner, 'revoke', world.id, 2n, 'bricks boards')
  await world.finalize()
  await online.waitRelease(PRODUCT, 2, 'revoked')
  const after = await bundle(2, 'after.car')
  assert.match(await refused(offline, after.file), /release 2 of acme\/thermostat is revoked: revoked by the publisher: bricks boards/)
  const done = await offline.ask('bundle', 'import', after.file, '--block-hash', after.block.hash)
  assert.match(done.why, /^revoked: .*bricks boards/)
  assert.equal((await offline.status()).trust, 'bundle-pinned')
  assert.match(await refused(offline, before.file, '--block-hash', before.block.hash), /the bundle is older/)
})

test('other-chain: another chain id, registry or product is named', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file } = await bundle(1)
  const gateways = [
    [{ chainId: 1 }, /is of chain 31337, this gateway follows chain 1/],
    [{ registry: `0x${'12'.repeat(20)}` }, /is of registry 0x\w+, this gateway follows 0x(12){20}/],
    [{ chain: { 'code-hash': `0x${'34'.repeat(32)}` } }, /registry has code that is not known here \(code-hash 0x\w+\)/],
    [{ products: { 'acme/kettle': { registrant: world.owner.address } } }, /is of acme\/thermostat of registrant 0x\w+, which this gateway does not follow/],
  ]
  for (const [i, [config, why]] of gateways.entries()) assert.match(await refused(await alone(t, world, `other-${i}`, config), file), why)
})

test('tampered: every lie in a bundle is found where it stands, and nothing of it is kept', async (t) => {
  const world = await makeWorld(t)
  await world.publish({ image: randomBytes(3 * 1024 * 1024) })
  const { file: good } = await exportOf(world)
  const { blocks, part, roots, links } = await readBundle(good)
  const bad = join(world.dir, 'bad.car')
  const flip = (bytes, at = bytes.length >> 1) => { const b = Buffer.from(bytes); b[at] ^= 1; return b }
  const lines = part('entries.jsonl').toString().split('\n').slice(0, -1)
  const proof = JSON.parse(part('eth-proof.json'))
  const remake = (changes) => remakeBundle(good, bad, changes)
  const rewrite = (list) => writeCar(bad, roots[0], list)
  const lies = {
    'flipped byte in the image': [() => rewrite(blocks.map((b, i) => i === blocks.length - 1 ? { cid: b.cid, bytes: flip(b.bytes) } : b)), /image\.bin: .*not what/],
    'flipped byte in the entries': [() => rewrite(blocks.map((b, i) => i === 1 ? { cid: b.cid, bytes: flip(b.bytes) } : b)), /entries\.jsonl: .*not what/],
    'missing part': [() => rewrite(blocks.filter((_, i) => i !== 2)), /is none of envelope\.suit, which comes here/],
    'missing last block': [() => rewrite(blocks.slice(0, -1)), /ends before image\.bin is whole/],
    'extra block': [() => rewrite([...blocks, block(Buffer.from('more'))]), /stands behind the image's last one/],
    'stray in between': [() => rewrite([...blocks.slice(0, 2), block(Buffer.from('more')), ...blocks.slice(2)]), /is none of envelope\.suit/],
    truncated: [async () => writeFile(bad, (await readFile(good)).subarray(0, -1000)), /ends inside a block/],
    'not a bundle': [() => writeFile(bad, randomBytes(5000)), /bundle: car: /],
    'an image alone': [() => writeCar(bad, links['image.bin'], blocks.slice(4)), /bundle: /],
    'entry left out': [() => remake({ 'entries.jsonl': [...lines.slice(0, 1), ...lines.slice(2), ''].join('\n') }), /entries\.jsonl/],
    'entry twice': [() => remake({ 'entries.jsonl': [...lines, lines.at(-1), ''].join('\n') }), /entries\.jsonl/],
    'entry edited': [() => remake({ 'entries.jsonl': [...lines.slice(0, -1), lines.at(-1).replace(/"data":"0x(\w+)(\w\w)"/, (_, a) => `"data":"0x${a}ee"`), ''].join('\n') }), /entries\.jsonl/],
    'other envelope': [() => remake({ 'envelope.suit': Buffer.concat([part('envelope.suit').subarray(0, -1), Buffer.from([0])]) }), /envelope\.suit is not the manifest that the history has/],
    'other block': [() => remake({ 'eth-proof.json': JSON.stringify({ ...proof, block: { ...proof.block, stateRoot: `0x${'11'.repeat(32)}` } }) }), /eth-proof\.json: /],
    'other word': [() => remake({ 'eth-proof.json': JSON.stringify(proof).replace(/"value":"0x\w+"/, '"value":"0x1"') }), /eth-proof\.json: proof: claims another value/],
    'another release': [() => remake({ 'eth-proof.json': JSON.stringify({ ...proof, sequence: '0x9' }) }), /no release 9 was published/],
    'another image': [() => { const other = block(randomBytes(1000)); return remake({ image: { cid: other.cid, blocks: [other] } }) }, /image\.bin is not the image that the manifest names/],
  }
  const offline = await alone(t, world, 'offline')
  for (const [what, [make, why]] of Object.entries(lies)) {
    await make()
    assert.match(await refused(offline, bad), why, what)
    const inspected = await run(program('gatepost'), ['bundle', 'inspect', bad])
    assert.equal(inspected.code, 1, `inspect: ${what}`)
  }
  assert.deepEqual(await offline.releases(), [])
  assert.deepEqual((await offline.ask('images')).items, [])
  await offline.ask('bundle', 'import', good)
  await offline.waitRelease(PRODUCT, 1, 'active')
})

test('back-online: entries of a bundle become the chain\'s own when the gateway meets the chain', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file } = await bundle(1)
  const gateway = await alone(t, world, 'offline')
  await gateway.ask('bundle', 'import', file)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await gateway.restart(world.config({ dir: gateway.dir }))
  await waitFor('the chain to prove it', async () => (await gateway.status()).chain.products_proven === 1)
  assert.equal((await gateway.status()).trust, 'single')
  assert.equal((await gateway.release(PRODUCT, 1)).state, 'active')
})

test('while-online: a gateway whose sources are down takes a bundle, and goes on following', async (t) => {
  const { world, published: [first], bundle } = await exporting(t)
  const { file } = await bundle(1)
  const gateway = await world.gateway({ dir: world.otherDir('no-sources'), config: { sources: [] } })
  await gateway.waitRelease(PRODUCT, 1, 'failed', 'seen', 'fetching')
  await gateway.ask('bundle', 'import', file, '--block-hash', JSON.parse((await run(program('gatepost'), ['bundle', 'inspect', file, '--json'])).stdout).block_hash)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.deepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), first.image)
  await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'failed', 'seen', 'fetching')
  assert.equal((await gateway.status()).trust, 'single')
})

test('plain-image: a file that a known manifest names is taken by its SHA-256, others are not', async (t) => {
  const world = await makeWorld(t)
  const { image, cid } = await world.publish({ image: randomBytes(2 * 1024 * 1024 + 5) })
  await world.finalize()
  const gateway = await world.gateway({ config: { sources: [] } })
  await gateway.waitRelease(PRODUCT, 1, 'failed', 'seen', 'fetching')
  const file = join(world.dir, 'fw.bin')
  await writeFile(file, randomBytes(1000))
  const r = await gateway.cli('import', file)
  assert.equal(r.code, 1)
  assert.match(r.stderr, /no known manifest names an image of this SHA-256/)
  await writeFile(file, image)
  const done = await gateway.ask('import', file)
  assert.equal(done.state, 'done')
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.deepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), image)
  assert.equal((await gateway.get(`/ipfs/${cid}`)).status, 200, 'cut as its publisher did')
  assert.match((await gateway.cli('import', file)).stderr, /the image is here already/)
})

test('made-up-chain: whoever invents a chain gets nothing past pinned keys, and contradicts what is here', async (t) => {
  const { world, bundle } = await exporting(t)
  const attacker = newSigner()
  // Another chain of the same id: the same accounts deploy at the same addresses.
  const fake = await makeWorld(t, { signers: [world.signers[0], attacker] })
  assert.equal(fake.registry.address, world.registry.address)
  await fake.publish({ by: [attacker] })
  const { online: theirs, file: forged, block: { hash } } = await exportOf(fake)

  const pinned = { signers: world.signers[0].thumbprint }
  const offline = await alone(t, world, 'offline', { product: pinned })
  assert.match(await refused(offline, forged), /release 1 of acme\/thermostat is not signed as its pinned signers must/)
  await offline.ask('bundle', 'import', (await bundle(1)).file)
  // By the right key, but in another history.
  await fake.publish({ by: [world.signers[0]] })
  await fake.finalize()
  await theirs.waitRelease(PRODUCT, 2, 'active')
  await theirs.ask('bundle', 'export', PRODUCT, '2', '--out', forged)
  assert.match(await refused(offline, forged), /contradicts entry \d+ of acme\/thermostat that is here already: only --block-hash can decide/)
  assert.equal((await offline.release(PRODUCT, 1)).state, 'active')

  const other = await alone(t, world, 'other', { product: pinned })
  const real = await bundle(1, 'real.car')
  await other.ask('bundle', 'import', real.file, '--block-hash', real.block.hash)
  assert.match(await refused(other, forged, '--block-hash', hash), /not 0x\w+ as given|contradicts the history of acme\/thermostat that was proven here/)
})

test('pruned-state: where the final block is older than what nodes keep, the newest block is proven instead', async (t) => {
  const world = await makeWorld(t)
  let prunedTo = -1 // the node has no state of blocks up to this one
  const provider = await startTamperProxy(t, world.chain.url, {
    before: ({ body }) => {
      const call = JSON.parse(body)
      const calls = [call].flat()
      if (!calls.some((c) => c.method === 'eth_getProof' && Number(c.params[2]) <= prunedTo)) return undefined
      const answers = calls.map((c) => ({ jsonrpc: '2.0', id: c.id, error: { code: -32000, message: 'missing trie node' } }))
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(Array.isArray(call) ? answers : answers[0]) }
    },
  })
  await world.publish()
  await world.finalize()
  const online = await world.gateway({ dir: world.otherDir('online'), config: { providers: [{ name: 'one', url: provider.url, operator: 'alpha' }] } })
  await online.waitRelease(PRODUCT, 1, 'active')
  const [{ proven }] = (await online.ask('products')).items
  await world.chain.mine(3)
  const file = join(world.dir, 'recent.car')
  const made = await waitFor('the newest block to be proven', async () => { // the final one may move on meanwhile
    prunedTo = (await online.ask('products')).items[0].proven.number
    const bundle = await online.ask('bundle', 'export', PRODUCT, '1', '--out', file)
    return bundle.block.final ? undefined : bundle
  })
  assert.ok(made.block.number > proven.number)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', file, '--block-hash', made.block.hash)
  await offline.waitRelease(PRODUCT, 1, 'active')
})

test('one-at-a-time: pieces come in order, a second import waits, and what is given up leaves nothing', async (t) => {
  const { world, bundle } = await exporting(t)
  const { file } = await bundle(1)
  const bytes = await readFile(file)
  const offline = await alone(t, world, 'offline')
  offline.token = (await offline.cli('token', 'new', 'boss', '--scope', 'operate')).stdout.trim()
  const call = (method, path, body) => offline.api(`/api/v1${path}`, { method, body })
  const begun = await call('POST', '/imports', { kind: 'bundle', size: bytes.length })
  assert.equal(begun.status, 201)
  const { id, piece } = begun.body
  assert.equal((await call('POST', '/imports', { kind: 'bundle', size: 10 })).status, 503)
  const put = (offset, part) => call('PUT', `/imports/${id}`, { offset, data: part.toString('base64') })
  assert.equal((await put(0, bytes.subarray(0, 1000))).body.offset, 1000)
  const again = await put(0, bytes.subarray(0, 1000))
  assert.equal(again.status, 409)
  assert.match(again.body.detail, /the next byte is 1000/)
  assert.equal((await put(1000, bytes.subarray(1000, piece))).status, 200)
  assert.equal((await call('PUT', `/imports/${id}`, { offset: piece, data: '!!!!' })).status, 400)
  assert.equal((await call('PUT', `/imports/${id + 1}`, { offset: 0, data: '' })).status, 404)
  assert.equal((await call('DELETE', `/imports/${id}`)).status, 204)
  assert.match((await put(piece, bytes.subarray(piece, piece + 10))).body.detail, /this import is over: given up/)
  assert.deepEqual((await offline.ask('images')).items, [])

  const long = await call('POST', '/imports', { kind: 'bundle', size: 1000 })
  const over = await call('PUT', `/imports/${long.body.id}`, { offset: 0, data: bytes.subarray(0, 1001).toString('base64') })
  assert.match(over.body.detail, /was said to have 1000 bytes/)
  for (const body of [{ kind: 'bundle', size: 0 }, { kind: 'bundle', size: 2 ** 40 }, { kind: 'image', size: 5 }, { kind: 'other', size: 5 },
    { kind: 'bundle', size: 5, block_hash: '0x12' }, { kind: 'bundle' }])
    assert.ok([400, 409].includes((await call('POST', '/imports', body)).status), JSON.stringify(body))
  await offline.ask('bundle', 'import', file)
  await offline.waitRelease(PRODUCT, 1, 'active')
})

test('not-exportable: what is not proven, not here or not known makes no bundle', async (t) => {
  const { world, online, bundle } = await exporting(t)
  await assert.rejects(bundle(7), /no such release/)
  await world.publish()
  await online.waitRelease(PRODUCT, 2, 'ready')
  await assert.rejects(bundle(2), /release 2 of acme\/thermostat is not proven and final here/)
  const { file } = await bundle(1)
  const offline = await alone(t, world, 'offline')
  await offline.ask('bundle', 'import', file)
  await assert.rejects(offline.ask('bundle', 'export', PRODUCT, '1'), /not proven and final here/)
})

test('chain-contradicts: what signers alone vouched for gives way to the chain', async (t) => {
  const world = await makeWorld(t)
  const elsewhere = await makeWorld(t, { signers: world.signers })
  const other = await elsewhere.publish()
  const { file } = await exportOf(elsewhere)

  const gateway = await alone(t, world, 'offline')
  await gateway.ask('bundle', 'import', file)
  assert.equal((await gateway.waitRelease(PRODUCT, 1, 'active')).sha256, other.sha256)
  await world.finalize()
  const real = await world.publish()
  await gateway.restart(world.config({ dir: gateway.dir }))
  const state = (wanted) => waitFor(`the chain's own release to be ${wanted}`, async () => {
    const release = await gateway.release(PRODUCT, 1)
    if (release?.sha256 === real.sha256 && release.state === 'active') assert.equal(wanted, 'active', 'not before it is final')
    return release?.sha256 === real.sha256 && release.state === wanted
  })
  await state('ready')
  await world.finalize()
  await state('active')
  assert.equal((await gateway.status()).trust, 'single')
  assert.deepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), real.image)
})

test('pinned-against-chain: a chain that contradicts the block that the operator gave raises an alarm, and moves nothing', async (t) => {
  const world = await makeWorld(t)
  const elsewhere = await makeWorld(t, { signers: world.signers })
  const other = await elsewhere.publish()
  const { file, block: pin } = await exportOf(elsewhere)

  const gateway = await alone(t, world, 'offline')
  await gateway.ask('bundle', 'import', file, '--block-hash', pin.hash)
  await world.publish()
  await world.finalize()
  await world.chain.mine(10)
  await gateway.restart(world.config({ dir: gateway.dir }))
  await waitFor('the alarm', async () => (await gateway.status()).alarms.some((alarm) => alarm.code === 'anchor-conflict'))
  assert.equal((await gateway.release(PRODUCT, 1)).sha256, other.sha256)
  assert.equal((await gateway.status()).trust, 'bundle-pinned')
})

test('ahead-of-providers: a bundle of a block that they have not reached yet stays, without an alarm, until they have', async (t) => {
  const { world, bundle, online } = await exporting(t)
  let stoppedAt = Infinity // the provider's newest block
  const provider = await startTamperProxy(t, world.chain.url, {
    before: ({ body }) => {
      const fix = (c) => ({ ...c, params: c.params.map((p) => ['latest', 'finalized', 'safe'].includes(p) && stoppedAt !== Infinity ? `0x${(stoppedAt - (p === 'latest' ? 0 : 2)).toString(16)}` : p) })
      const call = JSON.parse(body)
      if (stoppedAt === Infinity) return undefined
      return fetch(world.chain.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(Array.isArray(call) ? call.map(fix) : fix(call)) })
        .then(async (r) => ({ status: r.status, headers: { 'content-type': 'application/json' }, body: Buffer.from(await r.arrayBuffer()) }))
    },
  })
  const gateway = await world.gateway({ dir: world.otherDir('behind'), config: { providers: [{ name: 'one', url: provider.url, operator: 'alpha' }] } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  stoppedAt = Number(await world.chain.rpc('eth_blockNumber'))
  await world.publish()
  await world.finalize()
  await online.waitRelease(PRODUCT, 2, 'active')
  const { file, block } = await bundle(2)
  await gateway.ask('bundle', 'import', file, '--block-hash', block.hash)
  await gateway.waitRelease(PRODUCT, 2, 'active')
  const rounds = provider.requests.length
  await waitFor('some rounds', async () => provider.requests.length > rounds + 10)
  assert.equal((await gateway.release(PRODUCT, 2)).state, 'active')
  assert.deepEqual((await gateway.status()).alarms.filter((alarm) => alarm.code === 'reorg-too-deep'), [])
  stoppedAt = Infinity
  await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  assert.equal((await gateway.status()).trust, 'single')
})
