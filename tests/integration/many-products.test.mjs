// many-products.test.mjs: `[product *]` follows everything of one registrant in a registry that strangers use as well, and what
// it asks for stays within the limits. many-products.long.test.mjs does it with thousands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../support/wait.mjs'
import { makeCrowdWorld, waitSettled } from '../support/crowd-world.mjs'

const PRODUCTS = 260
const STRANGERS = 120
const KEYS_A_CALL = 500
const words = 2 * PRODUCTS

const namesOf = (products) => products.map((p) => p.product).sort()
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)

test('many-products: a wildcard among strangers', async (t) => {
  const world = await makeCrowdWorld(t, { products: PRODUCTS, strangers: STRANGERS, released: 2 })
  const { meter, ours, theirs } = world
  const wildcard = { '*': { registrant: ours.address } }
  const other = world.name(3) // the registrant's and a stranger's
  const gateway = await world.start({ products: { ...wildcard, [other]: { registrant: theirs.address } } })
  const all = Array.from({ length: PRODUCTS }, (_, i) => world.name(i)).sort()
  const products = async () => (await gateway.ask('products')).items

  const settled = (n) => waitSettled(world, gateway, n)
  const assertFollowed = async (names, strangers = [other]) => {
    const followed = await products()
    assert.deepEqual(namesOf(followed), names)
    for (const p of followed) assert.equal(p.registrant, (strangers.includes(p.product) ? theirs : ours).address, p.product)
  }

  await t.test('many-products-known: all of the registrant\'s, with their history, and nothing else of anybody\'s', async () => {
    await settled(PRODUCTS)
    await assertFollowed(all)
    for (const p of (await products()).filter((p, i) => i % 50 === 0)) {
      assert.equal(p.id, (p.product === other ? theirs : ours).id(p.product))
      assert.equal(p.head, (await world.registry.product(p.id)).head, p.product)
    }
    await gateway.waitRelease(world.name(0), 1, 'active')
    assert.deepEqual((await gateway.status()).alarms, [])
  })

  await t.test('many-products-keys: everything was proven, and no call asked for too much', () => {
    assert.ok(sum(meter.keys()) > words, 'more than fit in a call')
    assert.ok(Math.max(...meter.keys()) <= KEYS_A_CALL, `${Math.max(...meter.keys())} keys in a call`)
  })

  await t.test('many-products-release: one product\'s release arrives, and costs what it changed', async () => {
    meter.forget()
    await world.publish(7)
    await world.finalize()
    await gateway.waitRelease(world.name(7), 1, 'active')
    await settled(PRODUCTS)
    assert.ok(sum(meter.keys()) < words / 10, `${sum(meter.keys())} keys`)
    assert.ok(meter.of('eth_getLogs').length <= 2)
  })

  await t.test('many-products-killed: nothing is proven or listed again by a keeper whose forerunner could not say goodbye', async () => {
    const { 'gatepost-keeper': killed } = await gateway.children()
    await settled(PRODUCTS)
    meter.forget()
    process.kill(killed, 'SIGKILL')
    await waitFor('another keeper', async () => ![undefined, killed].includes((await gateway.children())['gatepost-keeper']))
    await settled(PRODUCTS)
    assert.equal(sum(meter.keys()), 0)
    assert.equal(meter.of('eth_getLogs').length, 0)
  })

  await t.test('many-products-restart: nothing is proven or listed again that has not changed', async () => {
    await gateway.stop()
    meter.forget()
    await world.mine(3)
    await gateway.start()
    await settled(PRODUCTS)
    await assertFollowed(all)
    assert.equal(sum(meter.keys()), 0)
    assert.equal(meter.of('eth_getLogs').length, 0)
  })

  await t.test('many-products-registration: a new one is followed, and a stranger\'s is not', async () => {
    await world.registerOthers(['other/late', 'acme/late'])
    await world.register(['acme/later'])
    await world.finalize()
    await settled(PRODUCTS + 1)
    await assertFollowed([...all, 'acme/later'].sort())
  })

  await t.test('many-products-section: a name with a section of its own is the wildcard\'s once that is gone', async () => {
    const next = world.name(4)
    await gateway.restart(world.config({ dir: gateway.dir, products: { ...wildcard, [next]: { registrant: theirs.address } } }))
    await settled(PRODUCTS + 1)
    await assertFollowed([...all, 'acme/later'].sort(), [next])
  })
})
