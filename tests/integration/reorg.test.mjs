// reorg.test.mjs: whatever a reorg replaces, a gateway that saw both branches holds what one that saw only the last one does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forkAll, makeForkWorld, startPair } from '../support/reorg.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

// reorg.long.test.mjs has every depth and twenty seeds of each.
const CASES = [[1, 1], [2, 2], [3, 3], [8, 4], [32, 5], [64, 6]]

test('reorg: depths of 1 to 64 blocks, one after another, each with the state of a clean run', async (t) => {
  const world = await makeForkWorld(t)
  await forkAll(t, world, await startPair(t, world), CASES)
})

/** A product with one release, final and active; a gateway; and a snapshot of the chain before a second release. */
async function makeFinal(t) {
  const world = await makeWorld(t)
  const first = await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  return { world, gateway, first, fork: await world.chain.snapshot() }
}

const offer = async (gateway) => {
  const r = await gateway.get(`/fw/${PRODUCT}`)
  return [r.status, r.headers.get('gatepost-sequence'), Buffer.from(await r.arrayBuffer()).toString('hex')]
}
const alarmsOf = async (gateway) => (await gateway.status()).alarms.map((a) => a.code)
const waitAlarm = (gateway, code) => waitFor(`the alarm ${code}`, async () => (await alarmsOf(gateway)).includes(code))
const heightOf = async (gateway) => (await gateway.status()).chain.finalized.number

/** Waits until the gateway has asked the chain so many times more. */
async function waitRounds(gateway, n) {
  const calls = async () => (await gateway.status()).providers[0].calls
  const from = await calls()
  await waitFor(`${n} more calls`, async () => await calls() >= from + n)
}

/** Back to the fork, and on until the chain is final above where the gateway was. */
async function breakFinality({ world, gateway, fork }, then = async () => {}) {
  const height = await heightOf(gateway)
  await world.chain.revert(fork)
  await then()
  await world.chain.finalize(height + 3)
}

test('finality-broken: nothing moves and everything is served on, until the operator has looked; then it follows again', async (t) => {
  const made = await makeFinal(t)
  const { world, gateway, first } = made
  await world.chain.mine(20) // of which no entry is
  await world.finalize()
  await waitFor('the blocks to be final', async () => await heightOf(gateway) > 20)
  const before = await offer(gateway)
  await breakFinality(made)
  await waitAlarm(gateway, 'anchor-conflict')
  const stuck = await heightOf(gateway)

  await world.publish()
  await world.finalize()
  await waitRounds(gateway, 5)
  assert.equal(await heightOf(gateway), stuck)
  assert.equal((await gateway.releases(PRODUCT)).length, 1, 'nothing is followed')
  assert.deepEqual(await offer(gateway), before)
  const image = Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())
  assert.deepEqual(image, Buffer.from(first.image))

  await gateway.restart()
  await waitAlarm(gateway, 'anchor-conflict')
  assert.deepEqual(await offer(gateway), before, 'a restart forgets neither the conflict nor the release')

  assert.equal((await gateway.cli('alarms', 'clear', 'anchor-conflict')).code, 0)
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await waitFor('no alarm', async () => (await alarmsOf(gateway)).length === 0)
})

// With fewer entries than were final it is clear what happened; more of them only fit to nothing that we hold.
for (const [name, releases, code] of [['fewer', 0, 'reorg-too-deep'], ['more', 2, 'history-incomplete']]) {
  test(`final-entry-gone-${name}: a release that was final and is not in the chain any more is said to be so, and served on`, async (t) => {
    const made = await makeFinal(t)
    const { world, gateway } = made
    const second = await world.publish()
    await world.finalize()
    await gateway.waitRelease(PRODUCT, 2, 'active')
    const before = await offer(gateway)
    await breakFinality(made, async () => {
      world.sequence = 1
      for (let i = 0; i < releases; i++) await world.publish()
    })
    await waitAlarm(gateway, 'anchor-conflict')
    assert.equal((await gateway.cli('alarms', 'clear', 'anchor-conflict')).code, 0)
    await waitAlarm(gateway, code)
    assert.equal((await gateway.releases(PRODUCT)).length, 2, 'what was final is kept')
    assert.deepEqual(await offer(gateway), before)
    const image = Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())
    assert.deepEqual(image, Buffer.from(second.image))
  })
}

test('revocation-undone: held while it is not final, so that the older release is offered; all as before when a reorg drops it', async (t) => {
  const { world, gateway } = await makeFinal(t)
  await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  const before = await offer(gateway)
  const fork = await world.chain.snapshot()
  await world.registry.call(world.owner, 'revoke', world.id, 2n, 'too hot')
  await gateway.waitRelease(PRODUCT, 2, 'held')
  await waitFor('the older release to be offered', async () => (await offer(gateway))[1] === '1')
  await world.chain.revert(fork)
  await world.chain.mine(1)
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await waitFor('the release to be offered again', async () => { assert.deepEqual(await offer(gateway), before); return true })
})
