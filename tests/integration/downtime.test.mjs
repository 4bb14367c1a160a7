// downtime.test.mjs: a gateway that was away for thousands of blocks catches up without missing or repeating anything.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../support/random.mjs'
import { followed, makeForkWorld, passTime, productNames, sameAsClean, startFollower } from '../support/reorg.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'

const BUSY = productNames[0]
const AWAY = { blocks: 3000, count: 40, many: 110 }
const provider = (name, url) => ({ name, url, operator: name })

/** Every release of the chain's own log, and no other, with its block and transaction. */
async function assertAllThere(world, gateway) {
  const key = (product, sequence, block, tx) => `${product} ${sequence} in block ${block} by ${tx}`
  const logs = await Promise.all(productNames.map(async (name) => (await world.registry.history(world.id(name)))
    .filter((log) => log.event === 'ReleasePublished').map((log) => key(name, log.args.sequence, log.blockNumber, log.transactionHash))))
  const held = (await gateway.releases()).map((r) => key(r.product, r.sequence, r.block, r.tx))
  assert.deepEqual(held.sort(), logs.flat().sort())
  for (const { product, entries } of (await gateway.ask('products')).items)
    assert.equal(entries, (await world.registry.history(world.id(product))).length, product)
}

async function assertCaughtUp(t, world, gateway) {
  await sameAsClean(t, world, [gateway])
  await assertAllThere(world, gateway)
}

/** Stands before the chain and answers some eth_getLogs calls with an error: `refuse(filter)` gives it, or undefined. */
async function startLogs(t, world, refuse) {
  const seen = { refused: 0, given: 0 }
  const spoil = (call, reply) => {
    if (call.method !== 'eth_getLogs') return reply
    const [{ fromBlock, toBlock }] = call.params
    const error = refuse({ from: Number(fromBlock), to: Number(toBlock) })
    seen[error ? 'refused' : 'given']++
    return error ? { jsonrpc: '2.0', id: call.id, error } : reply
  }
  const proxy = await startTamperProxy(t, world.chain.url, {
    tamper({ body }, honest) {
      const calls = [JSON.parse(body)].flat()
      const answer = JSON.parse(honest.body)
      const spoilt = [answer].flat().map((reply) => spoil(calls.find((c) => c.id === reply.id), reply))
      return { ...honest, body: JSON.stringify(Array.isArray(answer) ? spoilt : spoilt[0]) }
    },
  })
  return Object.assign(proxy, { seen })
}

const tooLarge = { code: -32602, message: 'block range is too large, maximum is 10 blocks' }
const pruned = { code: 4444, message: 'pruned history unavailable' }

/** Lets so many requests for records of a product pass as `left` says; the others wait until open(). */
async function startTurnstile(t, url, product) {
  let open
  const opened = new Promise((resolve) => { open = resolve })
  const turnstile = { left: Infinity, waiting: 0, open: () => { turnstile.left = Infinity; open() } }
  const proxy = await startTamperProxy(t, url, {
    async before({ body }) {
      const text = String(body)
      if (!text.includes('eth_getLogs') || !text.includes(product) || turnstile.left-- > 0) return
      turnstile.waiting++
      await opened
    },
  })
  return Object.assign(turnstile, { url: proxy.url })
}

const entriesOf = async (gateway) => Object.fromEntries((await gateway.ask('products')).items.map((p) => [p.product, p.entries]))

// One chain and one time away for all: each of these gateways has its own trouble when it comes back.
test('downtime: gateways that were away for thousands of blocks', async (t) => {
  const world = await makeForkWorld(t)
  const { url } = world.chain
  const rng = random(1)
  await passTime(world, rng, { blocks: 100, count: 20, many: 5 })
  const narrow = await startLogs(t, world, ({ from, to }) => to - from >= 10 ? tooLarge : undefined)
  const young = await startLogs(t, world, ({ from }) => from < 2500 ? pruned : undefined)
  const turnstile = await startTurnstile(t, narrow.url, world.id(BUSY))
  const gateways = {
    plain: [provider('one', url)],
    narrow: [provider('one', narrow.url)],
    pruned: [provider('one', young.url), provider('two', url)],
    killed: [provider('one', turnstile.url)],
  }
  for (const [name, providers] of Object.entries(gateways)) gateways[name] = await startFollower(t, world, { name, providers })
  await Promise.all(Object.values(gateways).map((gateway) => followed(world, gateway)))
  const before = await entriesOf(gateways.killed)
  await Promise.all(Object.values(gateways).map((gateway) => gateway.stop()))
  await passTime(world, rng, AWAY)

  await t.test('downtime-plain: every entry of every product is there, once', async (t) => {
    await gateways.plain.start()
    await assertCaughtUp(t, world, gateways.plain)
  })

  await t.test('downtime-range-too-large: a provider that refuses wide ranges is asked block by block', async (t) => {
    const { given } = narrow.seen
    await gateways.narrow.start()
    await assertCaughtUp(t, world, gateways.narrow)
    assert.ok(narrow.seen.refused > 0)
    assert.ok(narrow.seen.given - given > 100, 'one for each block of the busy product')
  })

  await t.test('downtime-one-pruned: what one provider has pruned comes from the other, and nobody is said to lie', async (t) => {
    await gateways.pruned.start()
    await assertCaughtUp(t, world, gateways.pruned)
    assert.ok(young.seen.refused > 0)
    for (const p of (await gateways.pruned.status()).providers) assert.equal(p.quarantine, null, p.name)
  })

  await t.test('downtime-killed: a keeper that is killed while it catches up goes on where it was', async (t) => {
    const gateway = gateways.killed
    turnstile.left = 60 // half of what it needs, when the others have got all of theirs
    await gateway.start()
    await waitFor('some products to have caught up, and another to wait', async () =>
      turnstile.waiting > 0 && Object.entries(await entriesOf(gateway)).some(([product, n]) => n > before[product]))
    assert.equal((await entriesOf(gateway))[BUSY], before[BUSY])
    const { 'gatepost-keeper': keeper } = await gateway.children()
    process.kill(keeper, 'SIGKILL')
    turnstile.open()
    await waitFor('another keeper', async () => ![undefined, keeper].includes((await gateway.children())['gatepost-keeper']))
    await assertCaughtUp(t, world, gateway)
  })
})
