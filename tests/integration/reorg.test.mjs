// reorg.test.mjs: whatever a reorg replaces, a gateway that saw both branches holds what one that saw only the last one does.
import { test } from 'node:test'
import { forkAll, makeForkWorld, startPair } from '../support/reorg.mjs'

// reorg.long.test.mjs has every depth and twenty seeds of each.
const CASES = [[1, 1], [2, 2], [3, 3], [8, 4], [32, 5], [64, 6]]

test('reorg: depths of 1 to 64 blocks, one after another, each with the state of a clean run', async (t) => {
  const world = await makeForkWorld(t)
  await forkAll(t, world, await startPair(t, world), CASES)
})
