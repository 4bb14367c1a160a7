// bit-rot.test.mjs: 500 faults under load. BIT_ROT_SEED and BIT_ROT_FAULTS are for other runs than the usual one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitRot } from './bit-rot.mjs'

const faults = Number(process.env.BIT_ROT_FAULTS ?? 500), seed = Number(process.env.BIT_ROT_SEED ?? 1)

test(`bit rot: ${faults} faults in all files under load: no wrong byte out, nothing lost, all found and mended`, { timeout: 600000 }, async (t) => {
  const { faults: done, reads, found, rebuilt, acknowledged } = await bitRot(t, { faults, seed })
  assert.equal(done, faults)
  for (const how of ['whole', 'range', 'car', 'raw', 'coap', 'manifest', 'states']) assert.ok(reads[how] > 0, `${how}: somebody read`)
  // Of the rest readers, or the next catalog, may have been faster.
  for (const what of ['image', 'floor']) assert.ok(found[what] > 0, `${what}: a verification found some`)
  assert.ok(rebuilt > 0, 'the database was made again')
  assert.ok(acknowledged > 50, `${acknowledged} words of the operator and devices were acknowledged`)
})
