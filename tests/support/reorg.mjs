// reorg.mjs: a chain that forks: a seeded mix of registry entries on one branch, and what another branch makes of them.
//
// The test decides where the chain forks and how it goes on; what stands in the blocks comes from a seed. An entry that both
// branches have in the same place is the very same transaction, as in a real reorg, unless something before it differs.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeFunctionData } from 'viem'
import { startAnvil } from './anvil.mjs'
import { makeConfig, startGateway } from './gateway.mjs'
import { startGateway as startSource } from './ipfs-gateway.mjs'
import { deployRegistry, hex, productId } from './registry.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from './suit.mjs'
import { random } from './random.mjs'
import { startTamperProxy } from './tamper-proxy.mjs'
import { tempDir } from './temp.mjs'
import { waitFor } from './wait.mjs'

const SLOTS = 36 // an epoch of them: anvil's finalized block is 2 × SLOTS behind, below the deepest fork
const FINAL_BEHIND = 2 * SLOTS
const LATE = 6 // products that are registered some time, or never
const IMAGES = 4
const STRANGER = '0x00000000000000000000000000000000000000a1'

/** The products that exist from the start, those that come later, and those that only a wildcard follows. */
const names = {
  first: ['acme/boiler', 'acme/thermostat'],
  late: Array.from({ length: LATE }, (_, i) => `late/model-${i + 1}`),
}

/** Everything around the gateways: chain, registry, images, signers. `chain` is mined by us alone: no transaction makes a block. */
export async function makeForkWorld(t) {
  const chain = await startAnvil({ slotsInEpoch: SLOTS })
  const gateways = []
  t.after(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    await chain.stop()
  })
  await chain.mine(1)
  const registry = await deployRegistry(chain)
  const source = await startSource(t)
  const signers = ['es256', 'ed25519', 'es256k'].map((kind) => newSigner(kind))
  const images = []
  for (let i = 0; i < IMAGES; i++) {
    const bytes = randomBytes(500 + 300 * i)
    images.push({ sha256: sha256(bytes), size: bytes.length, cid: String(await source.add(bytes)) })
  }
  await chain.rpc('evm_setAutomine', false)
  const owners = { 'acme/boiler': chain.accounts[1], 'acme/thermostat': chain.accounts[2] }
  const owner = (product) => owners[product] ?? chain.accounts[3]
  const world = {
    chain, registry, source, images, owner,
    wrongImages: images.map((image) => ({ ...image, sha256: sha256(image.sha256) })), signers, gateways,
    atOnce: await startGate(t, chain.url), // a reorg is one moment for who stands behind it
    stepwise: await startGate(t, chain.url), // every block shows, also the short chain in between
    sets: [{ threshold: 1, of: [0] }, { threshold: 2, of: [0, 1] }, { threshold: 1, of: [2] }],
    id: (product) => productId(owner(product).address, product),
    envelopes: new Map(),
    cleans: 0,
    dir: await tempDir(t),
    state: await firstState(chain, names),
  }
  const first = names.first.map((product) => [1, { kind: 'register', product }])
  await growBranch(world, 1, await renderBranch(world, world.state, first))
  await mine(world, FINAL_BEHIND)
  return world
}

async function firstState(chain, { first, late }) {
  const accounts = chain.accounts.slice(1, 4)
  const nonces = await Promise.all(accounts.map((a) => chain.rpc('eth_getTransactionCount', a.address, 'latest')))
  const fresh = () => ({ isRegistered: false, sequence: 0, floor: 0, set: 0, isStrangerAllowed: false, entries: 0 })
  return {
    nonces: Object.fromEntries(accounts.map((a, i) => [a.address, Number(nonces[i])])),
    products: Object.fromEntries([...first, ...late].map((name) => [name, fresh()])),
  }
}

export const productNames = [...names.first, ...names.late]

// --- entries: what they are, and what they are on a branch where this or that came before ---

const KINDS = ['publish', 'publish', 'publish', 'publish', 'bad', 'bad', 'revoke', 'revoke', 'floor', 'signers', 'publisher', 'register']

const BUSY_KINDS = ['publish', 'bad', 'publisher', 'signers'] // of which none depends on what came before

function drawEntry(rng) {
  const product = rng.pick([...names.first, ...names.first, ...names.late.slice(0, 2)])
  return {
    kind: rng.pick(KINDS), product, image: rng.below(IMAGES), set: rng.below(3), share: rng.below(100),
    by: rng.pick(['own', 'own', 'all']), flaw: rng.pick(['unsigned', 'product', 'sequence', 'garbage', 'image']),
    late: rng.below(LATE),
  }
}

