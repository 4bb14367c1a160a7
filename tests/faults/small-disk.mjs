// small-disk.mjs: a gateway on a card of 32 MiB that somebody else fills to the last byte, that turns read-only, and that comes back; images come that do
// not fit. One round after the other on the same gateway. For small-disk.test.mjs and its long tier.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeName, openClient, OPTION, block } from '../support/coap.mjs'
import { startGateway } from '../support/gateway.mjs'
import { loopDisk } from '../support/loop-disk.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const MIB = 2 ** 20
export const BACK_MS = 30_000
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Everything that a device can ask for, by HTTP and CoAP, whole and right: the active release is `release`. */
async function serves(card, release) {
  const { gateway, coap } = card
  const manifest = await gateway.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.status, 200)
  assert.equal(manifest.headers.get('gatepost-sequence'), String(release.sequence))
  const image = await gateway.get(`/fw/${PRODUCT}/image`)
  assert.equal(image.status, 200)
  assert.equal(digest(Buffer.from(await image.arrayBuffer())), release.sha256)
  const last = Math.floor((release.image.length - 1) / 1024)
  const reply = await coap.ask(`/sha256/${release.sha256}`, { options: [[OPTION.BLOCK2, block(last, 6)]] })
  assert.equal(codeName(reply.code), '2.05')
  assert.ok(reply.payload.equals(release.image.subarray(last * 1024)))
  card.reads++
}

/** Takes what is left of the disk, to the last byte; gives it back when it is called. */
async function fill(card) {
  const path = join(card.disk.dir, 'somebody-else')
  const file = await open(path, 'w')
  for (let size = MIB; size >= 1;) {
    try {
      if ((await file.write(Buffer.alloc(size, 1))).bytesWritten < size) throw Object.assign(new Error('short'), { code: 'ENOSPC' })
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error
      size >>= 1
    }
  }
  await file.close()
  return () => rm(path)
}

const store = async (card) => (await card.gateway.status()).store
const isDegraded = (card) => waitFor('the store to be degraded', async () => (await store(card)).degraded)

/** `from`: when it could write again; until it says that all is well. */
async function back(card, from = performance.now()) {
  await waitFor('the store to be normal again', async () => !(await store(card)).degraded, { deadline_ms: BACK_MS - (performance.now() - from) })
  card.back_ms.push(performance.now() - from)
}

// --- the processes ---

/** Of a process that ended, hung or could not be started; of a sanitizer. */
const BROKEN = /has ended|no sign of life|cannot start|AddressSanitizer|runtime error|Assertion/
const REOPENS = 'the database can be opened again: restarting'

const processes = async ({ gateway }) => ({ gatepostd: gateway.server.pid, ...await gateway.children() })

/** What the log says of ends since these processes are the gateway. */
const said = (card) => card.gateway.lines().slice(card.from).filter((line) => BROKEN.test(line))

/** From now on these processes, and no others, are the gateway; `from`: the first line of theirs. */
async function begin(card, from = 0) {
  card.processes = await processes(card)
  assert.deepEqual(Object.keys(card.processes).sort(), ['gatepost-keeper', 'gatepost-server', 'gatepostd'])
  card.from = from
}

/** Since they were started none has ended. */
async function sameProcesses(card) {
  assert.deepEqual(await processes(card), card.processes, 'no process has ended')
  assert.deepEqual(said(card), [])
}

/** A keeper that had no database at its start ends once it can have one, and says so. Nobody else does, nor does it twice. */
async function reopened(card) {
  const before = card.processes, now = await processes(card)
  if (now['gatepost-keeper'] === before['gatepost-keeper']) return
  await waitFor('its end to be told', () => said(card).length)
  assert.equal(card.gateway.lines().slice(card.from).filter((line) => line.includes(REOPENS)).length, 1)
  assert.deepEqual(said(card).map((line) => line.replace(/.*has ended /, '')), ['name=gatepost-keeper status=0 restart_ms=0'])
  await begin(card, card.gateway.lines().length)
  assert.deepEqual({ ...card.processes, 'gatepost-keeper': before['gatepost-keeper'] }, before)
  card.reopened++
}

