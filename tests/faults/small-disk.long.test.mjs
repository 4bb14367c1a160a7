// The rounds of small-disk.mjs in a row, 200 of them, in an order that a seed decides.
import { test } from 'node:test'
import { random } from '../support/random.mjs'
import { makeCard, round, rounds } from './small-disk.mjs'

test('small-disk: 200 rounds', { timeout: 3600_000 }, async (t) => {
  const seed = Number(process.env.DISK_SEED ?? 5), count = Number(process.env.DISK_ROUNDS ?? 200)
  const dice = random(seed), names = Object.keys(rounds), card = await makeCard(t)
  for (let i = 0; i < count; i++) await round(card, names[dice.below(names.length)])
  const sorted = card.back_ms.toSorted((a, b) => a - b)
  t.diagnostic(`DISK_SEED=${seed}: ${count} rounds, back after ${Math.round(sorted[sorted.length >> 1])} ms (median), ${Math.round(sorted.at(-1))} ms at most; ${card.reads} looks at everything cached`)
})