/** [[offset, entry], …]: `depth` blocks with a few entries, at least one of them. */
function drawBranch(rng, depth) {
  const count = 1 + rng.below(Math.min(2 + depth, 9))
  const list = Array.from({ length: count }, () => [1 + rng.below(depth), drawEntry(rng)])
  return list.sort(([a], [b]) => a - b)
}

/** Another branch from the same fork: most of it kept, some left out, moved or replaced, some new. */
function drawRival(rng, branch, depth) {
  const list = []
  for (const [offset, entry] of branch) {
    const fate = rng.below(10)
    if (fate < 6) list.push([Math.min(offset, depth), entry])
    else if (fate < 8) list.push([1 + rng.below(depth), entry])
    else if (fate < 9) list.push([Math.min(offset, depth), drawEntry(rng)])
  }
  for (let n = rng.below(3); n > 0; n--) list.push([1 + rng.below(depth), drawEntry(rng)])
  return list.sort(([a], [b]) => a - b)
}

const publication = (world, p, e, isBad) => {
  const sequence = p.sequence + 1
  const flaw = isBad ? e.flaw : undefined
  const key = JSON.stringify([e.product, sequence, e.image, flaw, e.by, p.set])
  if (!world.envelopes.has(key)) world.envelopes.set(key, makeRelease(world, p, e, sequence, flaw))
  return ['publish', [BigInt(sequence), hex(world.envelopes.get(key))]]
}

function makeRelease(world, p, e, sequence, flaw) {
  if (flaw === 'garbage') return Buffer.from(`not an envelope, ${sequence}`)
  const fields = {
    product: flaw === 'product' ? 'acme/fridge' : e.product, sequence: flaw === 'sequence' ? sequence + 1 : sequence,
    version: `1.${sequence}.${e.image}`, image: flaw === 'image' ? world.wrongImages[e.image] : world.images[e.image],
  }
  const by = flaw === 'unsigned' ? [] : e.by === 'all' ? world.signers : world.sets[p.set].of.map((i) => world.signers[i])
  return makeEnvelope(makeManifest(fields), by)
}

const keysOf = (world, { of }) => of.map((i) => hex(world.signers[i].coseKey))

/** [function, arguments] as the product stands now, and what it then is; undefined for what the contract would refuse. */
const acts = {
  publish: (world, p, e) => p.isRegistered && [...publication(world, p, e, false), { sequence: p.sequence + 1 }],
  bad: (world, p, e) => p.isRegistered && [...publication(world, p, e, true), { sequence: p.sequence + 1 }],
  revoke: (world, p, e) => p.sequence > 0 &&
    ['revoke', [BigInt(1 + Math.floor(p.sequence * e.share / 100)), `reason ${e.share}`], {}],
  floor: (world, p, e) => p.isRegistered && p.floor <= p.sequence && e.share < 50 &&
    ['raiseFloor', [BigInt(p.floor + 1), `floor ${e.share}`], { floor: p.floor + 1 }],
  signers: (world, p, e) => p.isRegistered &&
    ['setSigners', [world.sets[e.set].threshold, keysOf(world, world.sets[e.set])], { set: e.set }],
  publisher: (world, p) => p.isRegistered &&
    ['setPublisher', [STRANGER, !p.isStrangerAllowed], { isStrangerAllowed: !p.isStrangerAllowed }],
  register: (world, p, e) => !p.isRegistered &&
    ['register', [e.product, world.sets[0].threshold, keysOf(world, world.sets[0])], { isRegistered: true, entries: p.entries + 3 }],
}

const entryOf = (e) => (e.kind === 'register' && !names.first.includes(e.product) ? { ...e, product: names.late[e.late] } : e)

/** The branch as signed transactions, [[offset, raw], …]; moves `state` on. */
async function renderBranch(world, state, branch) {
  const list = []
  for (const [offset, drawn] of branch) {
    const entry = entryOf(drawn)
    const p = state.products[entry.product]
    const act = acts[entry.kind](world, p, entry)
    if (!act) continue
    const [functionName, args, change] = act
    const owner = world.owner(entry.product)
    const data = encodeFunctionData({
      abi: world.registry.abi, functionName, args: functionName === 'register' ? args : [world.id(entry.product), ...args],
    })
    list.push([offset, await owner.signTransaction({
      type: 'eip1559', chainId: world.chain.chainId, nonce: state.nonces[owner.address]++, to: world.registry.address, data,
      gas: 2000000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n,
    })])
    Object.assign(p, { entries: p.entries + 1 }, change)
  }
  return list
}

/** Changes the chain while nobody looks. */
const unseen = (world, act) => world.atOnce.closed(() => world.stepwise.closed(act))

