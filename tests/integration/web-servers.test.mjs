// web-servers.test.mjs: images from what any web server has: nginx with a publisher's `dir:` export, as archives, blocks and plain files.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { before, after, test } from 'node:test'
import { makeAuthority } from '../support/certificates.mjs'
import { makeConfig, startGateway } from '../support/gateway.mjs'
import { startNginx } from '../support/nginx.mjs'
import { makeDesk } from '../support/publisher.mjs'
import { sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'

const PRODUCT = 'acme/thermostat'
const MIB = 2 ** 20
const IMAGE = randomBytes(20 * MIB + 12345)

// One publisher for all: the hooks of this file take the place of a test's.
const ends = []
const all = { after: (fn) => ends.unshift(fn) }
let desk, out, published
before(async () => {
  desk = await makeDesk(all)
  await desk.chain.mine(1)
  const key = await desk.key('signer')
  out = desk.path('export')
  await desk.register(PRODUCT, [key])
  published = await desk.ok('publish', PRODUCT, '--version', '1', '--image', await desk.file('image', IMAGE), '--signing-key', key.path,
    '--upload', `dir:${out}`)
  await desk.chain.finalize()
})
after(async () => { for (const end of ends) await end() })

let made = 0
/** A gateway with these sources; extra is more of its configuration. */
async function startWith(t, sources, extra = '') {
  const dir = desk.path(`gateway-${++made}`)
  return startGateway(t, { dir, conf: makeConfig({
    dir, registry: desk.registry.address, providers: [{ name: 'one', url: desk.chain.url, operator: 'alpha' }], sources,
    products: { [PRODUCT]: { registrant: desk.owner.address } }, extra,
  }) })
}

const web = (t, options = {}) => startNginx(t, { root: out, dir: desk.dir, name: `nginx-${++made}`, ...options })

async function arrives(gateway) {
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const got = Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())
  assert.deepEqual(sha256(got), sha256(IMAGE))
}

/** What nginx sent, once it has written down all of it: bodies of these paths together are at least `least` bytes. */
const sent = (nginx, path, least) => waitFor(`the log of ${path}`, async () => {
  const list = (await nginx.requests()).filter((r) => r.path.startsWith(path))
  const bytes = list.reduce((n, r) => n + r.bytes, 0)
  return bytes >= least && { list, bytes }
})

test('car: one request for all of it', async (t) => {
  const nginx = await web(t)
  const gateway = await startWith(t, [{ name: 'web', kind: 'car', url: `${nginx.url}/car/{cid}.car` }])
  await arrives(gateway)
  const { list, bytes } = await sent(nginx, '/', IMAGE.length)
  assert.deepEqual(list.map((r) => [r.path, r.status, r.range]), [[`/car/${published.cid}.car`, 200, '']])
  assert.ok(bytes < IMAGE.length * 1.001)
  const [source] = (await gateway.ask('sources')).items
  assert.deepEqual([source.kind, source.state, source.failures, source.bad_blocks], ['car', 'ok', 0, 0])
})

test('blocks: each is a file, many at a time', async (t) => {
  const nginx = await web(t)
  const gateway = await startWith(t, [{ name: 'web', kind: 'blocks', url: `${nginx.url}/blocks` }])
  await arrives(gateway)
  const { list, bytes } = await sent(nginx, '/blocks/', IMAGE.length)
  assert.equal(list.length, 22, 'a root and 21 leaves')
  assert.equal(new Set(list.map((r) => r.path)).size, 22, 'none twice')
  assert.ok(bytes < IMAGE.length + 2000)
})

test('blocks over HTTP/2: side by side on one connection', async (t) => {
  const authority = await makeAuthority(desk.path('authority'))
  const nginx = await web(t, { tls: await authority.issue() })
  const gateway = await startWith(t, [{ name: 'web', kind: 'blocks', url: `${nginx.url}/blocks` }], `[network]\nca-file = ${authority.file}`)
  await arrives(gateway)
  const { list } = await sent(nginx, '/blocks/', IMAGE.length)
  assert.equal(list.length, 22)
  assert.deepEqual([...new Set(list.map((r) => r.protocol))], ['HTTP/2.0'])
  assert.equal(new Set(list.map((r) => r.connection)).size, 1)
})

