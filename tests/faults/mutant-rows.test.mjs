// What the long tier takes away still stands in the sources: a change of those that forgets the rows is noticed here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainMutants } from './chain-mutants.mjs'
import { ipfsMutants } from './ipfs-mutants.mjs'
import { keeperMutants } from './keeper-mutants.mjs'
import { storeMutants } from './store-mutants.mjs'

test('chain-mutants: every row stands in the sources once, and every file is there', async () => {
  const mutants = await chainMutants()
  assert.ok(mutants.length > 800, `${mutants.length} mutants`)
  assert.ok(mutants.every(({ file }) => /^src\/(chain|formats)\//.test(file)))
  for (const name of ['trie', 'header', 'rlp', 'keccak', 'abi']) assert.ok(mutants.some(({ file }) => file === `src/formats/${name}.c`), name)
})

test('ipfs-mutants: every row stands in the sources once, and every file is there', async () => {
  const mutants = await ipfsMutants()
  assert.ok(mutants.length > 250, `${mutants.length} mutants`)
  for (const name of ['formats/car', 'formats/unixfs', 'ipfs/plan', 'ipfs/intake', 'ipfs/source_reply', 'keeper/fetch_end', 'keeper/fetch_lane']) {
    assert.ok(mutants.some(({ file }) => file === `src/${name}.c`), name)
  }
})

test('store-mutants: every row stands in the sources once, and every file is there', async () => {
  const mutants = await storeMutants()
  assert.ok(mutants.length > 550, `${mutants.length} mutants`)
  const syncs = mutants.filter(({ what }) => /sync/.test(what))
  assert.ok(syncs.length > 25, `${syncs.length} of syncs`)
  for (const name of ['store/blob_finish', 'store/blobdir', 'store/floor', 'store/durable', 'store/db', 'store/pagesum', 'catalog/check', 'server/objects_read', 'server/blocks', 'server/httpd_reply', 'server/range']) {
    assert.ok(mutants.some(({ file }) => file === `src/${name}.c`), name)
  }
})

test('keeper-mutants: every row stands in the sources once, and every file is there', async () => {
  const mutants = await keeperMutants()
  assert.ok(mutants.length > 550, `${mutants.length} mutants`)
  for (const name of ['degraded', 'keeper_disk', 'keeper_images', 'scrubber', 'verify', 'catalogs', 'settle', 'keeper_own', 'entryfiles', 'devices', 'backup', 'keeper_server', 'keeper_start']) {
    assert.ok(mutants.some(({ file }) => file === `src/keeper/${name}.c`), name)
  }
})
