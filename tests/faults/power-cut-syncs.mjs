// power-cut-syncs.mjs: does power-cut.mjs notice when a sync is missing? A sync changes nothing but what a cut may leave, so a sync that is
// taken out of the record of a life is one that is taken out of the program. Each call in the source in turn (SQLite's: each file that it
// syncs), until a state shows it.
//	node power-cut-syncs.mjs [STATES [SEED [ONLY [mended | alone]]]]
import { fileURLToPath } from 'node:url'
import { program } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { syncsOf } from './disk-states.mjs'
import { cutPower } from './power-cut.mjs'
import { LIVES } from './power-cut-lives.mjs'

const SUBSETS = 4 // the names of a first pair of floor files, and the second one's bytes
const HELPERS = new Set(['sync_file', 'sync_one']) // each caller's sync is one of its own

/** 'store/floor.c: write_slot, line 312' of 'gatepost-keeper+0x1234'; what SQLite syncs is known by its place. */
async function siteOf({ caller, place }) {
  const [module, address] = caller.split('+')
  if (!module.startsWith('gatepost')) return `SQLite: ${place}`
  const before = `0x${(Number(address) - 1).toString(16)}` // the call, not what is after it
  const { stdout } = await run('addr2line', ['-f', '-e', program(module), before]), [name, where] = stdout.trim().split('\n')
  const [, file, line] = /src\/([^:]+):(\d+)/.exec(where) ?? [null, where, '?']
  const who = HELPERS.has(name) ? ` for ${place.replace(/ after .*/, '')}` : ''
  return `${file}: ${name}, line ${line}${who}`
}

async function sites(life) {
  const known = new Map(), all = []
  for (const sync of syncsOf(life.records, life.rootIno)) {
    const is_ours = sync && sync.caller !== '' // or the recording's, of what somebody else did to the disk
    const key = is_ours && JSON.stringify(sync)
    if (is_ours && !known.has(key)) known.set(key, await siteOf(sync))
    all.push(is_ours ? known.get(key) : undefined)
  }
  return all
}

/** [{ site, times, states, noticed }], of each call that syncs something; `noticed`: the first problem, null: none in so many states. */
export async function missingSyncs(t, { states, seed, log, only = /^/, life: live = LIVES.first }) {
  const life = await live(t), all = await sites(life), found = []
  for (const site of [...new Set(all)].filter((s) => s && only.test(s)).sort()) {
    const records = life.records.map((r, i) => all[i] === site ? { ...r, op: 'nothing' } : r)
    const result = await cutPower({ ...life, records }, life.world.dir, { states, seed, subsets: SUBSETS, chain_every: Infinity, fail_fast: true })
    found.push({ site, times: all.filter((s) => s === site).length, states: result.states, noticed: result.failures[0] ?? null })
    log?.(JSON.stringify(found.at(-1)))
  }
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [states = 400, seed = 1] = process.argv.slice(2, 4).map(Number), [only = '', name = 'first'] = process.argv.slice(4), ends = []
  const life = LIVES[name]
  try {
    await missingSyncs({ after: (fn) => ends.unshift(fn) }, { states, seed, log: console.log, only: new RegExp(only), life })
  } finally {
    for (const end of ends) await end()
  }
}
