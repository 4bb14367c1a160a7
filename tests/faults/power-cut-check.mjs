// power-cut-check.mjs: what must hold of power-cut.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from './disk-states.mjs'
import { powerCuts } from './power-cut.mjs'

export function checkPowerCuts({ states, chain_every, life = 1 }) {
  const seed = Number(process.env.POWER_CUT_SEED ?? 1) + life - 1
  test(`${states} states of a disk after power cuts (seed ${seed}): ready by itself, nothing acknowledged lost, nothing wrong served`, async (t) => {
    const result = await powerCuts(t, { states, chain_every, seed })
    t.diagnostic(JSON.stringify({ ...result, failures: undefined }))
    assert.deepEqual(result.failures.slice(0, 10), [])
    assert.ok(result.states >= states, `${result.states} different states`)
    assert.ok(result.with_chain >= states / chain_every)
    for (const kind of KINDS) assert.ok(result.by_kind[kind] > 0, kind)
  })
}
