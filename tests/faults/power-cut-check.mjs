// power-cut-check.mjs: what must hold of power-cut.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from './disk-states.mjs'
import { cutPower } from './power-cut.mjs'
import { cutAgain } from './power-cut-again.mjs'
import { LIVES } from './power-cut-lives.mjs'

/**
 * `states` of one life, and `twice`: { lives, states }, disks whose daemon is cut again while it puts them right. `nth`: the lives of a long
 * run differ. POWER_CUT_SEED: another seed.
 */
export function checkPowerCuts({ life: name, states, twice = { lives: 0, states: 0 }, nth = 1, ...more }) {
  const seed = Number(process.env.POWER_CUT_SEED ?? 1) + nth - 1
  test(`${name} life, ${states} states of its disk after power cuts (seed ${seed}): ready by itself, nothing acknowledged lost, nothing wrong served`, async (t) => {
    const life = await LIVES[name](t), options = { seed, chain_every: 50, ...more }
    const once = await cutPower(life, life.world.dir, { states, ...options })
    const again = await cutAgain(life, life.world.dir, { ...twice, ...options })
    t.diagnostic(JSON.stringify({ records: life.records.length, once: { ...once, failures: undefined }, twice: { ...again, failures: undefined } }))
    assert.deepEqual([...once.failures, ...again.failures].slice(0, 10), [])
    assert.ok(once.states >= states, `${once.states} different states`)
    assert.ok(again.states >= twice.lives * twice.states, `${again.states} different states after two cuts`)
    assert.ok(once.with_chain >= states / 50)
    assert.ok(once.again >= Math.floor(states / 10))
    for (const kind of KINDS) assert.ok(once.by_kind[kind] > 0, kind)
  })
}
