// operator.test.mjs: the operator's REST API, as a client on the network meets it, and what refuses to start.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeConfig, program } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

async function activeGateway(t, options) {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway(options)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  return { world, gateway }
}

const newToken = async (gateway, name, scope) => (await gateway.cli('token', 'new', name, '--scope', scope)).stdout.trim()

/** A raw request's status line. */
function raw(gateway, text) {
  const { hostname, port } = new URL(gateway.operator)
  return new Promise((resolve, reject) => {
    let reply = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.setEncoding('latin1').on('data', (part) => { reply += part }).on('close', () => resolve(reply)).on('error', reject)
    socket.setTimeout(8000, () => socket.destroy(new Error(`no answer to ${JSON.stringify(text.slice(0, 60))}: ${reply}`)))
  })
}

test('tokens: none at first; scopes hold; a revoked one is worthless; they survive the database', async (t) => {
  const { gateway } = await activeGateway(t)
  assert.equal((await gateway.api('/api/v1/status')).status, 401)
  const read = await newToken(gateway, 'reader', 'read')
  assert.match(read, /^[0-9a-f]{64}$/)
  const operate = await newToken(gateway, 'shift', 'operate')
  const admin = await newToken(gateway, 'boss', 'admin')

  const status = await gateway.api('/api/v1/status', { token: read })
  assert.equal(status.status, 200)
  assert.equal(status.body.freshness, 'fresh')
  assert.equal((await gateway.api('/api/v1/status', { token: 'f'.repeat(64) })).status, 401)
  const approve = `/api/v1/releases/${PRODUCT}/1/approve`
  const denied = await gateway.api(approve, { token: read, method: 'POST', body: {} })
  assert.equal(denied.status, 403)
  assert.equal(denied.headers.get('content-type'), 'application/problem+json')
  assert.match(denied.body.detail, /operate/)
  assert.equal((await gateway.api(approve, { token: operate, method: 'POST', body: {} })).status, 200)
  assert.equal((await gateway.api('/api/v1/tokens', { token: operate })).status, 403)
  const made = await gateway.api('/api/v1/tokens', { token: admin, method: 'POST', body: { name: 'n2', scope: 'read' } })
  assert.equal(made.status, 201)
  assert.equal((await gateway.api('/api/v1/status', { token: made.body.token })).status, 200)
  assert.equal((await gateway.api('/api/v1/tokens/n2', { token: admin, method: 'DELETE' })).status, 204)
  assert.equal((await gateway.api('/api/v1/status', { token: made.body.token })).status, 401)
  assert.equal((await gateway.cli('token', 'new', 'reader', '--scope', 'read')).code, 1, 'a name is taken once')
  await gateway.restart()
  assert.equal((await gateway.api('/api/v1/status', { token: read })).status, 200)
  assert.ok(!(await readFile(join(gateway.stateDir, 'tokens'), 'utf8')).includes(read), 'only its hash is kept')
})

