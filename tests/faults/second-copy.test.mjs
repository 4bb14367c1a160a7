// second-copy.test.mjs: what an operator or a device was told is kept is kept twice (store/owncopy.h): it is there when the card has let the database or
// its log rot, and when the database is gone.
import assert from 'node:assert/strict'
import { open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { report } from './every-call.mjs'

const FRAME = 32 + 24 // of the WAL: its head, and the first frame's
const FRAME_BYTES = 24 + 4096

async function overwrite(file, at) {
  const handle = await open(file, 'r+')
  await handle.write(Buffer.alloc(8, 0x55), 0, 8, at)
  await handle.close()
}

/** Release 1 is active, 2 is held by the operator, device "cellar" is listed, two devices have reported. */
async function makeLived(t) {
  const world = await makeWorld(t), dir = world.otherDir('gateway')
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway({ dir, product: { policy: 'approve' } })
  await gateway.waitRelease(PRODUCT, 1, 'ready', 'held')
  gateway.token = (await gateway.cli('token', 'new', 'maria', '--scope', 'operate')).stdout.trim()
  await say(gateway, 1, 'approve')
  await gateway.waitRelease(PRODUCT, 1, 'active')
  return { world, dir, gateway }
}

async function say(gateway, sequence, ...words) {
  const r = await gateway.cli(...words, PRODUCT, ...(sequence ? [String(sequence)] : []))
  assert.equal(r.code, 0, r.stderr)
}

/** What is acknowledged, each kind of it. */
async function tell(world, gateway) {
  await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'ready', 'held')
  await say(gateway, 2, 'approve')
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await say(gateway, undefined, 'pin')
  const put = await gateway.api('/api/v1/devices/cellar', { token: gateway.token, method: 'PUT', body: { group: 'early' } })
  assert.equal(put.status, 200)
  assert.equal(await report(gateway, 'cellar', 2), 204)
  assert.equal(await report(gateway, 'roof', 1), 204)
}

/** All that was acknowledged. */
async function told(gateway) {
  const devices = (await gateway.ask('devices')).items.map((d) => [d.device, d.product, d.version, d.sequence, d.state, d.progress])
  const product = (await gateway.ask('products')).items.find((p) => p.product === PRODUCT)
  const audit = (await gateway.ask('audit')).items.filter((a) => !/^release|recall/.test(a.action)).map((a) => [a.time, a.actor, a.action, a.subject])
  const listed = await gateway.api('/api/v1/devices/cellar', { token: gateway.token })
  return { devices: devices.sort(), pinned: product.pinned, audit, group: listed.body.group }
}

async function isAsBefore(gateway, before) {
  await waitFor('the release that was approved to be active again', async () => (await gateway.release(PRODUCT, 2))?.state === 'active')
  assert.deepEqual(await told(gateway), before)
}

const alarmOf = async (gateway, code) => (await gateway.status()).alarms.find((a) => a.code === code)

for (const [how, damage] of [
  ['a page of it has rotted', (state) => overwrite(join(state, 'gatepost.db'), 1000)],
  ['it is gone', async (state) => { for (const f of ['gatepost.db', 'gatepost.db-wal']) await rm(join(state, f), { force: true }) }],
]) {
  test(`the database is lost, ${how}: decisions, pins, devices, reports and the audit log are there all the same`, async (t) => {
    const { world, gateway } = await makeLived(t)
    await tell(world, gateway)
    const before = await told(gateway)
    await gateway.stop()
    await damage(gateway.stateDir)
    await gateway.start()
    await isAsBefore(gateway, before)
    assert.match((await alarmOf(gateway, 'database-rebuilt')).detail, /came back from their second copy$/)
    assert.ok((await gateway.ask('audit')).items.some((a) => a.action === 'recall'), 'the audit log says so')
  })
}

/** Killed, and nobody starts it again. */
async function kill(gateway) {
  const { 'gatepost-keeper': keeper } = await gateway.children()
  process.kill(gateway.server.pid, 'SIGSTOP')
  process.kill(keeper, 'SIGKILL')
  await gateway.stop('SIGKILL')
}

