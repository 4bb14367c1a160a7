// bit-rot.mjs: bytes of a running gateway's files change behind its back, while devices and peers read: images, their chunk digests, the IPFS
// blocks beside them, floor files, files of entries, the catalog's copy, the WAL and the database, and the second copy of what the chain cannot tell.
//
// Every complete answer is compared with what was published. After each batch of faults one `gatepost cache verify` must find what no reader has
// found, and all must be mended, and what was acknowledged meanwhile must be there: the files are then read here, by the test itself, and compared with what they have to hold.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { open, readFile, readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { OPTION, block, codeName, openClient, readUint } from '../support/coap.mjs'
import { carOf, readCid } from '../support/ipfs-blocks.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { startWords } from './bit-rot-words.mjs'

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

// --- readers ---

/** Loops until stop() is called; a wrong byte ends it with an error. */
function startReaders(world, dice) {
  const counts = { whole: 0, range: 0, car: 0, raw: 0, coap: 0, manifest: 0, states: 0, refused: 0, cut: 0 }
  const wrong = []
  let stopped = false
  const loop = async (name, read) => {
    while (!stopped) {
      try {
        const result = await read()
        counts[result ? name : 'refused']++
      } catch (error) {
        if (error.code === 'ERR_ASSERTION') wrong.push(error.message)
        else counts.cut++ // cut short, or the keeper starts anew
      }
    }
  }
  const get = async (path, headers) => {
    const answer = await world.gateway.get(path, { headers })
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
  }
  const any = () => dice.pick(world.published)
  const readers = [
    loop('whole', async () => {
      const p = any(), { status, body } = await get(`/sha256/${p.sha256}`)
      if (status !== 200) return false
      assert.ok(body.equals(p.image), `whole: ${p.sequence}`)
      return true
    }),
    loop('range', async () => {
      const p = any(), from = dice.below(p.image.length), to = Math.min(p.image.length, from + 1 + dice.below(200000))
      const { status, body } = await get(`/sha256/${p.sha256}`, { range: `bytes=${from}-${to - 1}` })
      if (status !== 206) return false
      assert.ok(body.equals(p.image.subarray(from, to)), `range: ${p.sequence} ${from}-${to}`)
      return true
    }),
    loop('car', async () => {
      const p = any(), { status, body } = await get(`/ipfs/${p.cid}?format=car`)
      if (status !== 200) return false
      assert.ok(body.equals(p.car), `CAR: ${p.sequence}`)
      return true
    }),
    loop('raw', async () => {
      const p = any(), b = dice.pick(p.blocks), { status, body } = await get(`/ipfs/${b.cid}?format=raw`)
      if (status !== 200) return false
      assert.ok(body.equals(Buffer.from(b.bytes)), `block: ${p.sequence} ${b.cid}`)
      return true
    }),
    loop('manifest', async () => {
      const { status, headers, body } = await get(`/fw/${PRODUCT}`)
      if (status !== 200) return false
      assert.equal(headers.get('gatepost-sequence'), String(world.newest.sequence), 'an older release is offered')
      assert.ok(body.equals(Buffer.from(world.newest.envelope)), 'manifest')
      return true
    }),
    loop('states', async () => {
      const rows = await world.gateway.releases(PRODUCT)
      assert.deepEqual(rows.filter((r) => r.state === 'active' && r.sequence !== world.newest.sequence), [], 'an older release is active')
      return rows.length > 0
    }),
    loop('coap', () => readCoap(world)),
  ]
  return { counts, wrong, async stop() { stopped = true; await Promise.all(readers) } }
}

/** The active image in blocks of 1 KiB; false when one is refused. */
async function readCoap(world) {
  const { image } = world.newest, parts = []
  let etag
  for (let n = 0, more = true; more; n++) {
    const reply = await world.coap.ask(`/fw/${PRODUCT}/image`, { options: [[OPTION.BLOCK2, block(n, 6)]], tries: 3, wait_ms: 1000 })
    if (!reply || codeName(reply.code) !== '2.05') return false
    const tag = reply.options.get(OPTION.ETAG)?.[0]?.toString('hex')
    if (n && tag !== etag) return false
    etag = tag
    parts.push(reply.payload)
    more = (readUint(reply.options.get(OPTION.BLOCK2)[0]) & 8) !== 0
  }
  assert.ok(Buffer.concat(parts).equals(image), 'CoAP image')
  return true
}

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
  for (const file of await entriesOf(world.gateway)) assert.ok((await readFile(file)).equals(world.entries), 'entries on disk')
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

