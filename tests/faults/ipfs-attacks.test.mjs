// ipfs-attacks.test.mjs: every attack of the design's list (chapter 5) against the real gateway. What a source does is done alone, before
// an honest source, and after one; what a publisher names comes from sources that hide nothing, alone and beside a liar.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { BadBlocks, badDags } from '../support/ipfs-bad-dags.mjs'
import { faults } from '../support/ipfs-faults.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { makeScope } from '../support/scope.mjs'
import { sha256 } from '../support/suit.mjs'
import { honestSource, image, isSanitized, makeCase, makeImageWorld } from './attack-case.mjs'

const MIB = 1024 * 1024
const PEAK_MAX = 80 * MIB

// The list as it stands in the design, and where each of it is: rows of the sources' table, and of the publishers'.
const LIST = `flipped byte, lying blocksizes or filesize, missing last or middle block, truncated stream, extra blocks, endless CAR, reordered
blocks, 3 MiB block, 5000-level chain, DAG bomb, zero-length children, overlong varints, section past the end, CID past its section, trailing bytes,
duplicate or unknown protobuf fields, truncated digests, unknown hash or codec, directory or HAMT root, wrong Content-Type, HTML error page with 200,
gzip with Content-Encoding, 302 to a private address, 1 B/s drip, stall at 99 %, RST at every 64 KiB, 410/413 for CAR but fine for raw,
429 with and without Retry-After, 200 then a broken body, X-Stream-Error trailer`
const ROWS = {
  'flipped byte': ['flip-leaf', 'flip-root'],
  'lying blocksizes or filesize': ['blocksize-too-large', 'blocksize-too-small', 'blocksizes-overflow', 'filesize-too-large', 'filesize-1-tib'],
  'missing last or middle block': ['missing-last', 'missing-middle'],
  'truncated stream': ['truncated', 'short-content-length'],
  'extra blocks': ['extra-blocks', 'many-extra-blocks'],
  'endless CAR': ['endless'],
  'reordered blocks': ['reordered'],
  '3 MiB block': ['block-3-mib', 'raw-leaf-3-mib'],
  '5000-level chain': ['chain-5000'],
  'DAG bomb': ['bomb'],
  'zero-length children': ['zero-length-child'],
  'overlong varints': ['overlong-varint', 'overlong-varint-in-cid', 'overlong-varint-in-block'],
  'section past the end': ['section-past-end'],
  'CID past its section': ['cid-past-section'],
  'trailing bytes': ['trailing-bytes', 'trailing-bytes-in-block'],
  'duplicate or unknown protobuf fields': ['type-twice', 'data-twice', 'hash-twice', 'unknown-unixfs-field', 'unknown-node-field', 'unknown-link-field'],
  'truncated digests': ['truncated-digest', 'truncated-digest-in-link'],
  'unknown hash or codec': ['unknown-hash', 'unknown-codec', 'unknown-hash-in-link', 'unknown-codec-in-link'],
  'directory or HAMT root': ['directory', 'hamt'],
  'wrong Content-Type': ['wrong-type'],
  'HTML error page with 200': ['html', 'html-as-car'],
  'gzip with Content-Encoding': ['gzip', 'gzip-bomb'],
  '302 to a private address': ['redirect-private'],
  '1 B/s drip': ['drip'],
  'stall at 99 %': ['stall-99'],
  'RST at every 64 KiB': ['reset-64k'],
  '410/413 for CAR but fine for raw': ['no-car-410', 'no-car-413'],
  '429 with and without Retry-After': ['429', '429-retry-1', '429-retry-year'],
  '200 then a broken body': ['broken-chunk', 'short-content-length'],
  'X-Stream-Error trailer': ['stream-error'],
}

const scope = makeScope()
let world, elsewhere
before(async () => {
  world = await makeImageWorld(scope)
  elsewhere = await startElsewhere()
})
after(() => scope.end())

/** A server that nobody has any business with. */
async function startElsewhere() {
  const server = createServer((req, res) => { elsewhere.requests++; res.end('secrets') })
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  scope.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  return { url: `http://127.0.0.1:${server.address().port}`, requests: 0 }
}

