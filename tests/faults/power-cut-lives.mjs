// power-cut-lives.mjs: two more lives of a gateway, recorded like the one of power-cut-record.mjs.
//
// `mended`: images, chunk digests, IPFS blocks and the database rot and are mended, the operator holds back what is active, what is active is revoked, what
// nobody needs is purged; said by the program on the gateway itself, and reported over CoAP. `alone`: a gateway without uplink, whose
// releases come in bundles.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeName, OPTION, openClient, POST, uint } from '../support/coap.mjs'
import { startGateway } from '../support/gateway.mjs'
import { carOf, readCid } from '../support/ipfs-blocks.mjs'
import { sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { makeWorld, PRODUCT } from '../support/world.mjs'
import { readLog } from './disk-states.mjs'
import { assertComplete, endOf, LOCK, looksAtBlocks, makeConf, makeLog, record, Told } from './power-cut-record.mjs'

const JSON_FORMAT = 50 // RFC 7252, 12.3

class Recording {
  images = new Map()

  constructor(world, conf) { Object.assign(this, { world, conf }) }

  async begin(t) {
    const dir = this.world.otherDir('recorded')
    this.stateDir = join(dir, 'state')
    await mkdir(this.stateDir, { recursive: true, mode: 0o750 })
    this.log = await makeLog(this.world.dir, this.stateDir)
    this.told = new Told(this.log)
    this.gateway = await startGateway(t, { dir, conf: this.conf(dir), env: this.log.env })
    // Nothing of these is told before it is told of.
    for (const key of [`active ${LOCK}`, `active ${PRODUCT}`]) this.told.byKey.set(key, [{ value: undefined, began: 0, acked: 0 }])
    await this.tell({ 'token admin': 'admin' }, async () => { this.token = (await this.gateway.ask('token', 'new', 'admin', '--scope', 'admin')).token })
  }

  async publish(size, layout) {
    const release = await this.world.publish({ image: randomBytes(size), layout })
    this.images.set(release.sha256, { product: PRODUCT, sequence: release.sequence, envelope: Buffer.from(release.envelope), cid: release.cid })
    await this.world.finalize()
    return release
  }

  /** Does `act`; what it makes true is acknowledged when `seen` is over. */
  async tell(values, act, seen = async () => {}) {
    const done = await this.told.begin(values)
    const result = await act()
    await seen()
    await done()
    for (const key of Object.keys(values)) this.told.byKey.get(key).at(-1).bySocket = true
    return result
  }

  offered(sequence) {
    return waitFor(`${sequence} to be offered`, async () => {
      const r = await this.gateway.get(`/fw/${PRODUCT}/info`)
      return r.status === 200 && (await r.json()).sequence === sequence
    }, { every_ms: 1 })
  }
  becomes(sequence, state) { return this.gateway.waitRelease(PRODUCT, sequence, state) }

  /** A device without TCP says what became of it. */
  tellReport(device, sequence, state) {
    return this.tell({ [`device ${device}`]: `${sequence} ${state}` }, async () => {
      const client = await openClient(Number(this.gateway.coap.split(':').at(-1)))
      const r = await client.ask(`/fw/${PRODUCT}/report`, { code: POST, options: [[OPTION.CONTENT_FORMAT, uint(JSON_FORMAT)]], payload: Buffer.from(JSON.stringify({ device, sequence, state })) })
      client.close()
      assert.equal(codeName(r.code), '2.04', String(r.payload))
    })
  }

  fileOf(digest, suffix = '') { return join(this.stateDir, 'objects', digest.slice(0, 2), digest + suffix) }

  /** Bytes turn on the disk, and no power cut turns them back. */
  async rot(file, at, n = 1) {
    const handle = await open(file), bytes = Buffer.alloc(n)
    await handle.read(bytes, 0, n, at)
    await handle.close()
    for (let i = 0; i < n; i++) bytes[i] ^= 0x40
    await this.log.meddle(['write', file, at], bytes)
  }
  /** Somebody puts a file there, and syncs nothing. */
  put(file, bytes) { return this.log.meddle(['put', file], bytes) }
  shorten(file, size) { return this.log.meddle(['shorten', file, size]) }

  /** A page of the database rots while nobody has it open; what was told of it alone may be gone from here on. */
  async rotDatabase() {
    await this.gateway.stop() // the WAL goes into the file
    await this.told.forget(/^(state|device|pinned)/)
    this.rottenFrom = await this.log.used()
    await this.rot(join(this.stateDir, 'gatepost.db'), 3 * 4096 + 100, 200)
    await this.gateway.start()
    await stat(join(this.stateDir, 'gatepost.db.damaged'))
  }

  async end(more) {
    const end = endOf(await this.gateway.releases())
    await this.gateway.stop()
    const records = readLog(await this.log.read()), { ino } = await stat(this.stateDir)
    await assertComplete(records, ino, this.stateDir)
    const { world, conf, images, token, stateDir } = this, rotten = records.findIndex((r) => r.end > this.rottenFrom)
    return { world, conf, records, told: this.told.settle(records), rootIno: ino, images, end, token, stateDir, rotten: rotten < 0 ? Infinity : rotten, ...more }
  }
}

// --- what rots and is mended ---

export async function recordMended(t, { log: say = () => {} } = {}) {
  const world = await makeWorld(t)
  await world.registry.register(world.owner, LOCK, { threshold: 1, signers: world.signers })
  const life = new Recording(world, (dir, options) => makeConf(world, dir, options))
  await life.begin(t)
  const { gateway, tell, told, log } = Object.assign(life, { tell: life.tell.bind(life) })
  const step = async (name) => say(`${name}: ${await log.used()} bytes of log`)
  const verify = async (found) => {
    const run = await gateway.ask('cache', 'verify')
    assert.deepEqual([run.whole, run.found], [true, found], JSON.stringify(run.findings))
  }
  /** From the damage until it was mended the image may be cut short. */
  async function mended(key, what, damage) {
    await told.forget(new RegExp(`^${key}$`))
    await damage()
    await tell({ [key]: what }, () => verify(1))
  }
  const image = `image of ${PRODUCT}`

  await gateway.waitProven(2)
  let release
  await tell({ [`active ${PRODUCT}`]: 1, [image]: 'good' }, async () => { release = await life.publish(150000, { chunk: 65536 }) }, () => life.offered(1))
  await life.tellReport('d1', 1, 'installed')
  await mended(image, 'good', () => life.rot(life.fileOf(release.sha256), 70000))
  await mended(image, 'good', () => life.shorten(life.fileOf(release.sha256), 90000))
  await mended(image, 'good', () => life.rot(life.fileOf(release.sha256, '.sums'), 5, 20))
  await step('mended')

  const blocks = await told.begin({ blocks: 'whole' })
  await tell({ [`active ${PRODUCT}`]: 2 }, async () => { release = await life.publish(200000, { chunk: 5000, width: 7, layout: 'trickle' }) }, () => life.offered(2))
  await life.becomes(2, 'active')
  const root = readCid(release.cid), whole = await carOf(root, world.source.blocks.walk(root))
  const look = looksAtBlocks(release.cid, whole)
  await waitFor('its blocks', async () => {
    const now = new Map()
    await look(gateway, now)
    return now.get('blocks')
  })
  await blocks()
  await mended('blocks', 'whole', () => life.rot(life.fileOf(release.sha256, '.dag'), 500))
  await life.tellReport('d1', 2, 'running')
  await step('blocks')

  await tell({ [`active ${PRODUCT}`]: 1, [`state ${PRODUCT} 2`]: 'held', [`state ${PRODUCT} 1`]: 'active' }, () => gateway.ask('hold', PRODUCT, '2'), () => life.becomes(1, 'active'))
  await tell({ [`active ${PRODUCT}`]: 2, [`state ${PRODUCT} 2`]: 'active', [`state ${PRODUCT} 1`]: 'superseded' }, () => gateway.ask('approve', PRODUCT, '2'), () => life.becomes(2, 'active'))
  await step('held and approved')
  await tell({ [`active ${PRODUCT}`]: 3, [`state ${PRODUCT} 2`]: 'superseded' }, () => life.publish(600, undefined), () => life.becomes(3, 'active'))
  const revoked = await told.begin({ [`state ${PRODUCT} 3`]: 'revoked' })
  await tell({ [`active ${PRODUCT}`]: 2, [`state ${PRODUCT} 2`]: 'active' }, async () => {
    await world.registry.call(world.owner, 'revoke', world.id, 3n, 'bricks')
    await world.finalize()
  }, () => life.becomes(2, 'active'))
  await life.becomes(3, 'revoked')
  await revoked()
  await step('revoked')
  await gateway.restart()
  await tell({ 'token reader': 'read' }, () => gateway.ask('token', 'new', 'reader', '--scope', 'read'))
  await tell({ [`pinned ${PRODUCT}`]: true }, () => gateway.ask('pin', PRODUCT))
  await tell({ [`pinned ${PRODUCT}`]: false }, () => gateway.ask('unpin', PRODUCT))
  await tell({ 'token reader': undefined }, () => gateway.cli('token', 'revoke', 'reader'))
  await told.forget(/^(blocks|state)/)
  await tell({ [`active ${PRODUCT}`]: 4, [`state ${PRODUCT} 3`]: 'revoked' }, async () => {
    world.source.hold('car')
    const { image, sha256: digest } = await life.publish(90000, { chunk: 20000 })
    await waitFor('it to be fetched', () => stat(life.fileOf(digest, '.part')))
    await life.put(life.fileOf(digest), image) // meanwhile by somebody else
    world.source.letGo()
  }, () => life.becomes(4, 'active'))
  await waitFor('something to purge', async () => (await gateway.ask('cache')).unneeded.images > 0)
  assert.ok((await gateway.ask('purge')).images > 0)
  await log.setAhead(11 * 60000)
  await waitFor('it to be gone', async () => (await gateway.ask('images')).items.every((i) => i.state === 'good'))
  await life.tellReport('d2', 4, 'failed')
  await verify(0)
  await step('purged')
  await life.rotDatabase()
  await tell({ [`state ${PRODUCT} 4`]: 'active', [`state ${PRODUCT} 3`]: 'revoked' }, async () => {}, async () => {
    await life.becomes(4, 'active')
    await life.becomes(3, 'revoked')
  })
  await life.tellReport('d1', 4, 'installed')
  await step('database rebuilt')
  return life.end({
    last: 4,
    purged: [1, 2],
    look,
    /** Whom a cut has kept from saying it says it again; of a release that is not known yet there is nothing to say. */
    async bringBack(again) { await again.cli('approve', PRODUCT, '2') },
  })
}

// --- alone ---

export async function recordAlone(t, { log: say = () => {} } = {}) {
  const world = await makeWorld(t)
  const signers = world.signers.map((s) => s.thumbprint).join(' ')
  const conf = (dir) => world.config({ dir, product: { signers }, config: { gateway: { 'log-level': 'info' }, providers: [], sources: [] } })
  const life = new Recording(world, conf), bundles = []
  const online = await world.gateway({ dir: world.otherDir('online') })
  await online.waitProven(1)
  const published = async (sequence) => {
    await life.publish(120000, sequence % 2 ? undefined : { chunk: 7000, width: 11, rawLeaves: false })
    await online.waitRelease(PRODUCT, sequence, 'active')
  }
  const bundle = async (sequence) => {
    const file = join(world.dir, `${sequence}.car`)
    bundles.push({ file, ...await online.ask('bundle', 'export', PRODUCT, String(sequence), '--out', file) })
  }
  for (const sequence of [1, 2, 3]) {
    await published(sequence)
    await bundle(sequence)
  }
  await world.registry.call(world.owner, 'revoke', world.id, 3n, 'bricks')
  await world.finalize()
  await online.waitRelease(PRODUCT, 3, 'revoked')
  await published(4)
  await bundle(4)
  await online.stop()

  await life.begin(t)
  const { gateway } = life
  const active = (sequence) => ({ [`active ${PRODUCT}`]: sequence, [`state ${PRODUCT} ${sequence}`]: 'active' })
  const brings = ({ file }, ...more) => gateway.ask('bundle', 'import', file, ...more)
  await life.tell({ ...active(1), [`image of ${PRODUCT}`]: 'good' }, () => brings(bundles[0]), () => life.offered(1))
  await life.tellReport('d1', 1, 'installed')
  await life.tell({ ...active(2), [`state ${PRODUCT} 1`]: 'superseded' }, () => brings(bundles[1]), () => life.offered(2))
  await gateway.restart()
  await life.tell({ ...active(3), [`state ${PRODUCT} 2`]: 'superseded' }, () => brings(bundles[2], '--block-hash', bundles[2].block.hash), () => life.offered(3))
  await life.tellReport('d1', 3, 'running')
  await life.told.begin({ [`active ${PRODUCT}`]: 2, [`state ${PRODUCT} 2`]: 'active' }) // what is left for a moment: 3 is revoked before 4 has its image
  await life.tell({ ...active(4), [`state ${PRODUCT} 3`]: 'revoked', [`state ${PRODUCT} 2`]: 'superseded' }, () => brings(bundles[3], '--block-hash', bundles[3].block.hash), () => life.offered(4))
  say(`bundles: ${await life.log.used()} bytes of log`)
  return life.end({
    last: 4,
    /** Whoever has them brings them again. What is here already is no harm. */
    async bringBack(again) { await again.ask('bundle', 'import', bundles[3].file, '--block-hash', bundles[3].block.hash) },
  })
}

export const LIVES = { first: record, mended: recordMended, alone: recordAlone }