/** On purpose: all of it lived until now, and ends well. */
export async function stop(card) {
  await sameProcesses(card)
  assert.deepEqual(await card.gateway.stop(), { code: 0, signal: null })
  assert.deepEqual(said(card), [])
}

async function start(card) {
  await card.gateway.start()
  await card.connect()
  await begin(card)
}

// --- the rounds ---

/** A release that must come. Small: an evicted image leaves the disk ten minutes later, and 200 of them come in less. */
async function next(card, size = 60_000) {
  const release = await card.world.publish({ image: randomBytes(size) })
  await card.world.finalize()
  return release
}

const arrives = (card, release) => waitFor(`${release.sequence} to be active`, async () => {
  const r = await card.gateway.release(PRODUCT, release.sequence)
  return r?.state === 'active' || Promise.reject(new Error(`${r?.state}: ${r?.why}`))
}, { deadline_ms: BACK_MS })

/** Full while a release comes: it is not lost, only late. */
async function full(card) {
  const release = await fill(card)
  const coming = await next(card)
  await isDegraded(card)
  await serves(card, card.active)
  await release()
  await back(card)
  await arrives(card, coming)
  card.active = coming
}

/** An error of the card while a release comes: the kernel makes it read-only. Only a check, unmounted, makes it good again. */
async function readOnly(card) {
  await card.disk.fail()
  const coming = await next(card)
  await isDegraded(card)
  await serves(card, card.active)
  await stop(card)
  await card.disk.mend()
  const mended = performance.now()
  await start(card)
  await serves(card, card.active)
  await back(card, mended)
  await arrives(card, coming)
  card.active = coming
}

/** An image that this card cannot hold: said so, nothing degraded, and the next one comes. */
async function tooLarge(card) {
  const huge = await next(card, 40 * MIB)
  await waitFor('it to be told why', async () => /room|bytes|space/.test((await card.gateway.release(PRODUCT, huge.sequence))?.why ?? ''))
  assert.equal((await store(card)).degraded, false)
  await serves(card, card.active)
  card.active = await next(card)
  await arrives(card, card.active)
}

/** Started while nothing can be written, and a release comes: the last catalog is served, and it mends by itself. */
const startOn = (spoil, mend) => async (card) => {
  await stop(card)
  const undo = await spoil(card)
  await start(card)
  const coming = await next(card)
  await isDegraded(card)
  await serves(card, card.active)
  await (undo ?? mend)(card)
  await back(card)
  await reopened(card)
  await arrives(card, coming)
  card.active = coming
}

export const rounds = {
  full,
  'read-only': readOnly,
  'an image that is too large': tooLarge,
  'started when full': startOn(fill),
  'started when read-only': startOn((card) => card.disk.remount('ro').then(() => undefined), (card) => card.disk.remount('rw')),
}

/** A gateway whose state directory is a card of 32 MiB, with one release. The result, for rounds: { back_ms, reads, reopened, rounds: how many of each kind, … }. */
export async function makeCard(t) {
  const world = await makeWorld(t)
  let gateway
  const disk = await loopDisk(t, 32 * MIB, { before: () => gateway?.stop() })
  gateway = await startGateway(t, { dir: world.dir, conf: world.config({ config: { gateway: { 'state-dir': join(disk.dir, 'state'), 'log-level': 'info' } }, product: { keep: 2 } }) })
  const card = {
    world, disk, gateway, back_ms: [], reads: 0, reopened: 0, rounds: Object.fromEntries(Object.keys(rounds).map((name) => [name, 0])),
    async connect() {
      card.coap?.close()
      card.coap = await openClient(Number(gateway.coap.split(':')[1]))
    },
  }
  t.after(() => card.coap.close())
  await card.connect()
  await begin(card)
  card.active = await next(card)
  await arrives(card, card.active)
  await serves(card, card.active)
  return card
}

export async function round(card, name) {
  await rounds[name](card)
  await waitFor(`${card.active.sequence} to be served`, async () => (await card.gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-sequence') === String(card.active.sequence))
  await serves(card, card.active)
  await sameProcesses(card)
  card.rounds[name]++
}
