// power-cut-syncs.long.test.mjs: each sync of the store, and each of SQLite's that it asks for, is missed by power-cut.mjs when it is not there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIVES } from './power-cut-lives.mjs'
import { missingSyncs } from './power-cut-syncs.mjs'

// The state directory, which SQLite, who makes `objects` and who sets a database aside sync, is synced by others as well before anything is told; of SQLite's first
// journal nothing depends on the sync.
// The second copy (owncopy) is for rot: after a cut the database has all of it.
const WANTED = /^store\/(?!blobdir\.c: open_objects|store\.c: store_set_aside|owncopy)|^SQLite: gatepost\.db(-wal)?$/

test('a sync that is taken out of a recorded life is noticed', async (t) => {
  const noticed = new Set(), alive = new Set(), seed = Number(process.env.POWER_CUT_SEED ?? 1)
  for (const [name, life] of Object.entries(LIVES)) {
    const only = { test: (site) => WANTED.test(site) && !noticed.has(site) }
    for (const found of await missingSyncs(t, { life, states: 300, seed, only })) {
      t.diagnostic(`${name}: ${found.site}: ${found.noticed ? `${found.noticed.state}: ${found.noticed.problems[0].split('\n')[0]}` : 'not noticed'} (${found.states} states)`)
      if (found.noticed) noticed.add(found.site)
      else alive.add(found.site)
    }
  }
  assert.deepEqual([...alive].filter((site) => !noticed.has(site)), [])
  assert.ok(noticed.size >= 10, `${noticed.size} syncs`)
})
