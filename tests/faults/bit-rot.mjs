// bit-rot.mjs: bytes of a running gateway's files change behind its back, while devices and peers read: images, their chunk digests, the IPFS
// blocks beside them, floor files, files of entries, the catalog's copy, the WAL and the database, and the second copy of what the chain cannot tell.
//
// Every complete answer is compared with what was published. After each batch of faults one `gatepost cache verify` must find what no reader has
// found, and all must be mended, and what was acknowledged meanwhile must be there: the files are then read here, by the test itself, and compared with what they have to hold.
// Then nobody reads and nobody says a word: another verification finds nothing that the first one has left, one more fault is found by the next, and by it alone.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { open, readFile, readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { openClient } from '../support/coap.mjs'
import { carOf, readCid } from '../support/ipfs-blocks.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { makeEnvelope, makeManifest } from '../support/suit.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { startReaders } from './bit-rot-readers.mjs'
import { ASKED, startWords } from './bit-rot-words.mjs'

const CHUNK = 65536
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

// The last one is active: small enough to be read over CoAP all the time.
const IMAGES = [
  { size: 1700000 },
  { size: 900000, layout: { chunk: 20000, width: 5, layout: 'trickle' } },
  { size: 1300000, layout: { profile: 'unixfs-v0-2015' } },
  { size: 700000, layout: { chunk: 65536 } },
  { size: 400000, layout: { chunk: 7000, width: 11, rawLeaves: false } },
  { size: 150000, layout: { chunk: 30000 } },
]

/** What changes a file of `size` bytes; undefined: nothing did. */
const kinds = {
  async flip(file, size, dice) {
    await patch(file, dice.below(size), 1, (bytes) => { bytes[0] ^= 1 << dice.below(8) })
    return true
  },
  async zero(file, size, dice) {
    const at = dice.below(size)
    return patch(file, at, Math.min(1 + dice.below(4096), size - at), (bytes) => bytes.fill(0))
  },
  async truncate(file, size, dice) {
    await truncate(file, dice.below(size))
    return true
  },
}

async function patch(path, at, n, how) {
  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(n), before = Buffer.alloc(n)
    await file.read(bytes, 0, n, at)
    bytes.copy(before)
    how(bytes)
    if (bytes.equals(before)) return undefined
    await file.write(bytes, 0, n, at)
    return true
  } finally {
    await file.close()
  }
}

/** Files of one class, as they are now. */
function targets(gateway, digests) {
  const state = (...names) => join(gateway.stateDir, ...names)
  const objects = (suffix) => digests.map((d) => state('objects', d.slice(0, 2), d + suffix))
  return {
    image: objects(''),
    digests: objects('.sums'),
    blocks: objects('.dag'),
    floor: [state('floor.a'), state('floor.b')],
    catalog: [state('catalog')],
    database: [state('gatepost.db')],
    wal: [state('gatepost.db-wal')],
    own: [state('own', 'gatepost.db'), state('own', 'log')],
  }
}

/** One fault; undefined when the file is not there just now, or nothing changed. */
async function rot(world, dice, what) {
  const files = what === 'entries' ? await entriesOf(world.gateway) : targets(world.gateway, world.digests)[what]
  const file = dice.pick(files), kind = dice.pick(Object.keys(kinds))
  try {
    const { size } = await stat(file)
    if (size === 0 || !await kinds[kind](file, size, dice)) return undefined
  } catch (error) {
    if (error.code === 'ENOENT') return undefined // being mended, or there never was one
    throw error
  }
  return `${what} ${kind}`
}

const entriesOf = async (gateway) => (await readdir(join(gateway.stateDir, 'entries'))).map((name) => join(gateway.stateDir, 'entries', name))

// --- what the files have to hold ---

const sumsOf = (image) => Buffer.concat(Array.from({ length: Math.ceil(image.length / CHUNK) }, (_, i) => sha256(image.subarray(i * CHUNK, (i + 1) * CHUNK))))

/** A floor file as chapter 6 has it: its last 32 bytes are the digest of the rest. */
const isWholeFloor = (bytes) => bytes.subarray(0, 8).toString() === 'GPFLOOR1' && sha256(bytes.subarray(0, -32)).equals(bytes.subarray(-32))

