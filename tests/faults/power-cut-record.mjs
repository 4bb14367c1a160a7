// power-cut-record.mjs: a gateway's life, recorded call by call (recorder.c), and what it told of while it lived.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, readdir, stat, statfs, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { program, startGateway } from '../support/gateway.mjs'
import { carOf, readCid } from '../support/ipfs-blocks.mjs'
import { run } from '../support/process.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { makeWorld, PRODUCT } from '../support/world.mjs'
import { LOG_HEAD, makeRecord, readLog, statesOf } from './disk-states.mjs'

export const LOCK = 'acme/lock' // its policy: approve
const LOG_BYTES = 2 ** 28
export const ANY = Symbol('any') // what nobody has to stand for any more

/** A recorder's log: env for the daemon; used() says how far it is. */
export async function makeLog(dir, stateDir) {
  const file = join(dir, 'log')
  await writeFile(file, '')
  await truncate(file, LOG_BYTES)
  const handle = await open(file, 'r+')
  const word = Buffer.alloc(8)
  word.writeBigUInt64LE(BigInt(LOG_HEAD))
  await handle.write(word, 0, 8, 8)
  return {
    file,
    env: { LD_PRELOAD: program('tests/faults/recorder.so'), RECORD_FILE: file, RECORD_DIR: stateDir },
    async used() {
      await handle.read(word, 0, 8, 8)
      return Number(word.readBigUInt64LE())
    },
    async setAhead(ms) {
      word.writeBigInt64LE(BigInt(ms))
      await handle.write(word, 0, 8, 16)
    },
    async setFree(bytes) {
      word.writeBigUInt64LE(BigInt(bytes))
      await handle.write(word, 0, 8, 24)
    },
    /** What somebody else does to a file while the daemon lives (meddle.c). */
    async meddle(args, input) {
      const { code, stderr } = await run(program('tests/faults/meddle'), args.map(String), { input, env: this.env })
      assert.equal(code, 0, stderr)
    },
    /** What was done to the directory while no daemon ran: of one that runs, it could write over a record. */
    async add(record) {
      const bytes = makeRecord(record), at = await this.used()
      await handle.write(bytes, 0, bytes.length, at)
      word.writeBigUInt64LE(BigInt(at + bytes.length))
      await handle.write(word, 0, 8, 8)
    },
    close: () => handle.close(),
    /** All of it; then it is closed. */
    async read() {
      const used = await this.used(), all = Buffer.alloc(used)
      await handle.read(all, 0, all.length, 0)
      await handle.close()
      return all
    },
  }
}

/**
 * What was told: of each key the values in their order, each with where it began (asked for) and where it was acknowledged. Between the
 * two a cut may leave the old or the new.
 */
export class Told {
  constructor(log) { this.log = log; this.byKey = new Map() }

  async begin(values) {
    const began = await this.log.used()
    for (const [key, value] of Object.entries(values)) {
      if (!this.byKey.has(key)) this.byKey.set(key, [{ value: undefined, began: 0, acked: 0 }])
      this.byKey.get(key).push({ value, began, acked: Infinity })
    }
    return async () => {
      const acked = await this.log.used()
      for (const key of Object.keys(values)) this.byKey.get(key).at(-1).acked = acked
    }
  }

  /** From here on these may be anything, until something is told of them again. */
  async forget(match) {
    const at = await this.log.used()
    for (const [key, list] of this.byKey) if (match.test(key)) list.push({ value: ANY, began: at, acked: at })
  }

  /** In places of records; an acknowledgement counts from the last answer that had left when it was seen; what is offered, from when the server had the catalog. */
  settle(records) {
    const place = (used) => records.findIndex((r) => r.end > used)
    const at = (used) => used === Infinity ? Infinity : place(used) < 0 ? records.length : place(used)
    const last = (op, n) => records.slice(0, n).findLastIndex((r) => r.op === op)
    for (const [key, list] of this.byKey) {
      for (const told of list) {
        told.began = at(told.began)
        if (told.acked !== 0 && told.acked !== Infinity) told.acked = told.bySocket ? Math.max(told.began, last(key.startsWith('active') ? 'told' : 'sent', at(told.acked))) : at(told.acked)
      }
    }
    return this.byKey
  }
}

/** Which values a key may have after a cut: the last acknowledged one, and those that were under way. */
export function allowed(list, cut) {
  const from = list.findLastIndex((told) => told.acked <= cut)
  return list.slice(Math.max(from, 0)).filter((told) => told.began <= cut || told.acked === 0).map((told) => told.value)
}