test('refusals: each with the documented status and a problem', async (t) => {
  const { gateway } = await activeGateway(t)
  const token = await newToken(gateway, 'boss', 'admin')
  const rows = [
    ['unknown path', '/api/v1/nothing', {}, 404],
    ['unknown product', '/api/v1/products/acme/fridge', {}, 404],
    ['unknown release', `/api/v1/releases/${PRODUCT}/99`, {}, 404],
    ['not a sequence', `/api/v1/releases/${PRODUCT}/one`, {}, 400],
    ['unknown state', '/api/v1/releases?state=gone', {}, 400],
    ['limit out of range', '/api/v1/releases?limit=0', {}, 400],
    ['wrong method', '/api/v1/status', { method: 'POST', body: {} }, 405],
    ['another host', '/api/v1/status', { headers: { host: 'evil.example' } }, 421],
    ['another origin', '/api/v1/status', { headers: { origin: 'http://evil.example' } }, 403],
    ['another site', '/api/v1/status', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
  ]
  for (const [what, path, options, status] of rows) {
    const { headers, ...rest } = options
    const lines = Object.entries({ host: new URL(gateway.operator).host, authorization: `Bearer ${token}`, connection: 'close', ...headers,
      ...(rest.body ? { 'content-type': 'application/json', 'content-length': '2' } : {}) })
    const reply = await raw(gateway, `${rest.method ?? 'GET'} ${path} HTTP/1.1\r\n${lines.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${rest.body ? '{}' : ''}`)
    assert.match(reply, new RegExp(`^HTTP/1.1 ${status} `), what)
    assert.match(reply, /application\/problem\+json/i, what)
    if (status === 405) assert.match(reply, /allow: GET, HEAD/i)
  }
  const post = (headers, body) => raw(gateway, `POST /api/v1/releases/${PRODUCT}/1/hold HTTP/1.1\r\nHost: ${new URL(gateway.operator).host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n${headers}\r\n${body}`)
  assert.match(await post('Content-Type: text/plain\r\nContent-Length: 2\r\n', '{}'), /^HTTP\/1.1 415 /)
  assert.match(await post('Content-Type: application/json\r\nContent-Length: 3\r\n', '{x}'), /^HTTP\/1.1 400 /)
  assert.match(await post(`Content-Type: application/json\r\nContent-Length: ${70000}\r\n`, ' '.repeat(70000)), /^HTTP\/1.1 413 /)
  assert.match(await post('Host: again\r\nContent-Type: application/json\r\nContent-Length: 2\r\n', '{}'), /^HTTP\/1.1 400 /)
  assert.match(await raw(gateway, 'GET /api/v1/%73tatus HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 400 /)
  assert.equal((await gateway.release(PRODUCT, 1)).state, 'active', 'nothing of that took effect')
})

test('guessing: ten wrong tokens, then 429 for wrong ones; the right one still passes', async (t) => {
  const { gateway } = await activeGateway(t)
  const token = await newToken(gateway, 'boss', 'read')
  const wrong = async () => (await gateway.api('/api/v1/status', { token: 'a'.repeat(64) })).status
  for (let i = 0; i < 10; i++) assert.equal(await wrong(), 401)
  const eleventh = await gateway.api('/api/v1/status', { token: 'a'.repeat(64) })
  assert.equal(eleventh.status, 429)
  assert.ok(Number(eleventh.headers.get('retry-after')) > 0)
  assert.equal((await gateway.api('/api/v1/status', { token })).status, 200)
})

test('health, description and page need no token', async (t) => {
  const { gateway } = await activeGateway(t)
  assert.equal((await gateway.api('/healthz')).status, 200)
  assert.equal((await gateway.api('/readyz')).status, 200)
  const yaml = await gateway.api('/api/v1/openapi.yaml')
  assert.equal(yaml.status, 200)
  assert.match(yaml.body, /^openapi: 3/)
  const page = await gateway.api('/')
  assert.match(page.headers.get('content-type'), /^text\/html/)
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  assert.equal((await gateway.api('/metrics')).status, 401)
})

test('keeper away: 503 and the server\'s own status, and then the keeper is back', async (t) => {
  const { gateway } = await activeGateway(t)
  const token = await newToken(gateway, 'boss', 'read')
  const { 'gatepost-keeper': keeper } = await gateway.children()
  process.kill(keeper, 'SIGSTOP')
  process.kill(keeper, 'SIGKILL')
  const seen = await gateway.api('/api/v1/status', { token })
  assert.ok([200, 503].includes(seen.status))
  if (seen.status === 503) assert.ok(seen.body.freshness, 'freshness is computed from the last proof by the server')
  await waitFor('the keeper to be back', async () => (await gateway.api('/api/v1/status', { token })).status === 200)
})

test('lists: products, releases with cursor, images, devices, audit', async (t) => {
  const { world, gateway } = await activeGateway(t)
  await world.publish()
  await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  gateway.token = await newToken(gateway, 'boss', 'read')
  const first = (await gateway.api('/api/v1/releases?limit=2')).body
  assert.deepEqual(first.items.map((r) => r.sequence), [1, 2])
  const rest = (await gateway.api(`/api/v1/releases?limit=2&after=${encodeURIComponent(first.next)}`)).body
  assert.deepEqual(rest.items.map((r) => r.sequence), [3])
  assert.equal(rest.next, null)
  assert.deepEqual((await gateway.api(`/api/v1/releases?product=${encodeURIComponent(PRODUCT)}&state=active`)).body.items.map((r) => r.sequence), [3])
  const { body: product } = await gateway.api(`/api/v1/products/${PRODUCT}`)
  for (const key of ['product', 'id', 'registrant', 'owner', 'threshold', 'signers', 'head', 'sequence', 'floor', 'entries', 'last_block', 'channels', 'policy', 'proven', 'freshness', 'alarms']) assert.ok(key in product, key)
  assert.deepEqual(product.channels, { stable: { active: 3 } })
  const { body: release } = await gateway.api(`/api/v1/releases/${PRODUCT}/3`)
  for (const key of ['product', 'sequence', 'state', 'why', 'channel', 'version', 'description', 'format', 'size', 'sha256', 'cid', 'signers', 'block', 'tx', 'published_at', 'urgent', 'hardware', 'from_sequence', 'times', 'fetch']) assert.ok(key in release, key)
  const { body: image } = await gateway.api(`/api/v1/images/${release.sha256}`)
  assert.equal(image.state, 'good')
  assert.ok((await gateway.api('/api/v1/audit')).body.items.length > 0)
  assert.deepEqual((await gateway.api('/api/v1/devices')).body, { items: [], next: null })
})

// --- what does not start ---

const check = (file) => run(program('gatepostd'), ['-T', '-c', file])
const plain = (dir, change = {}) => makeConfig({ dir, registry: `0x${'12'.repeat(20)}`, providers: [{ name: 'one', url: 'http://127.0.0.1:1' }],
  products: { [PRODUCT]: { registrant: `0x${'34'.repeat(20)}` } }, ...change })

test('configuration: what is wrong is named with line and nearest word', async (t) => {
  const dir = await tempDir(t)
  const file = join(dir, 'gatepost.conf')
  await writeFile(file, plain(dir))
  assert.equal((await check(file)).code, 0)
  await writeFile(file, plain(dir).replace('poll = 100ms', 'pol = 100ms'))
  const typo = await check(file)
  assert.notEqual(typo.code, 0)
  assert.match(typo.stderr, /gatepost\.conf:\d+: .*pol\b.*poll/)
  await writeFile(file, plain(dir, { chainId: 0 }))
  assert.match((await check(file)).stderr, /chain-id/)
  await writeFile(file, plain(dir, { chain: { anchor: 'quorum:2' } }))
  assert.match((await check(file)).stderr, /quorum|operator/)
})

test('port in use: said, and it ends', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  t.after(() => taken.close())
  const dir = await tempDir(t)
  const file = join(dir, 'gatepost.conf')
  await writeFile(file, plain(dir).replace('listen = 127.0.0.1:0', `listen = 127.0.0.1:${taken.address().port}`))
  const r = await run(program('gatepostd'), ['-c', file], { deadline_ms: 10000 })
  assert.notEqual(r.code, 0)
  assert.match(r.stderr, new RegExp(`${taken.address().port}.*in use`, 'i'))
})

test('state directory that is none: said, and it ends', async (t) => {
  const dir = await tempDir(t)
  const file = join(dir, 'gatepost.conf')
  await writeFile(join(dir, 'state'), 'a file')
  await writeFile(file, plain(dir))
  const r = await run(program('gatepostd'), ['-c', file], { deadline_ms: 15000 })
  assert.notEqual(r.code, 0)
  assert.match(r.stderr, /state/)
})

test('SIGHUP: a new configuration is taken, a broken one refused; SIGTERM ends everything cleanly', async (t) => {
  const { world, gateway } = await activeGateway(t)
  const file = join(world.dir, 'gatepost.conf')
  const change = async (from, to) => {
    await writeFile(file, (await readFile(file, 'utf8')).replace(from, to))
    gateway.server.kill('SIGHUP')
  }
  await change('name = test', 'name = changed')
  await waitFor('the new name', async () => (await gateway.status()).name === 'changed')
  await change('name = changed', 'nam = broken')
  await waitFor('the complaint', () => gateway.lines().some((line) => /gatepost\.conf:\d+: unknown key "nam".*name/.test(line)))
  assert.equal((await gateway.status()).name, 'changed', 'the old one stays')
  const children = Object.values(await gateway.children())
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null })
  for (const pid of children) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