test('mirror: the plain file in ranges, each leaf checked by inner blocks beside it', async (t) => {
  const nginx = await web(t)
  const gateway = await startWith(t, [{ name: 'web', kind: 'mirror', url: `${nginx.url}/image/{sha256}` }])
  await arrives(gateway)
  const image = await sent(nginx, '/image/', IMAGE.length)
  assert.equal(image.bytes, IMAGE.length, 'no byte twice')
  assert.ok(image.list.length >= 3 && image.list.every((r) => r.status === 206 && r.range.startsWith('bytes=')), 'in runs')
  const inner = await sent(nginx, '/inner/', 1)
  assert.deepEqual(inner.list.map((r) => [r.path, r.status]), [[`/inner/${published.cid}.car`, 200]])
  assert.ok(inner.bytes < 2000)
})

test('mirror without inner blocks: the whole file, by its SHA-256', async (t) => {
  const nginx = await web(t)
  const gateway = await startWith(t, [{ name: 'web', kind: 'mirror', url: `${nginx.url}/{vendor}/../image/{sha256}`, inner: `${nginx.url}/none/{cid}` }])
  await arrives(gateway)
  const image = await sent(nginx, '/image/', IMAGE.length)
  assert.deepEqual(image.list.map((r) => [r.status, r.range, r.bytes]), [[200, '', IMAGE.length]])
})

test('two mirrors make one file', async (t) => {
  // Slow enough for the second one to have its turn, however busy the machine is.
  const [a, b] = await Promise.all([1, 2].map(() => web(t, { location: 'limit_rate 4m;' })))
  const gateway = await startWith(t, [
    { name: 'a', kind: 'mirror', url: `${a.url}/image/{sha256}` },
    { name: 'b', kind: 'mirror', url: `${b.url}/image/{sha256}` },
  ])
  await arrives(gateway)
  const items = (await gateway.ask('sources')).items
  assert.ok(items.every((s) => s.bytes > MIB), `each brought some: ${items.map((s) => s.bytes)}`)
  assert.ok(items.reduce((n, s) => n + s.bytes, 0) < IMAGE.length + 5000, 'nothing twice')
})

test('a damaged copy: its leaf is noticed at once, and comes from elsewhere', async (t) => {
  const nginx = await web(t)
  const bad = Buffer.from(IMAGE)
  bad[5 * MIB + 3] ^= 1
  const root = desk.path('bad')
  const hostile = await web(t, { root })
  await desk.file('bad-image', bad)
  await copyTo(root, bad)
  t.after(() => rm(root, { recursive: true }))
  const gateway = await startWith(t, [
    { name: 'bad', kind: 'mirror', url: `${hostile.url}/image`, inner: `${nginx.url}/inner/{cid}.car`, priority: 1 },
    { name: 'good', kind: 'mirror', url: `${nginx.url}/image/{sha256}`, priority: 2 },
  ])
  await arrives(gateway)
  const [first, second] = (await gateway.ask('sources')).items
  assert.deepEqual([first.state, first.bad_blocks], ['quarantined', 1])
  assert.match(first.last_error, /not what its CID says/)
  assert.equal(second.state, 'ok')
  assert.ok(second.bytes <= IMAGE.length - 5 * MIB, 'the five leaves before it stay')
})

test('429: what nginx wants to be left alone for is waited', async (t) => {
  const nginx = await web(t, {
    http: 'limit_req_zone $binary_remote_addr zone=z:1m rate=10r/s;',
    location: 'limit_req zone=z burst=3 nodelay; limit_req_status 429; add_header Retry-After 1 always;',
  })
  const gateway = await startWith(t, [{ name: 'web', kind: 'blocks', url: `${nginx.url}/blocks` }])
  await arrives(gateway)
  const { list } = await sent(nginx, '/blocks/', IMAGE.length)
  const refused = list.filter((r) => r.status === 429)
  assert.ok(refused.length > 0, 'it was throttled')
  assert.equal(list.length - refused.length, 22, 'and gave each block once')
})

async function copyTo(root, bytes) {
  const { mkdir, writeFile } = await import('node:fs/promises')
  await mkdir(root, { recursive: true })
  await writeFile(`${root}/image`, bytes)
}