const mine = (world, n) => unseen(world, () => world.chain.mine(n))

/** Mines `blocks` blocks with the transactions in their places. */
async function growBranch(world, blocks, transactions) {
  let at = 0
  const upTo = async (offset) => {
    if (offset > at) await mine(world, offset - at)
    at = Math.max(at, offset)
  }
  for (const [offset, raw] of transactions) {
    await upTo(offset - 1)
    await world.chain.rpc('eth_sendRawTransaction', raw)
  }
  await upTo(blocks)
}

/** Does the chain hold what the model says? Else the test itself is wrong. */
async function checkModel(world) {
  for (const [name, p] of Object.entries(world.state.products)) {
    const { sequence, floor, entries } = await world.registry.product(world.id(name))
    assert.deepEqual({ sequence: Number(sequence), floor: Number(floor), entries }, { sequence: p.sequence, floor: p.floor, entries: p.entries }, name)
  }
}

// --- one reorg ---

/**
 * From one branch to the other: back to the fork, and on from there. (anvil_reorg would do it in one call, but once a chain
 * has some hundred blocks it loses the state of all accounts.)
 */
async function changeBranch(world, snapshot, { blocks, transactions, seconds }) {
  await unseen(world, () => world.chain.revert(snapshot))
  await world.chain.rpc('evm_increaseTime', seconds)
  await growBranch(world, blocks, transactions)
}

/**
 * One case: a branch of `depth` blocks that the gateways follow (or are just about to), then its rival. `seen` waits until the
 * first branch was followed.
 */
export async function forkOnce(world, rng, depth, seen) {
  if (rng.below(3) === 0) await mine(world, 1 + rng.below(FINAL_BEHIND)) // so that finality moves between shallow forks too
  const snapshot = await world.chain.snapshot()
  const fork = structuredClone(world.state)
  const branch = drawBranch(rng, depth)
  await growBranch(world, depth, await renderBranch(world, world.state, branch))
  if (rng.below(4) > 0) await seen()
  world.state = fork
  const transactions = await renderBranch(world, world.state, drawRival(rng, branch, depth))
  const rival = { blocks: depth + rng.below(3), transactions, seconds: rng.below(3) }
  await world.atOnce.closed(() => changeBranch(world, snapshot, rival))
  await checkModel(world)
}

/**
 * What happens while a gateway is away: `blocks` blocks with `count` entries of several products scattered over them, and
 * `many` of one product.
 */
export async function passTime(world, rng, { blocks, count, many }) {
  const busy = Array.from({ length: many }, () => ({ ...drawEntry(rng), product: names.first[0], kind: rng.pick(BUSY_KINDS) }))
  const others = Array.from({ length: count }, () => drawEntry(rng))
  const branch = [...busy, ...others].map((entry) => [1 + rng.below(blocks), entry])
  await growBranch(world, blocks, await renderBranch(world, world.state, branch.sort(([a], [b]) => a - b)))
  await checkModel(world)
}

/**
 * A proxy to the chain with a door. closed(act) waits until no request is inside, and lets none in while act runs: anvil gives
 * proofs that do not fit their block when it is asked in the middle of mining or reverting. May be nested.
 */
async function startGate(t, url) {
  let doors = 0
  let inside = 0
  let moved = Promise.resolve()
  let tell = () => {}
  const move = () => { tell(); moved = new Promise((resolve) => { tell = resolve }) }
  const proxy = await startTamperProxy(t, url, {
    async before() {
      while (doors > 0) await moved
      inside++
    },
    tamper() {
      inside--
      move()
    },
  })
  move()
  return {
    url: proxy.url,
    stop: proxy.stop,
    async closed(act) {
      doors++
      try {
        while (inside > 0) await moved
        return await act()
      } finally {
        doors--
        move()
      }
    },
  }
}

// --- gateways and what they hold ---

/** A gateway of this world: behind `gate`, with `finality`; erase() ends it and its state directory. */
export async function startFollower(t, world, { gate = world.atOnce, providers = [{ name: 'one', url: gate.url, operator: 'alpha' }], finality = 'finalized', name }) {
  const dir = join(world.dir, name)
  const owned = Object.fromEntries([...names.first, ...names.late].map((product) => [product, { registrant: world.owner(product).address, keep: 100 }]))
  const conf = makeConfig({
    dir, registry: world.registry.address, providers,
    sources: [{ name: 'own', url: world.source.url }], products: owned, chain: { finality }, gateway: { 'log-level': 'info' },
  })
  const gateway = await startGateway(t, { dir, conf })
  world.gateways.push(gateway)
  gateway.token = (await gateway.ask('token', 'new', 'test', '--scope', 'read')).token
  return Object.assign(gateway, { erase: async () => { await gateway.stop(); await rm(dir, { recursive: true }) } })
}

