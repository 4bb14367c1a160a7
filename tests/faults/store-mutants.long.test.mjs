// Takes each check and each sync of src/store away in turn, and each check of what reads the cache for devices and sends it; some unit test must fail then.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { programsOf, storeMutants, storeWorkshop } from './store-mutants.mjs'

const mutants = await storeMutants()
const shop = await storeWorkshop() // the tests pass as things are

after(() => shop.close())

describe('somebody notices without', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    test(`${mutant.file} ${mutant.what}`, async () => {
      assert.ok(await shop.noticedBy(mutant, programsOf(mutant)), 'nobody notices')
    })
  }
})