const chosen = (table) => Object.entries(table).filter(([name]) => new RegExp(process.env.ATTACKS ?? '.').test(name))

test('every attack of the list has its rows', () => {
  assert.deepEqual(Object.keys(ROWS), LIST.split(/,\s+/).map((attack) => attack.replace(/\s+/g, ' ')))
  for (const [attack, rows] of Object.entries(ROWS)) {
    assert.ok(rows.length > 0, attack)
    for (const row of rows) assert.ok(row in faults || row in badDags, `${attack}: no row is called ${row}`)
  }
})

// --- what a source does ---

async function hostileSource(t, name) {
  const hostile = await startSource(t, { blocks: world.blocks, fault: name })
  hostile.elsewhere = elsewhere.url
  hostile.hold()
  return hostile
}

/** One CAR of it costs no more than the row allows, and neither does the keeper's memory. */
async function checkBudget(t, c, fault, hostile) {
  if (fault.budget === undefined) return
  const { bytes } = await c.source('mallory'), cars = hostile.requests.filter((r) => r.format === 'car').length
  const most = typeof fault.budget === 'function' ? fault.budget(image.length) : fault.budget
  const peak = await c.keeperPeak()
  t.diagnostic(`${bytes} bytes of ${cars} CARs after ${c.ms} ms; the keeper's peak: ${(peak / MIB).toFixed(1)} MiB`)
  assert.ok(bytes <= most * cars, `${bytes} bytes, at most ${most} of each of ${cars} CARs`)
  assert.ok(isSanitized || peak < PEAK_MAX, `the keeper had ${peak} bytes`)
}

/** Quarantined for wrong bytes, and for nothing else. */
async function checkVerdict(c, isLie) {
  const s = await c.source('mallory')
  if (isLie) assert.ok(s.state === 'quarantined' && s.bad_blocks > 0, JSON.stringify(s))
  if (!isLie) assert.ok(s.state !== 'quarantined' && s.bad_blocks === 0, JSON.stringify(s))
}

const isHarmless = (fault) => fault.ends === 'done'
const isLie = (fault) => fault.ends === 'lie' || fault.raw === 'lie'

async function alone(t, name, fault) {
  const hostile = await hostileSource(t, name)
  const c = await makeCase(t, world, [{ name: 'mallory', url: hostile.url }])
  if (!isHarmless(fault)) await c.named('mallory', fault.says)
  await checkBudget(t, c, fault, hostile)
  const isFine = isHarmless(fault) || fault.ends === 'no-car' || name === '429-once'
  hostile.letGo({ lacks: !isFine && fault.raw === undefined })
  if (isFine) {
    await c.arrives()
  } else {
    if (fault.ends !== 'stall') await c.until(1, 'failed')
    await c.nothingCame()
  }
  await checkVerdict(c, isLie(fault))
  if (name === '429-retry-year') assert.deepEqual([(await c.source('mallory')).state, hostile.requests.length], ['resting', 1])
}

async function besideHonest(t, name, fault, isFirst) {
  const hostile = await hostileSource(t, name), honest = await honestSource(t, world, { isLate: !isFirst })
  const sources = [{ name: 'mallory', url: hostile.url }, { name: 'honest', url: honest.url }]
  const c = await makeCase(t, world, isFirst ? sources : sources.reverse())
  if (!isHarmless(fault)) await c.named('mallory', fault.says)
  hostile.letGo()
  await c.arrives()
  // Who lies in single blocks alone may not be asked for any.
  if (fault.raw !== 'lie') await checkVerdict(c, isLie(fault))
  const good = await c.source('honest')
  assert.deepEqual([good.bad_blocks, good.failures], [0, isFirst ? 0 : 1], JSON.stringify(good))
}

