// many-products.long.test.mjs: `[product *]` with 5,000 products of one registrant in a registry of 7,500: within the limits, and in
// bounded memory while strangers write to the registry block by block. See many-products.test.mjs.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { makeCrowdWorld, waitSettled } from '../support/crowd-world.mjs'

const PRODUCTS = 5000
const STRANGERS = 2500 // with 20,000 anvil needs seconds for each proof
const KEYS_A_CALL = 500
const BLOCKS = 64 // as many roots as are kept until they are final
const MEMORY = 48 * 2 ** 20
const MEMORY_LISTED = 80 * 2 ** 20 // an operator's list of all products is one answer

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)

test('many-products: thousands among thousands', async (t) => {
  const world = await makeCrowdWorld(t, { products: PRODUCTS, strangers: STRANGERS, released: 20, slotsInEpoch: 32 })
  const { meter, ours } = world
  const gateway = await world.start()
  const settled = () => waitSettled(world, gateway, PRODUCTS)
  const all = Array.from({ length: PRODUCTS }, (_, i) => world.name(i)).sort()

  const assertKeys = () => assert.ok(Math.max(...meter.keys()) <= KEYS_A_CALL, `${Math.max(...meter.keys())} keys in a call`)
  /** The peak since the last time. */
  const assertMemory = async (most = MEMORY) => {
    const { 'gatepost-keeper': pid } = await gateway.children()
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
    t.diagnostic(`the keeper's peak: ${(peak / 2 ** 20).toFixed(1)} MiB`)
    assert.ok(peak < most, `${peak} bytes`)
    await writeFile(`/proc/${pid}/clear_refs`, '5')
  }

  await t.test('many-products-long-sync: all are found and proven', async () => {
    await settled()
    await assertMemory()
    assert.ok(sum(meter.keys()) > 2 * PRODUCTS)
    t.diagnostic(`${meter.keys().length} proofs, ${sum(meter.keys())} keys, ${meter.of('eth_getLogs').length} log queries, ${(meter.bytes() / 2 ** 20).toFixed(1)} MiB`)
    assertKeys()
  })

  await t.test('many-products-long-crowded: a registry that others write to costs what they changed, and no more memory', async () => {
    meter.forget()
    for (let i = 0; i < BLOCKS; i++) {
      await world.registerOthers([`late/n${i}`])
      await meter.rounds(2)
    }
    t.diagnostic(`${meter.keys().length} proofs, ${sum(meter.keys())} keys`)
    assertKeys()
    await assertMemory()
  })

  await t.test('many-products-long-release: a release arrives', async () => {
    await world.publish(4321)
    await world.finalize()
    await gateway.waitRelease(world.name(4321), 1, 'active')
    await settled()
  })

  await t.test('many-products-long-known: all of the registrant\'s, and none of anybody else', async () => {
    const followed = (await gateway.ask('products')).items
    assert.deepEqual(followed.map((p) => p.product).sort(), all)
    for (const p of followed) assert.equal(p.registrant, ours.address, p.product)
    assert.deepEqual((await gateway.status()).alarms, [])
    await assertMemory(MEMORY_LISTED)
  })

  await t.test('many-products-long-restart: with all known, nothing is proven again', async () => {
    await gateway.stop()
    meter.forget()
    await world.mine(1)
    await world.finalize()
    await gateway.start()
    await settled()
    await assertMemory()
    assert.equal((await gateway.ask('products')).items.length, PRODUCTS)
    assert.equal(sum(meter.keys()), 0)
    assert.equal(meter.of('eth_getLogs').length, 0)
  })
})
