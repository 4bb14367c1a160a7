// What the long tier takes away still stands in the sources: a change of those that forgets the rows is noticed here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainMutants } from './chain-mutants.mjs'

test('chain-mutants: every row stands in the sources once, and every file is there', async () => {
  const mutants = await chainMutants()
  assert.ok(mutants.length > 800, `${mutants.length} mutants`)
  assert.ok(mutants.every(({ file }) => /^src\/(chain|formats)\//.test(file)))
  for (const name of ['trie', 'header', 'rlp', 'keccak', 'abi']) assert.ok(mutants.some(({ file }) => file === `src/formats/${name}.c`), name)
})
