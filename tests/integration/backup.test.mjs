// backup.test.mjs: stories of a backup, and of what an old one must never do.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const bodyOf = async (response) => Buffer.from(await response.arrayBuffer())

/** gatepost restore for a gateway that was stopped; `more` are options. Gives { code, stdout, stderr }. */
const restore = (gateway, file, ...more) => run(program('gatepost'), ['restore', file, '-c', join(gateway.dir, 'gatepost.conf'), ...more])

/** The same, which must succeed: its JSON. */
async function restored(gateway, file, ...more) {
  const r = await restore(gateway, file, ...more, '--json')
  assert.equal(r.code, 0, r.stderr)
  return JSON.parse(r.stdout)
}

/** Everything in a state directory but its objects: { path: SHA-256 }. */
async function digestsOf(dir) {
  const out = {}
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    if (entry.isFile()) out[path.slice(dir.length)] = createHash('sha256').update(await readFile(path)).digest('hex')
  }
  return out
}

/** The world's configuration for a gateway whose provider is gone. */
const withoutChain = (world, options = {}) =>
  world.config({ ...options, config: { providers: [{ name: 'one', url: 'http://127.0.0.1:9', operator: 'alpha' }] } })

/** What a monitor would compare of two gateways: releases with their states, and what is pinned. */
async function stateOf(gateway) {
  const releases = (await gateway.releases(PRODUCT)).map(({ sequence, state, sha256 }) => ({ sequence, state, sha256 }))
  return releases.sort((a, b) => a.sequence - b.sequence)
}

const auditOf = async (gateway, action) => (await gateway.ask('audit')).items.filter((row) => row.action === action)

test('old-backup: brings decisions and devices back, and neither an older release nor a revoked token', async (t) => {
  const world = await makeWorld(t)
  const first = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const kept = (await gateway.cli('token', 'new', 'kept', '--scope', 'operate')).stdout.trim()
  const lost = (await gateway.cli('token', 'new', 'lost', '--scope', 'admin')).stdout.trim()
  const group = (name) => gateway.api('/api/v1/devices/cellar', { token: kept, method: 'PUT', body: { group: name } })
  assert.equal((await group('early')).status, 200)
  const file = join(world.dir, 'gateway.backup')
  const made = await gateway.ask('backup', file)
  assert.equal((await stat(file)).size, made.bytes)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await auditOf(gateway, 'backup')).length, 1)

  // The world goes on: two releases, the first is revoked, so is a token; a hold, another word on a device.
  const second = await world.publish()
  await world.publish()
  await world.registry.call(world.owner, 'revoke', world.id, 1n, 'bricks boards')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await gateway.waitRelease(PRODUCT, 1, 'revoked')
  await gateway.ask('hold', PRODUCT, '3')
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await gateway.ask('token', 'revoke', 'lost')
  assert.equal((await group('late')).status, 200)
  const before = await stateOf(gateway)
  await gateway.stop()

  const said = await restored(gateway, file)
  const { database, tokens, tokens_from: from, tokens_left_out: leftOut, audit } = said
  assert.deepEqual({ database, tokens, from, leftOut, audit }, { database: 'replaced', tokens: 1, from: 'here', leftOut: 1, audit: 'kept' })

  // Without the chain: what was served is served, and nothing older comes up.
  await gateway.restart(withoutChain(world))
  const served = async () => {
    assert.deepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), second.image)
    assert.equal((await gateway.get(`/sha256/${first.sha256}`)).status, 410, 'what was revoked stays so')
  }
  await served()
  assert.deepEqual((await gateway.releases(PRODUCT)).filter((r) => r.state === 'active'), [], 'nothing is known to be proven')
  assert.equal((await gateway.api('/api/v1/status', { token: kept })).status, 200)
  assert.equal((await gateway.api('/api/v1/status', { token: lost })).status, 401)
  assert.equal((await gateway.ask('devices')).items.find((d) => d.device === 'cellar').group, 'early')
  assert.equal((await auditOf(gateway, 'restore')).length, 1)
  assert.ok(!(await gateway.status()).alarms.some(({ code }) => code === 'database-rebuilt'), 'nothing was lost')
  assert.equal((await auditOf(gateway, 'token.revoke')).length, 1, 'the log goes on where the directory had it')

  // With it: the same end as without any restore.
  await gateway.restart(world.config())
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await gateway.waitRelease(PRODUCT, 1, 'revoked')
  await gateway.waitRelease(PRODUCT, 3, 'held')
  assert.deepEqual(await stateOf(gateway), before)
  await served()
})

