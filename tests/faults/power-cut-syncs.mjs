// power-cut-syncs.mjs: does power-cut.mjs notice when a sync is missing? A sync changes nothing but what a cut may leave: taking it out of the
// record of a life is taking it out of the program. Each place in turn, until a state shows it.
//	node power-cut-syncs.mjs [STATES [SEED]]
import { fileURLToPath } from 'node:url'
import { syncsOf, withoutSync } from './disk-states.mjs'
import { cutPower } from './power-cut.mjs'
import { record } from './power-cut-record.mjs'

/** [{ place, times, states, noticed }], of each place where something is synced; `noticed`: the first problem. */
export async function missingSyncs(t, { states, seed, log, only = () => true }) {
  const life = await record(t, { log }), syncs = syncsOf(life.records, life.rootIno), found = []
  for (const place of [...new Set(syncs)].filter((p) => p !== undefined && only(p))) {
    const without = { ...life, records: withoutSync(life.records, syncs, place) }
    const result = await cutPower(without, life.world.dir, { states, seed, chain_every: Infinity, fail_fast: true })
    found.push({ place, times: syncs.filter((p) => p === place).length, states: result.states, noticed: result.failures[0] ?? null })
    log?.(JSON.stringify(found.at(-1)))
  }
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const only = process.argv[4] && new RegExp(process.argv[4])
  const [states = 400, seed = 1] = process.argv.slice(2).map(Number), ends = []
  try {
    await missingSyncs({ after: (fn) => ends.unshift(fn) }, { states, seed, log: console.log })
  } finally {
    for (const end of ends) await end()
  }
}
