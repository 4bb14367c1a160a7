// A card of 32 MiB: full, read-only, back again; started like that; images that do not fit (small-disk.mjs).
import { test } from 'node:test'
import { makeCard, round, rounds, stop } from './small-disk.mjs'

test('small-disk: never ends, serves what it has, says what is wrong, and is itself again within 30 s', async (t) => {
  const card = await makeCard(t)
  for (const name of Object.keys(rounds)) await t.test(name, () => round(card, name))
  await stop(card)
  t.diagnostic(`back after ${card.back_ms.map((ms) => Math.round(ms)).join(', ')} ms; ${card.reads} looks at everything cached`)
})
