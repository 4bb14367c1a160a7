// kill.mjs: kill -9 of gateways under load, again and again, at random moments: of the keeper, the server, the supervisor, of all of them,
// and while they start. Several gateways stand side by side on one chain, so that hundreds of kills fit into a minute; another one is
// never killed, and shows at the end what all must show.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { assertSame, stateOf } from '../support/reorg.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'
import { OVER_REST, decide, loadUntil } from './kill-load.mjs'
import { Station } from './kill-station.mjs'
import { ASKED, AUTO, makeKillWorld, products } from './kill-world.mjs'

const CALM_MS = 400 // at most, from one kill of a gateway to the next
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))]
const figures = (list) =>
  `median ${quantile(list, 0.5).toFixed(0)}, p99 ${quantile(list, 0.99).toFixed(0)}, max ${Math.max(...list).toFixed(0)} ms (${list.length})`
const sum = (counts) => counts.reduce((all, one) => Object.fromEntries(Object.entries(one).map(([k, v]) => [k, v + (all[k] ?? 0)])), {})
// Of a hundred kills, at the least: about a third of what the quickest run had. Kills and load are both paced, and who is killed more often is asked less.
const LEAST = {
  manifests: 60, images: 30, parts: 50, blocks: 16, overCoap: 12, asDevices: 24, reported: 20, operator: 36, looks: 30,
  approve: 3, hold: 1, pin: 3, unpin: 3, token: 8, revoke: 5, seenDecisions: 40, seenPins: 8, seenTokens: 20, seenReports: 25,
}

/** There were kills of each kind, a load of each kind, and words of each kind that were looked for. */
function assertLoad(kills, counts, releases) {
  const done = Object.values(kills).reduce((a, b) => a + b), revoked = releases.filter((r) => r.isRevoked).length
  for (const [whom, n] of Object.entries(kills)) assert.ok(n >= Math.floor(done / 10), `${n} of ${done} kills of ${whom}`)
  for (const [what, least] of Object.entries(LEAST)) assert.ok(counts[what] >= Math.floor(least * done / 100), `${what}: ${counts[what]} in ${done} kills`)
  assert.ok(releases.length >= products.length + Math.floor(done / 200), `${releases.length} releases`)
  assert.ok(revoked >= Math.floor(releases.length / 40), `${revoked} revoked`)
}

const total = (station) => Object.values(station.kills).reduce((a, b) => a + b, 0)

async function torment(station, dice, isOver) {
  while (!isOver()) {
    await pause(dice.below(CALM_MS))
    await (dice.below(8) === 0 ? station.killEarly(dice) : station.kill(dice))
    // Not always: then the next kill comes while it recovers.
    if (dice.below(4) > 0) await station.look()
  }
}

/** Until it is at the newest entry and has nothing left to do. */
async function rest({ gateway, name }, world) {
  const heads = await Promise.all(products.map(async (product) => [product, (await world.registry.product(world.ids[product])).head]))
  await waitFor(`${name} to have followed`, async () => {
    const { items } = (await gateway.api('/api/v1/products')).body
    for (const [product, head] of heads) assert.equal(items.find((p) => p.product === product).head, head)
    const { items: releases } = (await gateway.api('/api/v1/releases?limit=1000')).body
    return !releases.some((r) => ['seen', 'fetching', 'ready'].includes(r.state) || r.why.includes('not final'))
  }, { deadline_ms: 60000, every_ms: 50 })
}

/** What must not depend on the way, after the operator's last words, which are the same everywhere: what some were told and did not acknowledge makes
 * no difference then. */
async function lastState(station, world) {
  const { gateway } = station
  gateway.token = station.token
  await rest(station, world)
  for (const { product, sequence } of world.truth.all().filter((r) => r.product === ASKED && !r.isRevoked))
    assert.ok(await decide(station, OVER_REST, product, sequence, sequence % 4 === 3 ? 'hold' : 'approve'), `${product} ${sequence}`)
  assert.equal((await gateway.api(`/api/v1/products/${AUTO}/unpin`, { method: 'POST', body: {} })).status, 200)
  await rest(station, world)
  return stateOf(gateway)
}

export function killedUnderLoad({ kills, stations: n = 6, seed = 1, publish_ms = 700, load_ms = 150 }) {
  test(`kill -9, ${kills} times under load: nothing acknowledged is lost, nothing wrong comes out, and no hand is needed`, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const dice = random(seed)
    const world = await makeKillWorld(t, dice)
    for (const product of products) await world.publish(product)
    await world.finalize()
    const stations = Array.from({ length: n }, (_, i) => new Station(`killed-${i}`, world))
    const calm = new Station('never-killed', world)
    await Promise.all([calm, ...stations].map((station) => station.open(t)))

    const done = () => stations.reduce((all, station) => all + total(station), 0)
    let isOver = false
    const from = performance.now()
    const around = [world.goOn(() => isOver, publish_ms), ...stations.map((station) => loadUntil(station, dice, () => isOver, load_ms))]
    await Promise.all(stations.map((station) => torment(station, dice, () => done() >= kills)))
    isOver = true
    await Promise.all(around)
    const took_s = (performance.now() - from) / 1000
    await world.finalize()
    await Promise.all(stations.map((station) => station.look({ isLast: true })))

    const counts = sum(stations.map((s) => s.witness.counts)), kinds = sum(stations.map((s) => s.kills))
    t.diagnostic(`${done()} kills in ${took_s.toFixed(0)} s: ${JSON.stringify(kinds)}`)
    t.diagnostic(`${world.truth.all().length} releases; ${JSON.stringify(counts)}`)
    t.diagnostic(`start to first byte: ${figures(stations.flatMap((s) => s.starts_ms))}`)
    t.diagnostic(`server killed to first byte: ${figures(stations.flatMap((s) => s.servers_ms))}`)
    const found = (what) => stations.flatMap((s) => s.witness[what].map((text) => `${s.name}: ${text}`))
    assert.deepEqual({ lost: found('lost'), wrong: found('wrong'), hands: found('hands') }, { lost: [], wrong: [], hands: [] })
    assertLoad(kinds, counts, world.truth.all())

    const [expected, ...states] = await Promise.all([calm, ...stations].map((station) => lastState(station, world)))
    for (const state of states) assertSame(state, expected)
    for (const station of [calm, ...stations]) {
      assert.deepEqual((await station.gateway.status()).alarms, [], station.name)
      await station.stop()
      assert.deepEqual(station.witness.hands, [], station.name)
    }
  })
}