async function checkDisk(world) {
  const all = targets(world.gateway, world.digests)
  for (const [i, p] of world.published.entries()) {
    assert.ok((await readFile(all.image[i])).equals(p.image), `image ${p.sequence} on disk`)
    assert.ok((await readFile(all.digests[i])).equals(sumsOf(p.image)), `digests ${p.sequence} on disk`)
  }
  for (const file of all.floor) assert.ok(isWholeFloor(await readFile(file)), `${file} on disk`)
  assert.deepEqual((await entriesOf(world.gateway)).sort(), [...world.entries.keys()].sort())
  for (const [file, bytes] of world.entries) assert.ok((await readFile(file)).equals(bytes), 'entries on disk')
}

/** Every image in each form, once; in a moment, since a server hears of repairs by its next catalog. */
const checkServed = (world) => waitFor('everything to be served again', async () => {
  for (const p of world.published) {
    for (const [path, want] of [[`/sha256/${p.sha256}`, p.image], [`/ipfs/${p.cid}?format=car`, p.car]]) {
      const answer = await world.gateway.get(path)
      assert.equal(answer.status, 200, path)
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(want), path)
    }
  }
  return true
}, { deadline_ms: 60000, every_ms: 50 })

/** One verification, as an operator runs it: { code, text } and, when it answered, { found, findings, whole, … }. */
async function verifyOnce(world) {
  const { code, stdout, stderr } = await world.gateway.cli('cache', 'verify', '--json')
  return { code, text: `${stdout}${stderr}`.trim(), ...(stdout.trim() ? JSON.parse(stdout) : {}) }
}

/** One that comes out whole; gives it. */
async function verifyWhole(world) {
  const run = await verifyOnce(world)
  assert.ok(run.code === 0 && run.whole, `one verification, and all is whole: ${run.text}`)
  return run
}

const STARTS_ANEW = /has started anew meanwhile/

/** Damage in the database one verification finds, and the gateway starts anew; the next comes out whole. Gives the runs, but for those while it was away. */
async function verifyAnew(world) {
  const runs = []
  await waitFor('a verification that comes out whole', async () => {
    const run = await verifyOnce(world)
    if (run.findings || STARTS_ANEW.test(run.text)) runs.push(run)
    return run.code === 0 && run.whole
  }, { deadline_ms: 60000, every_ms: 50 })
  assert.ok(runs.length <= 2, `found by one, and whole by the next: ${runs.map(({ text }) => text).join('\n')}`)
  return runs
}

async function checkReleases(world) {
  for (const p of world.published) await world.gateway.waitRelease(PRODUCT, p.sequence, p === world.newest ? 'active' : 'superseded')
  // The server may tell of blocks that were damaged a moment ago when they are mended already: they are looked at once more then.
  await waitFor('every image to be good, blocks and all', async () => {
    const images = (await world.gateway.ask('images')).items
    assert.deepEqual(images.map((i) => [i.sha256, i.state, i.blocks_lost]).sort(), [...world.digests, world.asked.sha256].map((d) => [d, 'good', false]).sort())
    return true
  }, { deadline_ms: 60000, every_ms: 50 })
}

// --- the whole ---

/** A release that waits for the operator's word. Its image does not rot. */
async function publishAsked(world, image) {
  const { registry, owner, signers } = world, cid = String(await world.source.add(image)), digest = sha256(image)
  const id = await registry.register(owner, ASKED, { threshold: 1, signers })
  const manifest = makeManifest({ product: ASKED, sequence: 1, version: '1.0', image: { sha256: digest, size: image.length, cid } })
  await registry.publish(owner, id, 1, makeEnvelope(manifest, signers))
  return { sha256: digest.toString('hex') }
}

async function start(t, dice) {
  const world = await makeWorld(t)
  world.published = []
  for (const { size, layout } of IMAGES) {
    const p = await world.publish({ image: dice.bytes(size), layout })
    const root = readCid(p.cid)
    p.blocks = [...world.source.blocks.walk(root)]
    p.car = await carOf(root, p.blocks)
    world.published.push(p)
  }
  world.newest = world.published.at(-1)
  world.digests = world.published.map((p) => p.sha256)
  world.asked = await publishAsked(world, dice.bytes(30000))
  await world.finalize()
  // Little of it is kept in memory: most reads are of the disk.
  const registrant = world.owner.address
  world.gateway = await world.gateway({ config: { extra: '[limits]\nhot = 1M',
    products: { [PRODUCT]: { registrant, keep: IMAGES.length }, [ASKED]: { registrant, policy: 'approve' } } } })
  for (const p of world.published) await world.gateway.waitRelease(PRODUCT, p.sequence, 'active', 'superseded')
  await world.gateway.waitRelease(ASKED, 1, 'held')
  world.coap = await openClient(Number(world.gateway.coap.split(':').pop()))
  t.after(() => world.coap.close())
  world.entries = new Map(await Promise.all((await entriesOf(world.gateway)).map(async (file) => [file, await readFile(file)])))
  return world
}

