// every-call.long.test.mjs: every site of the scenarios fails, each with each of its errors: from an empty state, and in what a gateway does for its store
// (every-call-upkeep.mjs), a few in a run (every-call-sweep.mjs); later in a gateway that lives on. A site that runs without faults meet has to have failed.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KEEPER, RESOLVER, SERVER, SUPERVISOR, learnHeld, live, makeBench } from './every-call.mjs'
import { recalls } from './every-call-recall.mjs'
import { metPlainly, sweepAll } from './every-call-sweep.mjs'
import { makeUpkeepBench, upkeep } from './every-call-upkeep.mjs'
import { SLOTS, laneOf } from './shim.mjs'

const ROUNDS = 4 // as many errors as a class has
const note = (text) => console.error(text) // hours: where it is

async function tell(t, b, { left = [], unfailed, guilty = [], ...told }) {
  for (const s of SLOTS) {
    const by = {}
    for (const site of b.shim.sites(s)) by[site.class] = (by[site.class] ?? 0) + 1
    t.diagnostic(`${s}: ${b.shim.get(s, 'sites_n')} sites, ${b.shim.fired(s)} failed; sites ${JSON.stringify(by)}; calls ${JSON.stringify(b.shim.calls(s))}`)
    assert.equal(b.shim.get(s, 'sites_lost'), 0, 'there was room for all sites')
  }
  t.diagnostic(JSON.stringify(told))
  for (const site of left) t.diagnostic(`not met again: ${await b.shim.name(site)}`)
  assert.equal(guilty.length, 0, guilty.map((g) => `${g.names.join('\n')}\n${g.message}`).join('\n\n'))
  assert.ok(told.plain > 0, 'runs without faults meet some')
  assert.deepEqual(await Promise.all(unfailed.map((s) => b.shim.name(s))), [], 'each site that runs without faults meet has failed')
}

test('a lost database: each call of what brings back what is kept twice fails once, with each error', async (t) => {
  const { sites, failed } = await recalls(t, { rounds: Array.from({ length: ROUNDS }, (_, i) => i) })
  t.diagnostic(`${sites} sites, ${failed} failed`)
  assert.ok(failed >= sites / 2)
})

const BUDGET = { [KEEPER]: 8, [SERVER]: 3 }
const BEHIND = 100 // runs among what only failures lead to, and each leads to more
const LANES = 3 // of a store's upkeep, each with its share of the sites: a run waits more than it works

/** One lane of a store's upkeep. The sweep from an empty state fails what that meets, the other lanes what is theirs. */
async function sweepUpkeep(t, round, lane) {
  const b = await makeUpkeepBench(t)
  const spared = await metPlainly(t, { ...b, conf: undefined })
  await learnHeld(t, b, { scenario: upkeep })
  const plain = await metPlainly(t, b, upkeep)
  for (const key of plain) if (laneOf(key, LANES) !== lane) spared.add(key)
  const say = (text) => note(`lane ${lane}: ${text}`)
  return [b, await sweepAll(t, b, { round, classes: b.shim.classesWith(round), budget: BUDGET, scenario: upkeep, plain, spared, behind: BEHIND / LANES, note: say })]
}

for (let round = 0; round < ROUNDS; round++) {
  test(`error ${round + 1}: each call fails once, a few in a run, from an empty state`, async (t) => {
    const b = await makeBench(t)
    await learnHeld(t, b)
    const plain = await metPlainly(t, b)
    await tell(t, b, await sweepAll(t, b, { round, classes: b.shim.classesWith(round), budget: BUDGET, plain, behind: BEHIND, note }))
  })

  describe(`error ${round + 1}: each call of a store's upkeep fails once, a few in a run`, { concurrency: LANES }, () => {
    for (let lane = 0; lane < LANES; lane++) test(`lane ${lane}`, async (t) => tell(t, ...await sweepUpkeep(t, round, lane)))
  })

  test(`a gateway that lives through everything, error ${round + 1}`, async (t) => {
    const b = await makeBench(t)
    const classes = b.shim.classesWith(round)
    b.shim.nextPass()
    const told = await live(t, b, { seconds: 1800, classes, arm(shim) {
      for (const s of [KEEPER, SERVER]) shim.sweep(s, { budget: 3, gap_ms: 20, round, classes })
      for (const s of [SUPERVISOR, RESOLVER]) shim.sweep(s, { budget: 1, round, classes })
    } })
    await tell(t, b, told)
    assert.ok(told.faults > 0)
  })
}
