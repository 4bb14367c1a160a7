// power-cut-check.mjs: what must hold of power-cut.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from './disk-states.mjs'
import { powerCuts } from './power-cut.mjs'
import { recordAlone, recordMended } from './power-cut-lives.mjs'
import { record } from './power-cut-record.mjs'

const LIVES = { first: record, mended: recordMended, alone: recordAlone }

/** `states` of one life; `nth`: the lives of a long run differ. POWER_CUT_SEED: another seed. */
export function checkPowerCuts({ life, states, nth = 1, ...more }) {
  const seed = Number(process.env.POWER_CUT_SEED ?? 1) + nth - 1
  test(`${life} life, ${states} states of its disk after power cuts (seed ${seed}): ready by itself, nothing acknowledged lost, nothing wrong served`, async (t) => {
    const result = await powerCuts(t, { life: LIVES[life], states, seed, chain_every: 50, ...more })
    t.diagnostic(JSON.stringify({ ...result, failures: undefined }))
    assert.deepEqual(result.failures.slice(0, 10), [])
    assert.ok(result.states >= states, `${result.states} different states`)
    assert.ok(result.with_chain >= states / 50)
    assert.ok(result.again >= Math.floor(states / 10))
    for (const kind of KINDS) assert.ok(result.by_kind[kind] > 0, kind)
  })
}