const block = (chain, tag) => chain.rpc('eth_getBlockByNumber', tag, false)

/** Over REST: a program for each of thousands of questions is too much for a small machine. */
async function ask(gateway, path) {
  const { status, body } = await gateway.api(`/api/v1/${path}`)
  assert.equal(status, 200, path)
  return body
}

/** Waits until the gateway is where the chain is, and has nothing left to do. */
export async function followed(world, gateway) {
  const [latest, final] = await Promise.all([block(world.chain, 'latest'), block(world.chain, 'finalized')])
  const heads = await Promise.all(productNames.map(async (name) => [name, (await world.registry.product(world.id(name))).head]))
  await waitFor(`a gateway to be at block ${Number(latest.number)}`, async () => {
    const { chain } = await ask(gateway, 'status')
    assert.deepEqual([chain.head?.hash, chain.finalized?.hash, chain.verified?.hash], [latest.hash, final.hash, final.hash])
    const { items } = await ask(gateway, 'products')
    for (const [name, head] of heads) assert.equal(items.find((p) => p.product === name)?.head, head, name)
    const busy = (await ask(gateway, 'releases?limit=1000')).items.find((r) => r.state === 'fetching' || r.why.includes('queued'))
    assert.equal(busy, undefined)
    return true
  }, { every_ms: 30, deadline_ms: 60000 })
}

/**
 * What must not depend on the way: products, releases, what devices are offered. Not in it: times of day, and what is known
 * only of images that were fetched, because one that was there before its release was revoked stays known; nor the transaction
 * that brought an entry, which nothing proves: the same entry in the same block keeps the one it was first seen with.
 */
export async function stateOf(gateway) {
  const products = (await ask(gateway, 'products')).items.map(({ proven, trust, ...rest }) => rest)
  const releases = (await ask(gateway, 'releases?limit=1000')).items.map(({ times, fetch, format, tx, ...rest }) => rest)
  const offers = await Promise.all(products.map(async ({ product }) => {
    const r = await gateway.get(`/fw/${product}`)
    const body = Buffer.from(await r.arrayBuffer())
    return [product, r.status, r.headers.get('gatepost-sequence'), r.status === 200 ? body.toString('hex') : '']
  }))
  return { products, releases, offers }
}

/** Says which product or release differs, rather than showing everything. */
export function assertSame(state, clean) {
  for (const part of Object.keys(clean)) {
    assert.equal(state[part].length, clean[part].length, part)
    clean[part].forEach((item, i) => assert.deepEqual(state[part][i], item, `${part}: ${JSON.stringify(state[part][i])} is ${JSON.stringify(item)} in a clean run`))
  }
}

/**
 * Holds the gateways against one that begins with nothing on the same chain. All are at rest then, so what differs goes on
 * to differ; asked until they agree because a catalog reaches the server a moment after the keeper has settled.
 */
export async function sameAsClean(t, world, gateways) {
  const clean = await startFollower(t, world, { name: `clean-${++world.cleans}` })
  await Promise.all([clean, ...gateways].map((gateway) => followed(world, gateway)))
  await waitFor('the same state as a clean run', async () => {
    const [expected, ...states] = await Promise.all([clean, ...gateways].map(stateOf))
    for (const state of states) assertSame(state, expected)
    return true
  }, { every_ms: 50, deadline_ms: 10000 })
  for (const gateway of gateways) assert.deepEqual((await ask(gateway, 'status')).alarms, [])
  await clean.erase()
}

/** The two gateways that every reorg is tried on: by the chain's own finality, and by depth. */
export async function startPair(t, world) {
  const pair = await Promise.all([
    startFollower(t, world, { name: 'finalized' }),
    startFollower(t, world, { name: 'depth', gate: world.stepwise, finality: `depth:${FINAL_BEHIND}` }),
  ])
  await Promise.all(pair.map((gateway) => followed(world, gateway)))
  return pair
}

/** Reorgs of the depths, one after another; cases is [[depth, seed], …]. Says which one failed. */
export async function forkAll(t, world, pair, cases) {
  for (const [depth, seed] of cases) {
    try {
      await forkOnce(world, random(seed), depth, () => Promise.all(pair.map((gateway) => followed(world, gateway))))
      await sameAsClean(t, world, pair)
    } catch (error) {
      const said = await Promise.all(pair.map(async (gateway) => JSON.stringify((await ask(gateway, 'status')).alarms)))
      throw new Error(`depth ${depth}, seed ${seed}: ${error.message}\nalarms: ${said.join(' and ')}`, { cause: error })
    }
  }
}