test('new-card: into an empty directory come decisions, devices, tokens and floors; the chain and the sources bring the rest', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  const second = await world.publish()
  await world.finalize()
  const old = await world.gateway({ dir: world.otherDir('old') })
  await old.waitRelease(PRODUCT, 2, 'active')
  const admin = (await old.cli('token', 'new', 'admin', '--scope', 'admin')).stdout.trim()
  const operate = (await old.cli('token', 'new', 'operate', '--scope', 'operate')).stdout.trim()
  await old.ask('pin', PRODUCT)
  await old.ask('hold', PRODUCT, '2')
  await old.waitRelease(PRODUCT, 1, 'active')

  // Over HTTP, to standard output.
  assert.equal((await old.api('/api/v1/backups', { token: operate, method: 'POST', body: {} })).status, 403)
  const token = join(world.dir, 'token')
  await writeFile(token, admin)
  const file = join(world.dir, 'card.backup')
  const to = await run('sh', ['-c', 'exec "$0" backup - --url "$1" --token-file "$2" > "$3"', program('gatepost'), old.operator, token, file])
  assert.equal(to.code, 0, to.stderr)
  await old.stop()

  const dir = world.otherDir('new')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'gatepost.conf'), withoutChain(world, { dir }))
  const { database, tokens, tokens_from: from, floors } = await restored({ dir }, file)
  assert.deepEqual({ database, tokens, from, floors }, { database: 'new', tokens: 2, from: 'backup', floors: 1 })
  assert.deepEqual((await readdir(join(dir, 'state'))).sort(), ['floor.a', 'floor.b', 'gatepost.db', 'tokens'])
  assert.equal((await stat(join(dir, 'state', 'tokens'))).mode & 0o777, 0o600)

  const gateway = await startGateway(t, { dir, conf: withoutChain(world, { dir }) })
  assert.equal((await gateway.get(`/fw/${PRODUCT}/image`)).status, 404, 'there is nothing to be served yet')
  assert.equal((await gateway.status()).freshness, 'stale')
  assert.equal((await gateway.api('/api/v1/status', { token: operate })).status, 200)
  await gateway.restart(world.config({ dir }))
  await gateway.waitRelease(PRODUCT, 2, 'held')
  await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.notDeepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), second.image)
  assert.equal((await auditOf(gateway, 'release.hold')).length, 1)
})

/** A backup's parts, by its own head: { database: [from, to], … }. The numbers are the last three of the CBOR array. */
function partsOf(bytes) {
  const headEnd = 12 + bytes.readUInt32BE(8)
  const sizes = []
  for (let at = 12 + 1; at < headEnd;) {
    const head = bytes[at]
    const width = (head & 31) < 24 ? 0 : 1 << ((head & 31) - 24)
    const value = width ? parseInt(bytes.subarray(at + 1, at + 1 + width).toString('hex'), 16) : head & 31
    at += 1 + width + (head >> 5 === 2 || head >> 5 === 3 ? value : 0)
    sizes.push(value)
  }
  const [database, floors, tokens] = sizes.slice(-3)
  const ends = [headEnd, headEnd + database, headEnd + database + floors, headEnd + database + floors + tokens]
  return { magic: [0, 12], head: [12, headEnd], database: [ends[0], ends[1]], floors: [ends[1], ends[2]], tokens: [ends[2], ends[3]], sum: [ends[3], bytes.length] }
}

