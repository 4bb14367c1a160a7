// power-cut.mjs: the real daemon on what disks hold after power cuts (disk-states.mjs), in a life that was recorded (power-cut-record.mjs).
//
// Each state is started, without a hand, and must be ready; nothing wrong may be served, and what had been acknowledged by the cut must be
// there (or what was under way: the old or the new). No alarm may say that the database, the tokens or the floor were lost: the store's
// order of writes lets a cut damage none of them. Most states are started without chain and source; of every so many the start is
// followed by one with both, which must come to the end of the undisturbed life.
//	node power-cut.mjs [STATES [SEED [first | mended | alone]]]; FAIL_FAST: the first failure ends it
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openClient, readResource } from '../support/coap.mjs'
import { startGateway } from '../support/gateway.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT } from '../support/world.mjs'
import { KINDS, statesOf, subsetPlaces } from './disk-states.mjs'
import { LIVES } from './power-cut-lives.mjs'
import { ackedBy, ANY, allowed, endOf, LOCK } from './power-cut-record.mjs'

const SIDE_BY_SIDE = 2
const LOST = /database damaged|token file damaged|both floor files are damaged|cannot start|log had rotted/
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

// --- which states ---

/** After each acknowledgement, at once and a little later, what was synced and no more: there a missing sync shows. */
function* sharpPlaces(life) {
  const acks = new Set([...life.told.values()].flat().map(({ acked }) => acked))
  for (const acked of acks) {
    if (acked === 0 || acked === Infinity) continue
    for (const kind of ['synced', 'bare', 'tails', 'names', 'pages', 'ext4']) yield { cut: acked, kind, seed: acked }
  }
}

/** A WAL's room is taken page by page: hundreds of places that are all the same. */
const isRoom = ({ op, b, bytes }, i) => op === 'write' && b === 4096 && i % 16 !== 0 && bytes.subarray(0, b).every((byte) => byte === 0)

/** Half of them anywhere; half where names change or something is synced. */
function* anyPlaces(life, dice) {
  const { records, from = 0 } = life
  const all = records.flatMap((r, i) => i < from || ['sent', 'told'].includes(r.op) || isRoom(r, i) ? [] : [i])
  const writes = all.filter((i) => records[i].op === 'write')
  const turns = all.filter((i) => records[i].op !== 'write')
  for (;;) {
    const kind = dice.pick(KINDS)
    const cut = kind.startsWith('torn') ? dice.pick(writes) : dice.bool() ? dice.pick(all) : dice.pick(turns) + dice.below(2)
    yield { cut, kind, seed: dice.below(2 ** 32) }
  }
}

/**
 * States that differ, in rounds until there are so many, and half as many anywhere: [{ … }] as statesOf gives, never twice the same with
 * as much told.
 */
function* distinct(life, least, dice, subsets) {
  const seen = new Map(), any = anyPlaces(life, dice)
  let wanted = least
  let places = [...sharpPlaces(life), ...subsetPlaces(life.records, life.rootIno, subsets)].filter(({ cut }) => cut >= (life.from ?? 0))
  for (let round = 0; seen.size < wanted && round < 40; round++) {
    const missing = wanted - seen.size
    while (places.length < Math.max(missing, 50)) places.push(any.next().value)
    for (const state of statesOf(life.records, life.rootIno, places)) {
      const acked = ackedBy(life.told, state.cut), is_new = !seen.has(state.hash)
      if (!is_new && seen.get(state.hash) >= acked) continue
      seen.set(state.hash, acked)
      yield { ...state, is_new }
    }
    if (round === 0) wanted = Math.max(least, seen.size + least / 2)
    places = []
  }
}

// --- floors ---

/** A floor file (src/store/floor_file.c) as { generation, products: [{ name, floor, proven, active, revoked }] }; undefined: not whole. */
function readFloor(bytes) {
  if (!bytes || bytes.length < 52 || bytes.toString('latin1', 0, 8) !== 'GPFLOOR1') return undefined
  if (!createHash('sha256').update(bytes.subarray(0, -32)).digest().equals(bytes.subarray(-32))) return undefined
  let at = 8
  const take = (n) => bytes.subarray(at, at += n), number = (n) => Number(BigInt(`0x${take(n).toString('hex')}`))
  const generation = number(8)
  const products = Array.from({ length: number(4) }, () => {
    take(52)
    const product = { name: take(number(1)).toString(), floor: number(8), proven: number(8), active: number(8) }
    return { ...product, revoked: Array.from({ length: number(4) }, () => number(8)) }
  })
  return { generation, products }
}