describe('what a source does', { concurrency: 6 }, () => {
  // Those that wait for a limit of time first, the others meanwhile.
  const rows = chosen(faults).sort(([, a], [, b]) => (b.ends === 'stall') - (a.ends === 'stall'))
  for (const [name, fault] of rows) {
    test(`attack: ${name}, alone`, (t) => alone(t, name, fault))
    test(`attack: ${name}, before an honest source`, (t) => besideHonest(t, name, fault, true))
    test(`attack: ${name}, after an honest source`, (t) => besideHonest(t, name, fault, false))
  }
  test('nobody went where a redirect pointed', () => assert.equal(elsewhere.requests, 0))
})

// --- what a publisher names ---

/** Release 1 is a good one; then one for each row that may be whole, or for those that never are. */
async function publishBad(scope, isNeverWhole = false) {
  const bad = new BadBlocks(), rows = new Map()
  const other = await makeImageWorld(scope)
  for (const [name, make] of chosen(badDags)) {
    const dag = make()
    if (Boolean(dag.isNeverWhole) !== isNeverWhole) continue
    bad.add(dag)
    const named = { sha256: sha256(Buffer.from(name)), size: dag.size, cid: String(dag.root) }
    const { sequence } = await other.publish({ image: Buffer.from(name), manifest: { image: named } })
    rows.set(name, { ...dag, sequence })
  }
  await other.finalize()
  return { world: other, bad, rows }
}

/** Has what is bad, and the good release's image. */
function sourceOfBoth(t, { world, bad }, fault) {
  const blocks = {
    has: (cid) => bad.has(cid) || world.blocks.has(cid),
    get: (cid) => bad.get(cid) ?? world.blocks.get(cid),
    walk: (root, options) => (bad.has(root) ? bad.walk(root) : world.blocks.walk(root, options)),
  }
  return startSource(t, { blocks, fault })
}

/** Each is rejected by its rule; the good release is active. */
async function checkPublished(c, rows) {
  for (const [row, { sequence, says }] of [...rows].reverse()) {
    const release = await c.until(sequence, 'rejected')
    assert.match(release.why, says, row)
  }
  await c.arrives()
}

/** What they may cost all together: bombs what they say, others a MiB, the good one its size. */
const most = (rows) => [...rows.values()].reduce((sum, { budget = MIB }) => sum + budget, image.length * 1.1)

const ORDERS = {
  'alone': (good) => [good],
  'after a liar': (good, bad) => [bad, good],
  'before a liar': (good, bad) => [good, bad],
}

describe('what a publisher names', { concurrency: 3 }, () => {
  test('a block that is too large to be sent: nobody can tell whose fault it is, and the release waits', async (t) => {
    const own = makeScope()
    t.after(() => own.end())
    const published = await publishBad(own, true)
    const c = await makeCase(t, published.world, [{ name: 'faithful', url: (await sourceOfBoth(t, published)).url }])
    for (const { sequence, says } of published.rows.values()) assert.match((await c.until(sequence, 'failed')).why, says)
    assert.equal((await c.source('faithful')).bad_blocks, 0)
  })

  const own = makeScope()
  let published
  before(async () => { published = await publishBad(own) })
  after(() => own.end())
  for (const [order, sourcesOf] of Object.entries(ORDERS)) {
    for (const how of ['archives', 'archives without repetitions', 'single blocks']) {
      test(`bad DAGs by ${how}, ${order}`, async (t) => {
        const faithful = await sourceOfBoth(t, published, how === 'single blocks' ? 'no-car-406' : null)
        const liar = await sourceOfBoth(t, published, 'flip-root')
        faithful.dups = how === 'archives'
        const c = await makeCase(t, published.world, sourcesOf({ name: 'faithful', url: faithful.url }, { name: 'liar', url: liar.url }), { 'max-image': '100M' })
        await checkPublished(c, published.rows)
        const s = await c.source('faithful')
        assert.equal(s.bad_blocks, 0, JSON.stringify(s))
        if (order === 'after a liar') assert.equal((await c.source('liar')).state, 'quarantined')
        assert.ok(s.bytes < most(published.rows), `${s.bytes} bytes for them all, at most ${most(published.rows)}`)
        t.diagnostic(`${how}, ${order}: ${s.bytes} bytes, ${faithful.requests.length} requests, ${c.ms} ms`)
      })
    }
  }
})
