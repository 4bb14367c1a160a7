// Takes each check of the keeper's cache logic away in turn; some unit test, or a story with the mutant as the real keeper, must fail then.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { keeperMutants, keeperWorkshop, programsOf, storiesOf } from './keeper-mutants.mjs'

const mutants = await keeperMutants()
const shop = await keeperWorkshop() // the tests pass as things are

after(() => shop.close())

describe('somebody notices without', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    test(`${mutant.file} ${mutant.what}`, async () => {
      assert.ok(await shop.noticedBy(mutant, programsOf(mutant), storiesOf(mutant)), 'nobody notices')
    })
  }
})
