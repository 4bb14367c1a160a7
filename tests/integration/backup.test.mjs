// backup.test.mjs: stories of a backup, and of what an old one must never do.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
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

test('old-backup: brings decisions and devices back, and neither an older release nor a revoked token', async (t) => {
  const world = await makeWorld(t)
  const first = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const kept = (await gateway.cli('token', 'new', 'kept', '--scope', 'read')).stdout.trim()
  const lost = (await gateway.cli('token', 'new', 'lost', '--scope', 'admin')).stdout.trim()
  await gateway.ask('pin', PRODUCT)
  assert.equal((await gateway.api('/api/v1/devices/cellar', { token: lost, method: 'PUT', body: { group: 'early' } })).status, 200)
  const file = join(world.dir, 'gateway.backup')
  const made = await gateway.ask('backup', file)
  assert.equal((await stat(file)).size, made.bytes)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual((await gateway.ask('audit')).items.filter((row) => row.action === 'backup').length, 1)

  // The world goes on: two releases, the first is revoked, so is a token; a hold comes and the device goes.
  const second = await world.publish()
  await world.publish()
  await world.registry.revoke(world.owner, world.id, 1, 'bad')
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await gateway.waitRelease(PRODUCT, 1, 'revoked')
  await gateway.ask('hold', PRODUCT, '3')
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await gateway.ask('token', 'revoke', 'lost')
  await gateway.ask('unpin', PRODUCT)
  assert.equal((await gateway.api('/api/v1/devices/cellar', { token: kept })).status, 200)
  await gateway.stop()

  const said = await restored(gateway, file)
  assert.equal(said.database, 'replaced')
  assert.equal(said.tokens_from, 'here')
  assert.equal(said.tokens_left_out, 1)
  assert.equal(said.audit, 'kept')

  // Without the chain: what was served is served, from the last catalog; nothing older comes up.
  await world.chain.stop()
  await gateway.start()
  assert.deepEqual(await bodyOf(await gateway.get(`/fw/${PRODUCT}/image`)), second.image)
  assert.equal((await gateway.get(`/images/sha256/${first.sha256}`)).status !== 200, true, 'what was revoked stays so')
  assert.equal((await gateway.api('/api/v1/status', { token: kept })).status, 200)
  assert.equal((await gateway.api('/api/v1/status', { token: lost })).status, 401)
  assert.equal((await gateway.ask('devices')).items.find((d) => d.device === 'cellar').group, 'early')
})