test('the log of the database has rotted: what was acknowledged last is there all the same', async (t) => {
  const { world, gateway } = await makeLived(t)
  await gateway.restart() // the log goes into the database
  await tell(world, gateway)
  const before = await told(gateway)
  await kill(gateway)
  await overwrite(join(gateway.stateDir, 'gatepost.db-wal'), FRAME + 100)
  await gateway.start()
  assert.match((await alarmOf(gateway, 'database-older')).detail, /came back from their second copy$/)
  await isAsBefore(gateway, before)
})

/** Where the first frame of a write-ahead log lies that holds this text: each begins with its page's number and has the log's salts
 * (fileformat2.html, section 4.1). */
async function frameWith(file, text) {
  const wal = await readFile(file), salts = wal.subarray(16, 24)
  for (let at = 32; at + FRAME_BYTES <= wal.length && wal.subarray(at + 8, at + 16).equals(salts); at += FRAME_BYTES)
    if (wal.subarray(at, at + FRAME_BYTES).includes(text)) return at
  throw new Error(`no frame has ${text}`)
}

test('the last commit has rotted, as if the power had gone before it: it is there all the same', async (t) => {
  const { world, gateway } = await makeLived(t)
  await tell(world, gateway)
  const put = await gateway.api('/api/v1/devices/attic', { token: gateway.token, method: 'PUT', body: { group: 'late' } })
  assert.equal(put.status, 200)
  await kill(gateway)
  const wal = join(gateway.stateDir, 'gatepost.db-wal')
  await overwrite(wal, await frameWith(wal, 'attic') + 100)
  await gateway.start()
  assert.equal((await gateway.api('/api/v1/devices/attic', { token: gateway.token })).body.group, 'late')
  assert.match((await alarmOf(gateway, 'database-older')).detail, /came back from their second copy$/)
})

test('the copy is made anew, verified and mended while the gateway runs', async (t) => {
  const { world, gateway } = await makeLived(t)
  await tell(world, gateway)
  const copy = join(gateway.stateDir, 'own/gatepost.db'), verify = async () => JSON.parse((await gateway.cli('cache', 'verify', '--json')).stdout)
  await waitFor('a copy to be made', () => stat(copy).then(() => true, () => false))
  assert.deepEqual((await verify()).findings, [])
  await overwrite(copy, 5000)
  const found = await verify()
  assert.deepEqual(found.findings.map((f) => [f.what, f.repaired]), [['second-copy', true]])
  assert.ok(found.whole)
  assert.deepEqual((await verify()).findings, [], 'it is mended')
  assert.equal(await report(gateway, 'attic', 2), 204)
  const before = await told(gateway)
  await gateway.stop()
  await overwrite(join(gateway.stateDir, 'gatepost.db'), 1000)
  await gateway.start()
  await isAsBefore(gateway, before)
  assert.deepEqual((await readdir(gateway.stateDir)).filter((f) => /^own\./.test(f)), [], 'nothing is left lying about')
})

test('somebody removes the copy: the gateway notices, and makes another one', async (t) => {
  const { world, gateway } = await makeLived(t), copy = join(gateway.stateDir, 'own')
  await waitFor('a copy to be made', () => stat(join(copy, 'gatepost.db')).then(() => true, () => false))
  await rm(copy, { recursive: true })
  await waitFor('another one', () => stat(join(copy, 'gatepost.db')).then(() => true, () => false), { deadline_ms: 40000, every_ms: 100 }) // the scrubber looks after 60 s
  await tell(world, gateway)
  const before = await told(gateway)
  await gateway.stop()
  await overwrite(join(gateway.stateDir, 'gatepost.db'), 1000)
  await gateway.start()
  await isAsBefore(gateway, before)
})

test('both are damaged: the operator is told that something may be lost', async (t) => {
  const { world, gateway } = await makeLived(t)
  await tell(world, gateway)
  await gateway.stop()
  await overwrite(join(gateway.stateDir, 'gatepost.db'), 1000)
  await overwrite(join(gateway.stateDir, 'own/log'), 200)
  await gateway.start()
  assert.match((await alarmOf(gateway, 'database-rebuilt')).detail, /second copy, which is damaged too: some may be lost$/)
  await gateway.waitRelease(PRODUCT, 1, 'active', 'ready', 'held', 'superseded')
})
