// every-call.long.test.mjs: every site of the scenario fails, each with each of its errors: at the start and in the first sync one at a time in a run
// of its own from an empty state, later in a gateway that lives on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEEPER, RESOLVER, SERVER, SUPERVISOR, live, makeBench, marksOf, namesOf, once } from './every-call.mjs'
import { SLOTS } from './shim.mjs'

const ROUNDS = 4 // as many errors as a class has

function tell(t, b, told) {
  for (const s of SLOTS) {
    const by = {}
    for (const site of b.shim.sites(s)) by[site.class] = (by[site.class] ?? 0) + 1
    t.diagnostic(`${s}: ${b.shim.get(s, 'sites_n')} sites, ${b.shim.fired(s)} failed; sites ${JSON.stringify(by)}; calls ${JSON.stringify(b.shim.calls(s))}`)
    assert.equal(b.shim.get(s, 'sites_lost'), 0, 'there was room for all sites')
  }
  t.diagnostic(JSON.stringify(told))
}

for (let round = 0; round < ROUNDS; round++) {
  for (const slot of [SUPERVISOR, RESOLVER, SERVER, KEEPER]) {
    test(`${slot}, error ${round + 1}: each call fails once, in a run of its own`, async (t) => {
      const b = await makeBench(t)
      const told = { runs: 0, failedStarts: 0, libraryEnds: 0 }
      b.shim.nextPass()
      for (let idle = 0; idle < 2; told.runs++) {
        const from = marksOf(b.shim)
        // A class with fewer errors has failed with all of them already.
        b.shim.sweep(slot, { budget: 1, round, classes: b.shim.classesWith(round) })
        try {
          const one = await once(t, b)
          told.failedStarts += one.failedStarts
          told.libraryEnds += one.libraryEnds
        } catch (error) {
          throw new Error(`${(await namesOf(b.shim, from)).join('\n')}\n${error.message}`)
        } finally {
          b.shim.off()
        }
        idle = b.shim.fired(slot) > from[slot] ? 0 : idle + 1
      }
      tell(t, b, told)
    })
  }

  test(`a gateway that lives through everything, error ${round + 1}`, async (t) => {
    const b = await makeBench(t)
    b.shim.nextPass()
    const told = await live(t, b, { seconds: 1800, arm(shim) {
      for (const s of [KEEPER, SERVER]) shim.sweep(s, { budget: 8, gap_ms: 20, round, classes: shim.classesWith(round) })
      for (const s of [SUPERVISOR, RESOLVER]) shim.sweep(s, { budget: 1, round, classes: shim.classesWith(round) })
    } })
    tell(t, b, told)
    assert.ok(told.faults > 0)
  })
}
