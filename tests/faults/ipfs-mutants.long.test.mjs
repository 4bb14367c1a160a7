// Takes each check of src/ipfs, of the formats below it and of the fetch engine away in turn; some unit test must fail then.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ipfsMutants, ipfsWorkshop, programsOf } from './ipfs-mutants.mjs'

const mutants = await ipfsMutants()
const shop = await ipfsWorkshop() // the tests pass as things are

after(() => shop.close())

describe('somebody notices without', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    test(`${mutant.file} ${mutant.what}`, async () => {
      assert.ok(await shop.noticedBy(mutant, programsOf(mutant)), 'nobody notices')
    })
  }
})
