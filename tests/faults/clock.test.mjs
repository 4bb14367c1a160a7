// The time of day is wrong: 1970, ten years ahead, jumping back and forth while the gateway runs, put back while the uplink is gone. Never is
// something fresh that is not, always is it served. The real daemon, with a preloaded clock (clock.c).
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { OPTION, codeName, openClient, uint } from '../support/coap.mjs'
import { program, startGateway } from '../support/gateway.mjs'
import { random } from '../support/random.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const HOUR = 3600_000, DAY = 24 * HOUR, YEAR = 365 * DAY

/** A gateway whose time of day is the machine's and `by` milliseconds: shift(by). */
async function gatewayWithClock(t, world, options = {}) {
  const file = world.otherDir('clock'), bytes = Buffer.alloc(8)
  await writeFile(file, bytes)
  const fd = openSync(file, 'r+')
  t.after(() => closeSync(fd))
  const gateway = await startGateway(t, { dir: world.dir, conf: world.config(options), host: { enter: ['env', `LD_PRELOAD=${program('tests/faults/clock.so')}`, `CLOCK_FILE=${file}`] } })
  const shift = (by) => {
    bytes.writeBigInt64LE(BigInt(Math.trunc(by)))
    writeSync(fd, bytes, 0, 8, 0)
  }
  return { gateway, shift }
}

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** What devices and the operator are told: [HTTP, CoAP, status]. The image must come whole and right meanwhile. */
async function told(gateway, coap, release) {
  const manifest = await gateway.get(`/fw/${PRODUCT}`)
  assert.equal(manifest.status, 200)
  assert.equal(manifest.headers.get('gatepost-sequence'), String(release.sequence))
  assert.equal(digest(Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())), release.sha256)
  const info = await coap.ask(`/fw/${PRODUCT}/info`, { options: [[OPTION.ACCEPT, uint(50)]] })
  assert.equal(codeName(info.code), '2.05')
  const { freshness, sequence } = JSON.parse(info.payload)
  assert.equal(sequence, release.sequence)
  return [manifest.headers.get('gatepost-freshness'), freshness, (await gateway.status()).freshness]
}

const all = (one) => (seen) => seen.every((s) => s === one)

test('wrong-clock: 1970, ten years ahead, and jumps while it runs: never falsely fresh, always serving, and new releases come', async (t) => {
  const seed = Number(process.env.CLOCK_SEED ?? 5), dice = random(seed)
  t.diagnostic(`CLOCK_SEED=${seed}`)
  const world = await makeWorld(t)
  let release = await world.publish()
  await world.finalize()
  const { gateway, shift } = await gatewayWithClock(t, world)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const coap = await openClient(Number(gateway.coap.split(':')[1]))
  t.after(() => coap.close())
  assert.ok(all('fresh')(await told(gateway, coap, release)), 'the right time')

  for (const [by, wanted] of [[-Date.now() + DAY, 'unknown'], [10 * YEAR, 'stale'], [-2 * HOUR, 'unknown'], [2 * HOUR, 'stale']]) {
    shift(by)
    await waitFor(`${wanted} at ${by} ms`, async () => {
      const seen = await told(gateway, coap, release)
      return all(wanted)(seen) || Promise.reject(new Error(seen.join(', ')))
    })
    release = await world.publish()
    await world.finalize()
    await gateway.waitRelease(PRODUCT, release.sequence, 'active')
    assert.ok(all(wanted)(await told(gateway, coap, release)), 'a proof of now does not mend the clock')
  }
  for (let i = 0; i < 40; i++) {
    const by = (dice.below(2 ** 31) - 2 ** 30) * 2000
    shift(by)
    for (const one of await told(gateway, coap, release)) assert.ok(Math.abs(by) < HOUR + 60_000 || one !== 'fresh', `${one} at ${by} ms`)
  }
  shift(0)
  await waitFor('fresh again', async () => all('fresh')(await told(gateway, coap, release)))
  await gateway.restart()
  assert.ok(all('fresh')(await told(gateway, await openClientOf(t, gateway), release)))
})

const openClientOf = async (t, gateway) => {
  const coap = await openClient(Number(gateway.coap.split(':')[1]))
  t.after(() => coap.close())
  return coap
}

test('put-back: no uplink, and the clock is put back by as much as has passed: what is stale does not become fresh', async (t) => {
  const world = await makeWorld(t)
  const release = await world.publish()
  await world.finalize()
  const { gateway, shift } = await gatewayWithClock(t, world, { config: { chain: { 'max-age': '6s' } } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const coap = await openClientOf(t, gateway)
  await waitFor('fresh', async () => {
    await world.chain.mine(1)
    return all('fresh')(await told(gateway, coap, release))
  })
  await world.chain.stop()
  // The server hears of a proof's time within five seconds: by so much may it take it for younger.
  await waitFor('twice its max-age', async () => (await gateway.status()).chain.verified.age_s >= 12)
  assert.ok(all('stale')(await told(gateway, coap, release)))
  for (const by of [-1000, -6500, -9000, -17000, -DAY]) {
    shift(by)
    for (const one of await told(gateway, coap, release)) assert.notEqual(one, 'fresh', `${by} ms`)
  }
})

test('first-start-in-1970: a gateway without a clock follows, fetches and serves; what failed ten years ahead is tried again now', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  let isDown = false
  const proxy = await startTamperProxy(t, world.source.url, { before: () => isDown && { status: 503, headers: {}, body: '' } })
  const { gateway, shift } = await gatewayWithClock(t, world, { config: { gateway: { clock: undefined }, sources: [{ name: 'own', url: proxy.url }] } })
  shift(-Date.now() + DAY)
  await gateway.restart()
  const first = await gateway.waitRelease(PRODUCT, 1, 'active')
  assert.equal(first.sequence, 1)
  const status = await gateway.status()
  assert.notEqual(status.freshness, 'fresh')
  isDown = true
  shift(10 * YEAR)
  const second = await world.publish()
  await world.finalize()
  await waitFor('a try that failed', async () => /source/.test((await gateway.release(PRODUCT, 2))?.why ?? ''))
  shift(0)
  await gateway.restart()
  isDown = false
  await gateway.waitRelease(PRODUCT, second.sequence, 'active')
})
