// backup.test.mjs: what a gateway knows and nobody else does, put by and brought back: onto the directory it came from, grown older or
// with nothing left, and onto an empty one. Whatever the backup: never older than the floor, never a token back unseen, always serving.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')
const DATABASE = ['', '-wal', '-shm', '.replaced', '.replaced-wal']

/** A world whose chain and source can be switched off: world.uplink(false). */
async function makeSite(t) {
  const world = await makeWorld(t)
  let isDown = false
  const before = () => isDown && { status: 503, headers: {}, body: '' }
  const [rpc, source] = [await startTamperProxy(t, world.chain.url, { before }), await startTamperProxy(t, world.source.url, { before })]
  return Object.assign(world, {
    uplink: (up) => { isDown = !up },
    conf: (dir, options = {}) => world.config({ dir, ...options, config: { providers: [{ name: 'one', url: rpc.url, operator: 'alpha' }], sources: [{ name: 'own', url: source.url }], ...options.config } }),
    at: (dir) => startGateway(t, { dir, conf: world.conf(dir) }),
    async next() {
      const release = await world.publish()
      await world.finalize()
      return release
    },
  })
}

const restore = (dir, file, ...more) => run(program('gatepost'), ['restore', file, '-c', join(dir, 'gatepost.conf'), '--json', ...more])

async function restored(dir, file) {
  const r = await restore(dir, file)
  assert.equal(r.code, 0, r.stderr)
  return JSON.parse(r.stdout)
}

/** HTTP gives this release and no other, whole. */
async function serves(gateway, release) {
  const manifest = await gateway.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.status, 200)
  assert.equal(manifest.headers.get('gatepost-sequence'), String(release.sequence))
  assert.equal(digest(Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())), release.sha256)
}

/** Every file of a directory with its digest. */
async function contents(dir, under = '') {
  const all = {}
  for (const entry of await readdir(join(dir, under), { withFileTypes: true })) {
    const name = join(under, entry.name)
    if (entry.isDirectory()) Object.assign(all, await contents(dir, name))
    else if (entry.isFile()) all[name] = digest(await readFile(join(dir, name)))
  }
  return all
}