/** What the floor files must still know, should the database be lost: what was active, what was revoked. */
function floorsBack(life, cut, tree) {
  const slots = ['floor.a', 'floor.b'].map((name) => readFloor(tree.find(({ path }) => path === name)?.bytes)).filter(Boolean)
  const floor = slots.sort((a, b) => b.generation - a.generation)[0], wrong = []
  const of = (product) => floor?.products.find(({ name }) => name === product)
  for (const [key, list] of life.told) {
    const [what, product, sequence] = key.split(' '), acked = list.filter((told) => told.acked > 0 && told.acked <= cut && ![ANY, undefined].includes(told.value)).map(({ value }) => value)
    if (what === 'active' && acked.some((value) => !(of(product)?.active >= value))) wrong.push(`the floor of ${product} is back at ${of(product)?.active}`)
    if (what === 'state' && acked.includes('revoked') && !of(product)?.revoked.includes(Number(sequence)) && !(of(product)?.floor > sequence))
      wrong.push(`the floor files have forgotten that ${product} ${sequence} is revoked`)
  }
  return wrong
}

/** The catalog of the last run is told before the database is open: a release that was active must be in it. */
function catalogBack(life, cut, tree) {
  const catalog = tree.find(({ path }) => path === 'catalog')?.bytes
  return [PRODUCT, LOCK].flatMap((product) => {
    const values = allowed(life.told.get(`active ${product}`), cut)
    const is_told = values.some((value) => typeof value !== 'number' || catalog?.includes(releaseOf(life, product, value)[1].envelope))
    return is_told ? [] : [`the catalog on disk does not know ${product} ${values.join(' or ')}`]
  })
}

// --- one state ---

export async function putTree(dir, tree) {
  await mkdir(dir, { recursive: true, mode: 0o750 })
  for (const { path, bytes } of tree) {
    if (bytes) await writeFile(join(dir, path), bytes, { mode: path === 'tokens' ? 0o600 : 0o640 })
    else await mkdir(join(dir, path), { mode: 0o750 })
  }
}

/** Starts it on `dir`; gives what `use(gateway)` gives, and the log's lines. */
async function withGateway(dir, conf, use) {
  const ends = []
  try {
    const gateway = await startGateway({ after: (fn) => ends.unshift(fn) }, { dir, conf })
    ends.gateway = gateway
    await use(gateway)
    return gateway.lines()
  } catch (error) {
    if (error.message && ends.gateway) error.message += `; the log's end: ${ends.gateway.lines().slice(-12).join('\n')}`
    throw error
  } finally {
    for (const end of ends) await end()
  }
}

/** A whole body, or why there is none. */
async function bodyOf(gateway, path) {
  const r = await gateway.get(path)
  if (r.status !== 200) return { status: r.status }
  return r.arrayBuffer().then((bytes) => ({ status: 200, bytes: Buffer.from(bytes) }), () => ({ status: 'cut short' }))
}

const releaseOf = (life, product, sequence) => [...life.images].find(([, image]) => image.product === product && image.sequence === sequence)

/** The manifest that is offered of a product: its sequence. */
async function manifest(life, gateway, product) {
  const r = await gateway.get(`/fw/${product}`), bytes = Buffer.from(await r.arrayBuffer()), sequence = Number(r.headers.get('gatepost-sequence'))
  if (r.status !== 200) return undefined
  assert.ok(releaseOf(life, product, sequence)?.[1].envelope.equals(bytes), `${product} ${sequence}: not the publisher's manifest`)
  return sequence
}

// What recovery adopts may be newer than what was offered meanwhile.
const BEGUN_AGAIN = { restarts: 2 }

/** The same over CoAP: { product → sequence }, and with `with_images` these as well. */
async function overCoap(life, gateway, now, with_images) {
  const client = await openClient(Number(gateway.coap.split(':').at(-1)))
  try {
    for (const product of [PRODUCT, LOCK]) {
      const { body, code } = await readResource(client, `/fw/${product}`, BEGUN_AGAIN)
      const known = body && [...life.images.values()].find((image) => image.product === product && image.envelope.equals(body))
      assert.ok(known || ['4.04', '5.03'].includes(code), `${product} over CoAP: ${code ?? 'not the publisher\'s manifest'}`)
      now.set(`coap ${product}`, known?.sequence)
      if (!known || !with_images) continue
      const image = await readResource(client, `/fw/${product}/image`, BEGUN_AGAIN)
      assert.ok(image.body, `the image of ${product} ${known.sequence} over CoAP: ${image.code}`)
      const given = life.images.get(sha256(image.body))
      assert.equal(given?.product, product, `the image of ${product} over CoAP`)
      assert.ok(given.sequence >= known.sequence, `the image of ${product} ${given.sequence} over CoAP, after the manifest of ${known.sequence}`)
    }
  } finally {
    client.close()
  }
}

