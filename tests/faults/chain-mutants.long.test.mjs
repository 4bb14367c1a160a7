// Takes each check of src/chain, and of what it trusts in src/formats, away in turn; some test of tests/unit must fail then.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { chainMutants, chainWorkshop, programsOf } from './chain-mutants.mjs'

const mutants = await chainMutants()
const shop = await chainWorkshop() // the tests pass as things are

after(() => shop.close())

describe('somebody notices without', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    test(`${mutant.file} ${mutant.what}`, async () => {
      assert.ok(await shop.noticedBy(mutant, programsOf(mutant)), 'nobody notices')
    })
  }
})