/**
 * Where all releases came to. Whoever was away may have been after superseded ones in vain: these are "failed". `purged`: releases whose images
 * the life has purged, which only a database from before it was lost knows as "evicted".
 */
export const endOf = (releases, purged = []) => releases.map(({ product, sequence, state }) => {
  const is_as_good = state === 'failed' || (state === 'evicted' && purged.includes(sequence))
  return `${product} ${sequence} ${is_as_good ? 'superseded' : state}`
}).sort()

/** How many acknowledgements a cut has behind it. */
export const ackedBy = (told, cut) => [...told.values()].flat().filter(({ acked }) => acked <= cut).length

export function makeConf(world, dir, { chain = true } = {}) {
  const dead = 'http://127.0.0.1:9'
  return world.config({ dir, product: { keep: 1 }, config: {
    gateway: { 'log-level': 'info' },
    providers: [{ name: 'one', url: chain ? world.chain.url : dead, operator: 'alpha' }],
    sources: [{ name: 'own', url: chain ? world.source.url : dead }],
    products: { [PRODUCT]: { registrant: world.owner.address, keep: 1 }, [LOCK]: { registrant: world.owner.address, policy: 'approve' } },
  } })
}

/** The calls that were recorded make the directory that is there: none was missed. */
export async function assertComplete(records, ino, stateDir) {
  const [{ tree }] = statesOf(records, ino, [{ cut: records.length, kind: 'whole', seed: 0 }])
  const there = (await readdir(stateDir, { recursive: true })).sort()
  assert.deepEqual(tree.map(({ path }) => path).sort(), there)
  for (const { path, bytes } of tree) if (bytes) assert.ok(bytes.equals(await readFile(join(stateDir, path))), `${path}: as recorded`)
}

/** Of one release: its blocks are given whole or not at all. */
export const looksAtBlocks = (cid, whole) => async (gateway, now) => {
  const r = await gateway.get(`/ipfs/${cid}?format=car&dups=y`)
  const body = r.status === 200 ? await r.arrayBuffer().then(Buffer.from, () => null) : null
  if (body) assert.ok(body.equals(whole), 'blocks that are not those of the image')
  else assert.ok([200, 404, 410, 503].includes(r.status), `blocks: ${r.status}`)
  now.set('blocks', body ? 'whole' : undefined)
}

