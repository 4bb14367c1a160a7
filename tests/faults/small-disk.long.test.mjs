// The rounds of small-disk.mjs in a row, 200 of them, in an order that a seed decides. DISK_ROUNDS, DISK_SEED: others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../support/random.mjs'
import { makeCard, round, rounds, stop } from './small-disk.mjs'

test('small-disk: rounds in a row, and the processes are the same ones from each start to its stop', { timeout: 3600_000 }, async (t) => {
  const seed = Number(process.env.DISK_SEED ?? 5), count = Number(process.env.DISK_ROUNDS ?? 200)
  const dice = random(seed), names = Object.keys(rounds), card = await makeCard(t)
  for (let i = 0; i < count; i++) await round(card, names[dice.below(names.length)])
  await stop(card)
  for (const name of names) assert.ok(card.rounds[name] >= Math.max(1, Math.floor(count / 20)), `${name}: ${card.rounds[name]} of ${count} rounds`)
  const sorted = card.back_ms.toSorted((a, b) => a - b)
  t.diagnostic(`DISK_SEED=${seed}: ${count} rounds ${JSON.stringify(card.rounds)}, back after ${Math.round(sorted[sorted.length >> 1])} ms (median), ${Math.round(sorted.at(-1))} ms at most; ${card.reads} looks at everything cached; ${card.reopened} starts without a database`)
})
