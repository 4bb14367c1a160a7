// bit-rot.long.test.mjs: 10,000 faults under load, in four runs of their own seeds. BIT_ROT_SEED is the first.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitRot } from './bit-rot.mjs'

const RUNS = 4, faults = Number(process.env.BIT_ROT_FAULTS ?? 10000) / RUNS, seed = Number(process.env.BIT_ROT_SEED ?? 100)

for (let i = 0; i < RUNS; i++) {
  test(`bit rot: ${faults} faults in all files under load, seed ${seed + i * 2}: no wrong byte out, nothing lost, all found and mended`, { timeout: 3600000 }, async (t) => {
    const { faults: done, found, rebuilt } = await bitRot(t, { faults, seed: seed + i * 2 })
    assert.equal(done, faults)
    for (const what of ['image', 'floor']) assert.ok(found[what] > 0, `${what}: a verification found some`)
    assert.ok(rebuilt > 0, 'the database was made again')
  })
}