/** Verifies until all is whole; after damage in the database the gateway starts anew, and is asked again. Gives the runs. */
async function verify(world, { database = false } = {}) {
  const runs = []
  await waitFor('a verification that comes out whole', async () => {
    const r = await world.gateway.cli('cache', 'verify', '--json')
    const run = r.stdout.trim() ? JSON.parse(r.stdout) : undefined
    runs.push(run ?? r.stderr.trim())
    if (!database) assert.equal(r.code, 0, `${r.stderr} ${r.stdout}`)
    return r.code === 0 && run.whole
  }, { deadline_ms: 60000, every_ms: 50 })
  return runs
}

async function checkReleases(world) {
  for (const p of world.published) await world.gateway.waitRelease(PRODUCT, p.sequence, p === world.newest ? 'active' : 'superseded')
  // The server may tell of blocks that were damaged a moment ago when they are mended already: they are looked at once more then.
  await waitFor('every image to be good, blocks and all', async () => {
    const images = (await world.gateway.ask('images')).items
    assert.deepEqual(images.map((i) => [i.sha256, i.state, i.blocks_lost]).sort(), world.digests.map((d) => [d, 'good', false]).sort())
    return true
  }, { deadline_ms: 60000, every_ms: 50 })
}

// --- the whole ---

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
  await world.finalize()
  // Little of it is kept in memory: most reads are of the disk.
  world.gateway = await world.gateway({ product: { keep: IMAGES.length }, config: { extra: '[limits]\nhot = 1M' } })
  for (const p of world.published) await world.gateway.waitRelease(PRODUCT, p.sequence, 'active', 'superseded')
  world.coap = await openClient(Number(world.gateway.coap.split(':').pop()))
  t.after(() => world.coap.close())
  world.entries = await readFile((await entriesOf(world.gateway))[0])
  return world
}

const MIX = ['image', 'image', 'image', 'image', 'digests', 'blocks', 'blocks', 'floor', 'entries', 'catalog', 'own']

/**
 * `faults` of them in batches of `batch`; every `databaseEvery`th batch is of the WAL and the database. Gives the counts.
 */
export async function bitRot(t, { faults, seed, batch = 40, databaseEvery = 4 }) {
  const dice = random(seed), world = await start(t, dice)
  const readers = startReaders(world, random(seed + 1)), operator = await startWords(world.gateway, random(seed + 2))
  const did = {}, count = (what) => { did[what] = (did[what] ?? 0) + 1; return 1 }
  const result = { seed, faults: 0, batches: 0, found: {}, rebuilt: 0, did, reads: readers.counts }
  const spoil = async (n, pool) => {
    for (let left = n; left > 0;) {
      const what = await rot(world, dice, dice.pick(pool))
      if (what) left -= count(what)
      result.faults += what ? 1 : 0
    }
  }
  try {
    while (result.faults < faults) {
      const isDatabase = result.batches % databaseEvery === databaseEvery - 1
      const n = Math.min(batch, faults - result.faults)
      const pool = isDatabase ? ['database', 'wal'] : MIX
      // Half of it while nobody looks, half while everything is looked through and mended.
      await spoil(Math.ceil(n / 2), pool)
      const first = isDatabase ? undefined : world.gateway.cli('cache', 'verify')
      await spoil(Math.floor(n / 2), pool)
      await first
      for (const run of await verify(world, { database: isDatabase })) {
        if (typeof run === 'string') result.rebuilt++
        else for (const f of run.findings) result.found[f.what] = (result.found[f.what] ?? 0) + 1
      }
      await checkReleases(world)
      await checkDisk(world)
      await checkServed(world)
      await operator.check()
      assert.deepEqual(readers.wrong, [])
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
  result.acknowledged = operator.words.acknowledged
  for (const line of [`acknowledged: ${result.acknowledged}`, `${result.faults} faults in ${result.batches} batches, seed ${seed}`, ...['did', 'found', 'reads'].map((k) => `${k}: ${JSON.stringify(result[k])}`), `database made again: ${result.rebuilt}`]) t.diagnostic(line)
  return result
}