/** Whatever lies on the disk: whoever asks for an image by its name gets all of it, or none. */
async function byName(life, gateway) {
  for (const digest of life.images.keys()) {
    const { status, bytes } = await bodyOf(gateway, `/sha256/${digest}`)
    if (status === 200) assert.equal(sha256(bytes), digest, 'another image than was asked for')
    else assert.ok([404, 410, 503, 'cut short'].includes(status), `/sha256/${digest}: ${status}`)
  }
}

/** What is offered of a product: its sequence; every byte of it is read and compared. may_lack: its image may be damaged, then it is cut short. */
async function offered(life, gateway, product, may_lack = false) {
  const info = await bodyOf(gateway, `/fw/${product}/info`)
  if (info.status !== 200) return undefined
  const { sequence, sha256: digest, path, size } = JSON.parse(info.bytes)
  assert.equal(releaseOf(life, product, sequence)?.[0], digest, 'an image that this release never had')
  const image = await bodyOf(gateway, path)
  if (image.status !== 200 && may_lack) return sequence
  assert.equal(image.status, 200, `${product} ${sequence} is offered, its image is not given`)
  assert.equal(sha256(image.bytes), digest, `${product} ${sequence}: wrong bytes`)
  assert.equal(image.bytes.length, size)
  return sequence
}

/** All keys as they are now. Without the token nothing of the API can be seen. */
async function look(life, gateway, cut, { is_deep = false } = {}) {
  const now = new Map(), may_lack = allowed(life.told.get(`image of ${PRODUCT}`), cut).includes(ANY)
  for (const product of [PRODUCT, LOCK]) now.set(`manifest ${product}`, await manifest(life, gateway, product))
  for (const product of [PRODUCT, LOCK]) now.set(`active ${product}`, await offered(life, gateway, product, may_lack && product === PRODUCT))
  const api = async (path) => {
    const r = await gateway.api(`/api/v1/${path}`, { token: life.token })
    if (r.status === 401) return null
    assert.equal(r.status, 200, `${path}: ${r.status} ${JSON.stringify(r.body)}`)
    return r.body.items
  }
  await overCoap(life, gateway, now, is_deep && !may_lack)
  await byName(life, gateway)
  await life.look?.(gateway, now)
  const tokens = await api('tokens')
  now.set('token admin', tokens?.find((t) => t.name === 'admin')?.scope)
  if (!tokens) return now
  now.set('token reader', tokens.find((t) => t.name === 'reader')?.scope)
  for (const p of await api('products')) now.set(`pinned ${p.product}`, p.pinned)
  for (const r of await api('releases?limit=1000')) now.set(`state ${r.product} ${r.sequence}`, r.state)
  for (const d of await api('devices?limit=1000')) now.set(`device ${d.device}`, `${d.sequence} ${d.state}`)
  return now
}

const is = (key, value, values) => values.includes(ANY) || values.includes(value) || (key.startsWith('pinned') && !value && values.includes(undefined))

/** What had been acknowledged, and is not there. */
function missing(life, cut, now) {
  const wrong = []
  for (const [key, list] of life.told) {
    const values = allowed(list, cut)
    if (key.startsWith('image')) continue
    if (key.startsWith('state') && values.includes(undefined)) continue // what it is before the first word is the chain's business
    if (!now.has('token reader') && !key.startsWith('active') && key !== 'token admin') {
      if (!values.includes(undefined) && !values.includes(ANY)) wrong.push(`${key}: cannot be seen`)
      continue
    }
    const seen = new Set([key, key.replace('active', 'manifest'), key.replace('active', 'coap')])
    for (const it of seen) if (!is(it, now.get(it), values)) wrong.push(`${it} is ${now.get(it)}, not ${values.join(' or ')}`)
  }
  return wrong
}

/** With chain and source back: the end of the undisturbed life. What comes of the lock is the operator's word, which a cut may take. */
export async function comesToTheEnd(life, gateway) {
  await life.bringBack?.(gateway)
  const wanted = life.end.filter((line) => line.startsWith(PRODUCT))
  await waitFor('the end of the undisturbed life', async () => {
    const items = endOf(await gateway.releases(), life.purged), left = wanted.filter((line) => !items.includes(line))
    if (left.length) throw new Error(`without ${left.join(', ')}; there are ${(await gateway.releases()).map((r) => `${r.sequence} ${r.state}: ${r.why}`).join(', ')}`)
    // The server has it a moment later.
    return await manifest(life, gateway, PRODUCT) === life.last && (await bodyOf(gateway, `/fw/${PRODUCT}/image`)).status === 200
  })
  assert.equal(await offered(life, gateway, PRODUCT), life.last)
  await offered(life, gateway, LOCK)
}