/** A gateway with release 1 active, a hold on release 2, a device, two tokens; its backup; and then two more releases, 1 revoked, a token gone. */
async function grownOlder(t) {
  const world = await makeSite(t)
  world.first = await world.next()
  const gateway = await world.at(world.dir)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const report = { device: 'porch-1', sequence: 1, state: 'installed', progress: 100 }
  assert.equal((await gateway.get(`/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(report) })).status, 204)
  world.keptToken = (await gateway.ask('token', 'new', 'kept', '--scope', 'read')).token
  world.goneToken = (await gateway.ask('token', 'new', 'gone', '--scope', 'admin')).token
  await world.next()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await gateway.ask('hold', PRODUCT, '2')
  await gateway.waitRelease(PRODUCT, 2, 'held')
  const file = join(world.dir, 'old.backup')
  world.said = await gateway.ask('backup', file)
  await gateway.ask('token', 'revoke', 'gone')
  world.newest = await world.next()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await world.registry.call(world.owner, 'revoke', world.id, 1n, 'old')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 1, 'revoked')
  return { world, gateway, file }
}

for (const lost of [true, false]) {
  test(`old-backup-${lost ? 'after-loss-of-the-database' : 'beside-a-good-database'}: never older than the floor, serving without an uplink, the same end with it`, async (t) => {
    const { world, gateway, file } = await grownOlder(t)
    await gateway.stop()
    if (lost) for (const end of DATABASE) await rm(join(gateway.stateDir, `gatepost.db${end}`), { force: true })
    world.uplink(false)
    const said = await restored(world.dir, file)
    assert.equal(said.database, lost ? 'new' : 'merged')
    assert.equal(said.tokens, 'kept')
    assert.equal(said.catalog, 'kept')
    await gateway.start()
    await serves(gateway, world.newest)
    assert.equal((await gateway.get(`/sha256/${world.first.sha256}`)).status, 410, 'its only release was revoked after the backup')
    assert.equal((await gateway.ask('devices')).items[0].device, 'porch-1')
    assert.equal((await gateway.api('/api/v1/status', { token: world.goneToken })).status, 401, 'a token that was revoked after the backup')
    assert.equal((await gateway.api('/api/v1/status', { token: world.keptToken })).status, 200)
    assert.ok((await gateway.ask('audit')).items.some((a) => a.action === 'restore'))

    world.uplink(true)
    await gateway.waitRelease(PRODUCT, 3, 'active')
    await gateway.waitRelease(PRODUCT, 2, 'held')
    await gateway.waitRelease(PRODUCT, 1, 'revoked')
    await serves(gateway, world.newest)
    // And no later start remembers anything older.
    world.uplink(false)
    await gateway.restart()
    await serves(gateway, world.newest)
    assert.equal((await gateway.release(PRODUCT, 3)).state, 'active')
  })
}

test('new-machine: on an empty directory the operator\'s word is back; tokens too, and somebody is told', async (t) => {
  const { world, gateway, file } = await grownOlder(t)
  await gateway.stop()
  const dir = join(world.dir, 'other')
  await mkdir(dir)
  await writeFile(join(dir, 'gatepost.conf'), world.conf(dir))
  const said = await restored(dir, file)
  assert.deepEqual([said.database, said.tokens, said.catalog, said.tokens_restored], ['new', 'restored', 'restored', ['kept', 'gone']])
  assert.equal((await stat(join(dir, 'state', 'tokens'))).mode & 0o777, 0o600)

  world.uplink(false)
  const other = await world.at(dir)
  const manifest = await other.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.headers.get('gatepost-sequence'), '1', 'what was active when the backup was made')
  assert.equal((await other.api('/api/v1/status', { token: world.goneToken })).status, 200)
  assert.deepEqual((await other.status()).alarms.filter((a) => a.code === 'tokens-restored').map((a) => a.subject), ['tokens'])
  await other.ask('alarms', 'clear', 'tokens-restored')

  world.uplink(true)
  await other.waitRelease(PRODUCT, 3, 'active')
  await other.waitRelease(PRODUCT, 2, 'held')
  await other.waitRelease(PRODUCT, 1, 'revoked')
  await serves(other, world.newest)
  const actions = (await other.ask('audit')).items.map((a) => a.action)
  assert.ok(actions.indexOf('hold') < actions.indexOf('backup') && actions.indexOf('backup') < actions.indexOf('restore'), actions.join(' '))
})

test('shelf: a newer backup on an older directory brings the newer catalog; then the older one changes nothing', async (t) => {
  const { world, gateway, file } = await grownOlder(t)
  const newer = join(world.dir, 'new.backup')
  await gateway.ask('backup', newer)
  await gateway.stop()
  const dir = join(world.dir, 'shelf')
  await mkdir(dir)
  await writeFile(join(dir, 'gatepost.conf'), world.conf(dir))
  await restored(dir, file)
  await cp(join(gateway.stateDir, 'objects'), join(dir, 'state', 'objects'), { recursive: true })
  assert.equal((await restored(dir, newer)).catalog, 'restored')
  assert.equal((await restored(dir, file)).catalog, 'kept')
  await rm(join(dir, 'state', 'catalog'))
  const said = await restored(dir, file)
  assert.deepEqual(said.held_back, [PRODUCT], 'its floors have seen more than this backup\'s catalog')
  assert.equal((await restored(dir, newer)).catalog, 'restored')
  world.uplink(false)
  await serves(await world.at(dir), world.newest)
})

async function givenOut({ world, gateway, file }) {
  const info = await stat(file)
  assert.equal(info.mode & 0o777, 0o600)
  assert.equal(world.said.bytes, info.size)
  assert.ok(Date.parse(world.said.made_at) > Date.now() - 3600_000)
  const checked = await run(program('gatepost'), ['restore', '--check', file, '--json'])
  assert.equal(checked.code, 0, checked.stderr)
  assert.equal(JSON.parse(checked.stdout).gateway, 'test')
  const piped = join(world.dir, 'piped.backup')
  const out = await run('sh', ['-c', '"$0" backup - --socket "$1" > "$2"', program('gatepost'), join(world.dir, 'run', 'control.sock'), piped])
  assert.equal(out.code, 0, out.stderr)
  assert.equal((await run(program('gatepost'), ['restore', '--check', piped])).code, 0)
  assert.deepEqual((await readdir(world.dir)).filter((name) => name.endsWith('.part')), [])
  await waitFor('no copy in the state directory', async () => !(await readdir(gateway.stateDir)).some((name) => name.startsWith('backup')))
  assert.equal((await gateway.cli('backup', join(world.dir, 'no', 'such', 'directory'))).code, 2)

  const operate = (await gateway.ask('token', 'new', 'op', '--scope', 'operate')).token, admin = (await gateway.ask('token', 'new', 'adm', '--scope', 'admin')).token
  assert.equal((await gateway.api('/api/v1/backups', { method: 'POST', body: {}, token: operate })).status, 403)
  const begun = await gateway.api('/api/v1/backups', { method: 'POST', body: {}, token: admin })
  assert.equal(begun.status, 201)
  const at = `/api/v1/backups/${begun.body.id}`
  await waitFor('it to be ready', async () => (await gateway.api(at, { token: admin })).body.state === 'ready')
  const { size } = (await gateway.api(at, { token: admin })).body
  const piece = async (offset) => (await gateway.api(`${at}/data?offset=${offset}`, { token: admin }))
  const [first, again] = [await piece(0), await piece(0)]
  assert.deepEqual(first.body, again.body)
  assert.equal(Buffer.from(first.body.data, 'base64').subarray(0, 8).toString(), 'GPBACKUP')
  assert.equal((await piece(size - 1)).body.last, true)
  assert.equal((await piece(size)).status, 409)
  assert.equal((await gateway.api('/api/v1/backups/99999', { token: admin })).status, 404)
  assert.equal((await gateway.api(`${at}/data?offset=0`, { token: operate })).status, 403)
}

async function refusedWhileRunning({ world, gateway, file }) {
  const r = await restore(world.dir, file)
  assert.equal(r.code, 1)
  assert.match(r.stderr, /a gateway runs on .*: stop it first/)
  await serves(gateway, world.newest)
  assert.deepEqual((await readdir(gateway.stateDir)).filter((name) => name.startsWith('restore')), [])
  await gateway.ask('unpin', PRODUCT) // it still writes
}

/** A file with another byte here and there, and a head whose digest fits again. */
const withHead = (bytes, change) => {
  const n = 8 + 4 + 8 + 8 + 20 + 1 + bytes[48] + 4 * 40, copy = Buffer.from(bytes)
  change(copy)
  createHash('sha256').update(copy.subarray(0, n)).digest().copy(copy, n)
  return copy
}

async function refusedWhenDamaged({ world, gateway, file }) {
  await gateway.stop()
  const good = await readFile(file), bad = join(world.dir, 'bad.backup'), nameN = good[48]
  const parts = 49 + nameN, headN = parts + 4 * 40 + 32
  const sizes = [0, 1, 2, 3].map((i) => Number(good.readBigUInt64BE(parts + i * 40)))
  const at = sizes.map((_, i) => headN + sizes.slice(0, i).reduce((a, b) => a + b, 0))
  const flip = (offset) => { const copy = Buffer.from(good); copy[offset] ^= 4; return copy }
  /** Part i is other bytes, and all digests fit. */
  const withPart = (i, bytes) => {
    const head = good.subarray(0, headN), body = [0, 1, 2, 3].map((j) => (j === i ? bytes : good.subarray(at[j], at[j] + sizes[j])))
    return withHead(Buffer.concat([head, ...body]), (copy) => {
      copy.writeBigUInt64BE(BigInt(bytes.length), parts + i * 40)
      createHash('sha256').update(bytes).digest().copy(copy, parts + i * 40 + 8)
    })
  }
  const database = good.subarray(at[3])
  /** Other texts of the same length in the database, and the pages' own sums made to fit. */
  const forged = (from, to) => {
    const copy = Buffer.from(database)
    let n = 0
    for (let i = copy.indexOf(from); i >= 0; i = copy.indexOf(from, i + 1), n++) copy.write(to, i)
    assert.ok(n > 0, from)
    for (let page = 0; page < copy.length; page += 4096) {
      const place = Buffer.alloc(8)
      place.writeBigUInt64LE(BigInt(page))
      createHash('sha256').update(place).update(copy.subarray(page, page + 4088)).digest().copy(copy, page + 4088, 0, 8)
    }
    return withPart(3, copy)
  }
  const bent = Buffer.from(database) // a page of another content, whose own sum does not fit
  bent[3 * 4096 + 2000] ^= 1
  const cases = [
    ['empty', Buffer.alloc(0), /not a backup/],
    ['another file', Buffer.from('PK\x03\x04'.repeat(100)), /not a backup/],
    ['cut within the head', good.subarray(0, headN - 1), /head is cut short/],
    ['cut by a byte', good.subarray(0, good.length - 1), /bytes are there, its head says/],
    ['longer by a byte', Buffer.concat([good, Buffer.alloc(1)]), /bytes are there, its head says/],
    ['head', flip(20), /head does not have the digest/],
    ['floor', flip(at[0] + 20), /its floor does not have the digest/],
    ['tokens', flip(at[1] + 3), /its tokens does not have the digest/],
    ['catalog', flip(at[2] + 100), /its catalog does not have the digest/],
    ['database', flip(at[3] + 5000), /its database does not have the digest/],
    ['newer', withHead(good, (copy) => copy.writeUInt32BE(2, 8)), /written by a newer one/],
    ['huge', withHead(good, (copy) => copy.writeBigUInt64BE(1n << 60n, parts + 3 * 40)), /larger than any of ours/],
    ['another chain', withHead(good, (copy) => copy.writeBigUInt64BE(1n, 20)), /backup: its catalog is of another chain or registry/],
    ['no floor', withPart(0, Buffer.from('nothing')), /a floor file/],
    ['no tokens', withPart(1, Buffer.from('nothing')), /the tokens file/],
    ['no catalog', withPart(2, Buffer.from('nothing')), /catalog/],
    ['no database', withPart(3, Buffer.alloc(8192, 7)), /the backup: database/],
    ['an empty database', withPart(3, Buffer.alloc(0)), /the backup: database: it is empty/],
    ['a bent database', withPart(3, bent), /the backup: database: .*Page 4/],
    ['a forged audit log', forged('release.state', 'release.stale'), /backup: .*record/],
    ['a product under another\'s name', forged(PRODUCT, 'acme/thermostaX'), /a product that is not what its id says/],
    ['a decision that is none', forged('held', 'hEld'), /the backup: database: .*CHECK constraint/],
    ['a trigger', forged('CREATE INDEX', 'CREATE VIEWX'), /the backup: database/],
  ]
  const before = await contents(gateway.stateDir)
  for (const [name, bytes, why] of cases) {
    await writeFile(bad, bytes)
    const r = await restore(world.dir, bad)
    assert.ok(r.code === 1 || r.code === 4, `${name}: exit ${r.code}: ${r.stderr}`)
    assert.match(r.stderr, why, name)
    assert.deepEqual(await contents(gateway.stateDir), before, `${name}: nothing is touched`)
  }
  const other = join(world.dir, 'other.conf')
  await writeFile(other, (await readFile(join(world.dir, 'gatepost.conf'), 'utf8')).replace('chain-id = 31337', 'chain-id = 31338'))
  const stranger = await run(program('gatepost'), ['restore', file, '-c', other])
  assert.equal(stranger.code, 1)
  assert.match(stranger.stderr, /of another chain or registry than the configuration's/)
  assert.deepEqual(await contents(gateway.stateDir), before, 'a stranger\'s backup')
  assert.equal((await restore(world.dir, join(world.dir, 'not-there'))).code, 2)
  await gateway.start()
  await serves(gateway, world.newest)
}

test('the file', async (t) => {
  const all = await grownOlder(t)
  await t.test('backup: one file, for its owner only, or standard output; for admins; and nothing is left behind', () => givenOut(all))
  await t.test('running: a restore is refused, and the gateway goes on', () => refusedWhileRunning(all))
  await t.test('damaged: a backup that is not whole, or not one, is refused by name, and nothing is touched', () => refusedWhenDamaged(all))
})
