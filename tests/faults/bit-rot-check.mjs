// bit-rot-check.mjs: what must hold of bit-rot.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitRot, QUIET } from './bit-rot.mjs'

// Of a thousand faults, at the least.
const READS = { whole: 500, range: 500, car: 500, raw: 500, coap: 50, manifest: 500, states: 250 }
const WORDS = { report: 50, group: 50, pin: 50, decision: 50, token: 40 }
// A quarter of what the dice give each: what is being mended cannot rot at the same time.
const FILES = { image: 68, digests: 17, blocks: 34, floor: 17, entries: 17, catalog: 17, own: 17, database: 31, wal: 31 }
const KINDS = ['flip', 'zero', 'truncate']

const atLeast = (least, of, n, what) => assert.ok(n >= Math.floor(least * of / 1000), `${what}: ${n} in ${of} faults`)

/** Somebody read in each way, told of each thing, and each file has rotted in each way. */
function assertLoad({ faults, reads, acknowledged, did }) {
  for (const [how, least] of Object.entries(READS)) atLeast(least, faults, reads[how], how)
  for (const [thing, least] of Object.entries(WORDS)) atLeast(least, faults, acknowledged[thing], `acknowledged ${thing}`)
  for (const [file, least] of Object.entries(FILES)) {
    const of = KINDS.map((kind) => did[`${file} ${kind}`] ?? 0)
    atLeast(least, faults, of.reduce((a, b) => a + b), file)
    of.forEach((n, i) => atLeast(2, faults, n, `${file} ${KINDS[i]}`))
  }
}

export function checkBitRot({ faults, seed, timeout }) {
  test(`bit rot: ${faults} faults in all files under load, seed ${seed}: no wrong byte out, nothing lost, all found and mended`, { timeout }, async (t) => {
    const result = await bitRot(t, { faults, seed }), { found, quiet, alone, rebuilt } = result
    assert.equal(result.faults, faults)
    assertLoad(result)
    // Under load readers, or the next catalog, may have been faster; with nobody there each fault was found (bit-rot.mjs).
    for (const what of ['image', 'floor']) assert.ok(found[what] > 0, `${what}: a verification found some`)
    for (const what of QUIET) assert.ok((quiet[what] ?? 0) >= Math.floor(alone / QUIET.length), `${what}: found alone`)
    assert.ok(alone >= Math.floor(faults / 60), `${alone} of ${faults} faults were alone`)
    assert.ok(rebuilt > 0, 'the database was made again')
  })
}
