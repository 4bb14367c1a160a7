// power-cut-check.mjs: what must hold of power-cut.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from './disk-states.mjs'
import { cutPower } from './power-cut.mjs'
import { cutAgain } from './power-cut-again.mjs'
import { LIVES } from './power-cut-lives.mjs'

const all = { once: new Set(), twice: new Set() } // disks of all lives that were cut here, by their hashes

/**
 * `states` of one life, and `twice`: { lives, states }, disks whose daemon is cut again while it puts them right. `least`: { once, twice }, how many
 * disks there must be, where subsets give more than was asked for. `nth`: the lives of a long run differ. POWER_CUT_SEED: another seed.
 */
export function checkPowerCuts({ life: name, states, twice = { lives: 0, states: 0 }, least = { once: states, twice: twice.lives * twice.states }, nth = 1, ...more }) {
  const seed = Number(process.env.POWER_CUT_SEED ?? 1) + nth - 1
  test(`${name} life, ${states} states of its disk after power cuts (seed ${seed}): ready by itself, nothing acknowledged lost, nothing wrong served`, async (t) => {
    const life = await LIVES[name](t), options = { seed, chain_every: 50, ...more }
    const once = await cutPower(life, life.world.dir, { states, ...options })
    const again = await cutAgain(life, life.world.dir, { ...twice, ...options })
    t.diagnostic(JSON.stringify({ records: life.records.length, once: { ...once, failures: undefined, hashes: undefined }, twice: { ...again, failures: undefined, hashes: undefined } }))
    assert.deepEqual([...once.failures, ...again.failures].slice(0, 10), [])
    assert.ok(once.states >= least.once, `${once.states} different states`)
    assert.ok(again.states >= least.twice, `${again.states} different states after two cuts`)
    assert.ok(once.with_chain >= states / 50)
    assert.ok(once.again >= Math.floor(states / 10))
    for (const kind of KINDS) assert.ok(once.by_kind[kind] > 0, kind)
    for (const hash of once.hashes) all.once.add(hash)
    for (const hash of again.hashes) all.twice.add(hash)
  })
}

/** After all of them: so many disks, no two of which are the same. */
export function checkSum({ once, twice }) {
  test(`in all lives ${once} different disks after a power cut, and ${twice} after two`, (t) => {
    t.diagnostic(`${all.once.size} and ${all.twice.size}`)
    assert.ok(all.once.size >= once, `${all.once.size} different disks`)
    assert.ok(all.twice.size >= twice, `${all.twice.size} different disks after two cuts`)
  })
}