/** Records a whole life; gives { world, records, told, rootIno, images, end }. */
export async function record(t, { log: say = () => {} } = {}) {
  const signers = [newSigner()], world = await makeWorld(t, { signers })
  const lockId = await world.registry.register(world.owner, LOCK, { threshold: 1, signers })
  const dir = world.otherDir('recorded'), stateDir = join(dir, 'state')
  await mkdir(stateDir, { recursive: true, mode: 0o750 })
  const log = await makeLog(world.dir, stateDir), told = new Told(log)
  const gateway = await startGateway(t, { dir, conf: makeConf(world, dir), env: log.env })
  const images = new Map(), token = { admin: null }
  const step = async (name) => say(`${name}: ${await log.used()} bytes of log`)

  async function publish(product, sequence, size) {
    const image = randomBytes(size), cid = String(await world.source.add(image, { chunk: 65536 }))
    const digest = sha256(image).toString('hex')
    const envelope = makeEnvelope(makeManifest({ product, sequence, version: `1.0.${sequence}`, image: { sha256: sha256(image), size, cid } }), signers)
    images.set(digest, { product, sequence, envelope, cid })
    await world.registry.publish(world.owner, product === LOCK ? lockId : world.id, sequence, envelope)
    await world.finalize()
    return digest
  }
  const info = async (product) => {
    const r = await gateway.get(`/fw/${product}/info`)
    return r.status === 200 ? (await r.json()).sequence : undefined
  }
  const until = (what, probe) => waitFor(what, probe, { every_ms: 1, deadline_ms: 90000 })
  const api = async (method, path, body) => {
    const r = await gateway.api(path, { method, body, token: token.admin })
    assert.ok(r.status < 300, `${method} ${path}: ${r.status} ${JSON.stringify(r.body)}`)
    return r.body
  }
  /** Does `act`, and what it makes true is acknowledged when `seen` is over. */
  async function tell(values, act, seen = async () => {}) {
    const done = await told.begin(values)
    const result = await act()
    await seen()
    await done()
    for (const key of Object.keys(values)) told.byKey.get(key).at(-1).bySocket = true
    return result
  }
  const active = (product, sequence) => until(`${product} ${sequence} to be offered`, async () => await info(product) === sequence)
  const report = (device, product, sequence, state) => gateway.get(`/fw/${product}/report`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ device, sequence, state }),
  }).then((r) => assert.equal(r.status, 204))
  const tellReport = (device, product, sequence, state) => tell({ [`device ${device}`]: `${sequence} ${state}` }, () => report(device, product, sequence, state))

  const release = (sequence) => [...images].find(([, i]) => i.product === PRODUCT && i.sequence === sequence)

  /** The database is taken away, and the newest image and its blocks put there anew by somebody who syncs nothing. Who decided what is forgotten with it. */
  async function loseDatabase() {
    await told.forget(/^(state|pinned|device)/)
    await told.forget(/^(active|image|blocks)/)
    const { ino: root } = await stat(stateDir), [digest] = release(5)
    const at = join(stateDir, 'objects', digest.slice(0, 2)), { ino: dir } = await stat(at), kept = [digest, `${digest}.dag`]
    const bytes = await Promise.all(kept.map((name) => readFile(join(at, name))))
    const remove = async (folder, folderIno, name) => {
      const file = await stat(join(folder, name)).catch(() => null)
      if (!file) return
      await unlink(join(folder, name))
      await log.add({ op: 'unlink', ino: folderIno, a: file.ino, text: name })
    }
    for (const name of ['gatepost.db-wal', 'gatepost.db']) await remove(stateDir, root, name)
    for (const name of [digest, `${digest}.sums`, `${digest}.dag`]) await remove(at, dir, name)
    await log.add({ op: 'sync', ino: root })
    await log.add({ op: 'sync', ino: dir })
    for (const [i, name] of kept.entries()) {
      await writeFile(join(at, name), bytes[i], { mode: 0o640 })
      const { ino } = await stat(join(at, name))
      await log.add({ op: 'create', ino: dir, a: ino, text: name })
      await log.add({ op: 'write', ino, a: 0, b: bytes[i].length, bytes: bytes[i] })
    }
  }

  /** No room for the next release, until the revoked one's image has left the disk. */
  let leaving
  async function evicting() {
    const { bsize, blocks } = await statfs(stateDir), reserve = Math.min(Math.max(Math.floor(bsize * blocks / 20), 2 ** 26), bsize * blocks / 4)
    await log.setFree(Math.ceil(reserve / bsize) * bsize + 65536)
    leaving = await told.begin({ [`active ${PRODUCT}`]: 4 })
    await publish(PRODUCT, 4, 150000)
    await until('an image to leave', async () => (await api('GET', '/api/v1/images')).items.some((i) => i.state === 'evicting'))
    await log.setAhead(11 * 60000)
  }
  async function evicted() {
    await until('it to be gone', async () => (await api('GET', '/api/v1/images')).items.every((i) => i.state !== 'evicting'))
    await log.setFree(0)
    await api('POST', `/api/v1/releases/${PRODUCT}/4/refetch`, {}) // at once, not after its pause
    await active(PRODUCT, 4)
    await leaving()
    told.byKey.get(`active ${PRODUCT}`).at(-1).bySocket = true
  }

  // A token first: the others are seen by it.
  const made = await told.begin({ 'token admin': 'admin' })
  token.admin = (await gateway.ask('token', 'new', 'admin', '--scope', 'admin')).token
  await made()
  await step('token')
  await tell({ 'token reader': 'read' }, () => api('POST', '/api/v1/tokens', { name: 'reader', scope: 'read' }))
  await gateway.waitProven(2)
  await tell({ [`active ${PRODUCT}`]: 1, [`image of ${PRODUCT}`]: 'good' }, () => publish(PRODUCT, 1, 300000), () => active(PRODUCT, 1))
  await step('first release')
  await tellReport('d1', PRODUCT, 1, 'installed')
  await tellReport('d2', PRODUCT, 1, 'failed')
  await publish(LOCK, 1, 70000)
  const state = async (product, sequence) => (await api('GET', `/api/v1/releases/${product}/${sequence}`)).state
  await until('the lock\'s release to be held', async () => await state(LOCK, 1).catch(() => '') === 'held')
  const word = (sequence, what) => api('POST', `/api/v1/releases/${LOCK}/${sequence}/${what}`, {})
  await tell({ [`active ${LOCK}`]: 1, [`state ${LOCK} 1`]: 'active' }, () => word(1, 'approve'), () => active(LOCK, 1))
  await step('approved')
  await tell({ [`active ${PRODUCT}`]: 2 }, () => publish(PRODUCT, 2, 500000), () => active(PRODUCT, 2))
  await tellReport('d1', PRODUCT, 2, 'installed')
  await tell({ [`pinned ${LOCK}`]: true }, () => api('POST', `/api/v1/products/${LOCK}/pin`, {}))
  await tell({ [`pinned ${LOCK}`]: false }, () => api('POST', `/api/v1/products/${LOCK}/unpin`, {}))
  await tell({ [`pinned ${PRODUCT}`]: true }, () => api('POST', `/api/v1/products/${PRODUCT}/pin`, {}))
  await tell({ [`pinned ${PRODUCT}`]: false }, () => api('POST', `/api/v1/products/${PRODUCT}/unpin`, {}))
  await tell({ [`pinned ${LOCK}`]: true }, () => api('POST', `/api/v1/products/${LOCK}/pin`, {}))
  await tell({ 'token reader': undefined }, () => api('DELETE', '/api/v1/tokens/reader'))
  await step('operator')
  await tell({ [`active ${PRODUCT}`]: 3 }, () => publish(PRODUCT, 3, 200000), () => active(PRODUCT, 3))
  await tell({ [`state ${PRODUCT} 2`]: 'revoked' }, async () => {
    await world.registry.call(world.owner, 'revoke', world.id, 2n, 'bricks')
    await world.finalize()
  }, () => until('2 to be revoked', async () => await state(PRODUCT, 2) === 'revoked'))
  await step('revoked')
  await evicting()
  for (let round = 0; round < 20; round++) {
    const devices = Array.from({ length: 12 }, (_, i) => `many-${round}-${i}`)
    await tell(Object.fromEntries(devices.map((d) => [`device ${d}`, '3 running'])), () => Promise.all(devices.map((d) => report(d, PRODUCT, 3, 'running'))))
  }
  await step('many devices')
  await evicted()
  await step('evicted')
  await gateway.stop()
  await gateway.start()
  await step('restarted')
  let look
  const blocks = () => until('its blocks', async () => {
    const now = new Map()
    await look(gateway, now)
    return now.get('blocks')
  })
  await tell({ [`active ${PRODUCT}`]: 5, blocks: 'whole' }, () => publish(PRODUCT, 5, 150000), async () => {
    const root = readCid(release(5)[1].cid)
    look = looksAtBlocks(String(root), await carOf(root, world.source.blocks.walk(root)))
    await active(PRODUCT, 5)
    await blocks()
  })
  await publish(LOCK, 2, 90000)
  await until('the lock\'s second to be held', async () => await state(LOCK, 2).catch(() => '') === 'held')
  await tell({ [`active ${LOCK}`]: 2, [`state ${LOCK} 1`]: 'superseded', [`state ${LOCK} 2`]: 'active' }, () => word(2, 'approve'), () => active(LOCK, 2))
  await tell({ [`active ${LOCK}`]: 1, [`state ${LOCK} 1`]: 'active', [`state ${LOCK} 2`]: 'held' }, () => word(2, 'hold'), () => until('2 to be held', async () => await info(LOCK) !== 2))
  await tellReport('d2', PRODUCT, 5, 'running')
  const end = endOf((await api('GET', '/api/v1/releases')).items)
  await step('end')
  await gateway.stop()
  await loseDatabase()
  world.source.fault = 'reset-at-once' // what lies there is taken for what it is, not fetched beside
  await gateway.start()
  await active(PRODUCT, 5)
  await tell({ blocks: 'whole', [`active ${PRODUCT}`]: 5, [`image of ${PRODUCT}`]: 'good', [`state ${PRODUCT} 5`]: 'active', [`state ${PRODUCT} 2`]: 'revoked' }, async () => {}, () => until('the rebuilt database', async () =>
    await state(PRODUCT, 5) === 'active' && await state(PRODUCT, 2) === 'revoked' && await blocks()))
  world.source.fault = null
  await tellReport('d3', PRODUCT, 5, 'installed')
  await step('rebuilt')
  await gateway.stop()
  const records = readLog(await log.read()), { ino } = await stat(stateDir)
  await assertComplete(records, ino, stateDir)
  return { world, conf: (at, options) => makeConf(world, at, options), records, told: told.settle(records), rootIno: ino, images, end, look, last: 5, token: token.admin, stateDir, lines: gateway.lines() }
}
