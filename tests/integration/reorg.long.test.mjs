// reorg.long.test.mjs: reorgs of every depth from 1 to 64, twenty seeds of each; see reorg.test.mjs.
import { describe, test } from 'node:test'
import { forkAll, makeForkWorld, startPair } from '../support/reorg.mjs'

const DEPTHS = 64
const SEEDS = 20
const LANES = 3 // chains side by side: a case is mostly waiting for the next poll

// A chain of its own for each depth: histories stay short, and a failure says where to look.
describe('reorg', { concurrency: LANES }, () => {
  for (let depth = 1; depth <= DEPTHS; depth++) {
    test(`reorg: ${SEEDS} of depth ${depth}, each with the state of a clean run`, async (t) => {
      const world = await makeForkWorld(t)
      await forkAll(t, world, await startPair(t, world), Array.from({ length: SEEDS }, (_, i) => [depth, 1000 * depth + i]))
    })
  }
})