// What one verification finds of one fault; damage in the database it finds by ending.
export const QUIET = ['image', 'digests', 'blocks', 'floor', 'entries', 'catalog', 'own']
const MIX = ['image', 'image', 'image', 'image', 'digests', 'blocks', 'blocks', 'floor', 'entries', 'catalog', 'own']

/** Of one fault, with nobody there: one verification finds it, alone, and mends it; the next finds nothing. Gives what it was. */
async function quietFault(world, dice, what) {
  let fault
  while (!fault) fault = await rot(world, dice, what)
  const { found, findings, text } = await verifyWhole(world)
  assert.equal(found, 1, `${fault}: one verification finds it: ${text}`)
  assert.ok(findings[0].repaired, `${fault}: ${text}`)
  await findsNothing(world)
  await checkDisk(world)
  return fault
}

const findsNothing = async (world) => assert.deepEqual((await verifyWhole(world)).findings, [], 'another verification finds what the one before has left')

/**
 * `faults` of them in batches of `batch`; every `databaseEvery`th batch is of the WAL and the database, the last fault of each other one comes while nobody is there.
 * Gives the counts.
 */
export async function bitRot(t, { faults, seed, batch = 40, databaseEvery = 4 }) {
  const dice = random(seed), world = await start(t, dice)
  const readers = startReaders(world, random(seed + 1)), operator = await startWords(world.gateway, random(seed + 2))
  const did = {}, found = {}, quiet = {}, count = (what, counts) => { counts[what] = (counts[what] ?? 0) + 1 }
  const result = { seed, faults: 0, batches: 0, found, quiet, alone: 0, rebuilt: 0, runs: 0, did, reads: readers.counts, acknowledged: operator.words.acknowledged }
  const spoil = async (n, pool) => {
    for (let left = n; left > 0;) {
      const what = await rot(world, dice, dice.pick(pool))
      if (!what) continue
      count(what, did)
      result.faults++
      left--
    }
  }
  const all = async () => {
    await checkReleases(world)
    await checkDisk(world)
    await checkServed(world)
    await operator.check()
    assert.deepEqual(readers.wrong, [])
  }
  const verified = (run) => {
    result.runs++
    for (const f of run.findings ?? []) count(f.what, found)
  }
  const alone = async (isDatabase) => {
    const goOn = [await readers.hold(), await operator.hold()]
    await findsNothing(world)
    if (!isDatabase) {
      const what = QUIET[result.alone++ % QUIET.length]
      count(what, quiet)
      count(await quietFault(world, dice, what), did)
      result.faults++
    }
    for (const go of goOn) go()
  }
  try {
    while (result.faults < faults) {
      const isDatabase = result.batches % databaseEvery === databaseEvery - 1
      const n = Math.min(batch, faults - result.faults) - (isDatabase ? 0 : 1)
      const pool = isDatabase ? ['database', 'wal'] : MIX
      // Half of it while nobody looks, half while everything is looked through and mended.
      await spoil(Math.ceil(n / 2), pool)
      const first = isDatabase ? undefined : verifyOnce(world)
      await spoil(Math.floor(n / 2), pool)
      if (first) verified(await first)
      const runs = isDatabase ? await verifyAnew(world) : [await verifyWhole(world)]
      runs.forEach(verified)
      result.rebuilt += runs.length - 1
      await all()
      await alone(isDatabase)
      result.batches++
    }
  } catch (error) {
    error.message += `\nseed ${seed}, after ${JSON.stringify(result)}\n${world.gateway.lines().filter((l) => !/debug/.test(l)).slice(-60).join('\n')}`
    throw error
  } finally {
    await operator.stop()
    await readers.stop()
  }
  assert.deepEqual(readers.wrong, [], 'wrong bytes out')
  t.diagnostic(`${result.faults} faults in ${result.batches} batches, seed ${seed}; database made again: ${result.rebuilt}; verifications: ${result.runs}`)
  for (const k of ['did', 'found', 'quiet', 'reads', 'acknowledged']) t.diagnostic(`${k}: ${JSON.stringify(result[k])}`)
  return result
}