const seal = (bytes) => {
  const body = bytes.subarray(0, bytes.length - 32)
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

test('on the way: a backup of which less, more or nothing comes than was promised gets no name', async (t) => {
  const world = await makeWorld(t)
  const gateway = await world.gateway()
  const token = join(world.dir, 'token')
  await writeFile(token, (await gateway.cli('token', 'new', 'keeper', '--scope', 'admin')).stdout)
  const piece = (bytes, last) => (body) => ({ ...body, data: bytes(Buffer.from(body.data, 'base64')).toString('base64'), last })
  const lies = [
    [/gave \d+ bytes where it had promised \d+/, piece((bytes) => bytes.subarray(0, -1), true)],
    [/gave \d+ bytes where it had promised \d+/, (body) => (body.last ? piece((bytes) => Buffer.concat([bytes, Buffer.of(0)]), true)(body) : body)],
    [/says that more will come/, piece(() => Buffer.alloc(0), false)],
    [/says that more will come/, (body) => ({ offset: body.offset })],
  ]
  let lie
  const crooked = await startTamperProxy(t, '', {
    rewrite: (path) => gateway.operator + path, // which is another one after a restart
    tamper: (request, { body, ...reply }) => (request.url.includes('/data?') ? { ...reply, body: JSON.stringify(lie(JSON.parse(body))) } : undefined),
  })
  const file = join(world.dir, 'gateway.backup')
  const ask = (url) => run(program('gatepost'), ['backup', file, '--url', url, '--token-file', token])
  for (const [why, how] of lies) {
    lie = how
    const { code, stderr } = await ask(crooked.url)
    assert.notEqual(code, 0)
    assert.match(stderr, why)
    assert.deepEqual((await readdir(world.dir)).filter((name) => name.startsWith('gateway.backup')), [])
    await gateway.stop() // it keeps a backup of which there is more for a minute
    await gateway.start()
  }
  lie = (body) => body
  assert.equal((await ask(crooked.url)).code, 0)
})

test('refused: damage of every part, other files, and a running gateway; nothing is touched', async (t) => {
  const world = await makeWorld(t)
  const gateway = await world.gateway()
  await gateway.waitProven()
  await gateway.ask('token', 'new', 'one', '--scope', 'read')
  await gateway.ask('pin', PRODUCT)
  const file = join(world.dir, 'whole.backup')
  await gateway.ask('backup', file)
  const running = await restore(gateway, file)
  assert.equal(running.code, 1, running.stderr)
  assert.match(running.stderr, /a gateway, or a restore, runs on this state directory/)
  await gateway.stop()

  const whole = await readFile(file)
  const before = await digestsOf(gateway.stateDir)
  const bad = join(world.dir, 'bad.backup')
  const refused = async (bytes, what, why) => {
    await writeFile(bad, bytes)
    const r = await restore(gateway, bad)
    assert.equal(r.code, what.code ?? 1, `${what}: ${r.stdout}${r.stderr}`)
    assert.match(r.stderr, why, what)
    assert.deepEqual(await digestsOf(gateway.stateDir), before, `${what}: nothing is touched`)
  }
  const parts = partsOf(whole)
  assert.equal(parts.sum[1] - parts.sum[0], 32)
  const flipped = (at, by = 0x10) => { const b = Buffer.from(whole); b[at] ^= by; return b }

  for (const [name, [from, to]] of Object.entries(parts))
    for (const at of [from, (from + to) >> 1, to - 1]) await refused(flipped(at), `a flip at ${at}, in ${name}`, /digest at its end/)
  for (const n of [0, 1, 40, whole.length >> 1, whole.length - 1])
    await refused(whole.subarray(0, n), `${n} bytes of it`, n < 44 ? /not a backup of gatepost/ : /digest at its end/)

  // With a digest that fits, as somebody who means harm would write it: each part is still checked by itself.
  const middle = ([from, to]) => (from + to) >> 1
  await refused(seal(flipped(0)), 'another magic', /not a backup of gatepost/)
  await refused(seal(flipped(parts.head[0])), 'no array', /CBOR|array/)
  await refused(seal(flipped(parts.head[0] + 1, 3)), 'format 2', /format 2, this gatepost knows 1/)
  await refused(seal(flipped(parts.head[1] - 1, 1)), 'another length', /bytes, and says/)
  await refused(seal(flipped(middle(parts.database))), 'a page', /database: .*(not what was written|malformed|unable to get the page)/)
  await refused(seal(flipped(parts.database[0])), 'no database', /database: .*(not a database|not what was written)/)
  await refused(seal(flipped(middle(parts.floors))), 'floors', /floor file's bytes do not have the digest/)
  await refused(seal(flipped(middle(parts.tokens))), 'tokens', /tokens file's bytes do not have the digest/)
  const registry = Buffer.from(whole)
  registry[registry.indexOf(Buffer.from(world.registry.address.slice(2), 'hex'))] ^= 1
  await refused(seal(registry), 'another registry', /another chain or registry/)
  await refused(await readFile(join(gateway.stateDir, 'gatepost.db')), 'a database alone', /digest at its end/)

  // The whole one is taken, and the old database stands beside.
  assert.equal((await restored(gateway, file)).database, 'replaced')
  const replaced = createHash('sha256').update(await readFile(join(gateway.stateDir, 'gatepost.db.replaced'))).digest('hex')
  assert.equal(replaced, before['/gatepost.db'])
})

test('damaged-here: a database that cannot be read is set aside, and its successor is the backup', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await gateway.ask('hold', PRODUCT, '1')
  await gateway.waitRelease(PRODUCT, 1, 'held')
  const file = join(world.dir, 'gateway.backup')
  await gateway.ask('backup', file)
  await gateway.stop()
  const db = await readFile(join(gateway.stateDir, 'gatepost.db'))
  await writeFile(join(gateway.stateDir, 'gatepost.db'), db.fill(0xff, 4096, 12288))
  assert.equal((await restored(gateway, file)).database, 'damaged one set aside')
  assert.deepEqual(await readFile(join(gateway.stateDir, 'gatepost.db.damaged')), db)
  await gateway.start()
  await gateway.waitRelease(PRODUCT, 1, 'held')
})