/** POWER_CUT_KEEP=DIRECTORY: where disks that failed are put, with what was wrong. */
async function keep(dir, state, problems) {
  await putTree(join(dir, 'state'), state.tree)
  await writeFile(join(dir, 'problems'), [nameOf(state), ...problems, ''].join('\n'))
}

async function checkState(life, dir, state, { is_again, with_chain }) {
  const problems = [...floorsBack(life, state.cut, state.tree), ...catalogBack(life, state.cut, state.tree)]
  const start = async (options) => {
    let lacking
    const lines = await withGateway(dir, life.conf(dir, { chain: false }), async (gateway) => { lacking = missing(life, state.cut, await look(life, gateway, state.cut, options)) })
    if (lacking.length) problems.push(...lacking, ...lines.slice(-40))
    problems.push(...lines.filter((line) => LOST.test(line) && !(state.cut > life.rotten && /database damaged|a page is not what was written there/.test(line))))
  }
  await putTree(join(dir, 'state'), state.tree)
  try {
    await start()
    if (is_again) await start({ is_deep: true })
    if (with_chain) await withGateway(dir, life.conf(dir), (gateway) => comesToTheEnd(life, gateway))
  } catch (error) {
    problems.push(error.message)
  } finally {
    if (problems.length && process.env.POWER_CUT_KEEP) await keep(join(process.env.POWER_CUT_KEEP, `${Date.now()}-${basename(dir)}`), state, problems)
    await rm(dir, { recursive: true, force: true, maxRetries: 20 }) // who was killed may be at its last write
  }
  return problems
}

// --- all of them ---

const nameOf = ({ cut, kind, seed }) => `cut after ${cut} records, ${kind}, seed ${seed}`

/**
 * Starts the daemon on at least `states` different disks of the life. { states, hashes: of these, runs, with_chain, by_kind, failures: [{ state, problems }] }.
 * subsets: where at most so many calls are not synced, each subset of them is tried; again_every: of so many states one is started twice,
 * because what a start tidies up after it is ready must not be lost either, and read over CoAP; chain_every: of so many one is also
 * started with chain and source; fail_fast: the first failure ends it.
 */
export async function cutPower(life, base, { states, seed, subsets = 2, again_every = 10, chain_every = 25, fail_fast = false, only, log }) {
  const dice = random(seed), result = { states: 0, runs: 0, again: 0, with_chain: 0, by_kind: {}, failures: [], hashes: new Set() }
  const source = only ? statesOf(life.records, life.rootIno, [only]) : distinct(life, states, dice, subsets)
  const worker = async () => {
    for (;;) {
      if (fail_fast && result.failures.length) return
      const { value: state, done } = source.next()
      if (done) return
      const with_chain = result.runs % chain_every === 0, is_again = result.runs % again_every === 1
      result.runs++
      result.states += state.is_new ? 1 : 0
      result.hashes.add(state.hash)
      result.with_chain += with_chain ? 1 : 0
      result.again += is_again ? 1 : 0
      result.by_kind[state.kind] = (result.by_kind[state.kind] ?? 0) + 1
      const problems = await checkState(life, join(base, `cut-${result.runs}`), state, { is_again, with_chain })
      if (problems.length) result.failures.push({ state: nameOf(state), problems })
      if (problems.length || result.runs % 100 === 0) log?.(`${result.states} states; ${problems.length ? nameOf(state) : ''} ${problems.join('; ').slice(0, 500)}`)
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker))
  return result
}

/** Records a life, cuts its power, tells how it went. */
export async function powerCuts(t, { states, seed, log, life: live = LIVES.first, ...more }) {
  const life = await live(t, { log })
  log?.(`${life.records.length} records`)
  return cutPower(life, life.world.dir, { states, seed, log, ...more })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [states = 1000, seed = 1] = process.argv.slice(2, 4).map(Number)
  const life = LIVES[process.argv[4] ?? 'first']
  const ends = [], began = Date.now()
  try {
    const result = await powerCuts({ after: (fn) => ends.unshift(fn) }, { life, states, seed, log: console.error, fail_fast: Boolean(process.env.FAIL_FAST) })
    console.log(JSON.stringify({ ...result, hashes: undefined, failures: result.failures.slice(0, 20), failed: result.failures.length, seconds: (Date.now() - began) / 1000 }, null, 1))
  } finally {
    for (const end of ends) await end()
  }
}
