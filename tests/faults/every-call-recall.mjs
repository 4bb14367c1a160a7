// every-call-recall.mjs: a gateway that comes back from its second copy (store/owncopy.h) while calls fail.
import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startGateway } from '../support/gateway.mjs'
import { PRODUCT } from '../support/world.mjs'
import { KEEPER, makeBench, marksOf, once, report } from './every-call.mjs'

const OURS = / (own|owncopy|ownlog)\w*\.c:| owncopy| keeper_recall/

/** A bench, and beside it a state directory without a database, of a gateway that was told something. */
async function makeLost(t) {
  const b = await makeBench(t), kept = join(b.world.dir, 'kept'), hooks = []
  const gateway = await startGateway({ after: (fn) => hooks.push(fn) }, { dir: b.dir, conf: b.world.config({ dir: b.dir, product: { keep: 3 } }) })
  await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.equal(await report(gateway, 'kept', 2), 204)
  assert.equal((await gateway.cli('pin', PRODUCT)).code, 0)
  await gateway.stop()
  for (const hook of hooks) await hook()
  await rm(join(b.dir, 'run'), { recursive: true })
  await cp(b.dir, kept, { recursive: true })
  for (const file of ['gatepost.db', 'gatepost.db-wal']) await rm(join(kept, 'state', file), { force: true })
  return { ...b, kept }
}

async function recall(t, b) {
  await rm(b.dir, { recursive: true, force: true })
  await cp(b.kept, b.dir, { recursive: true })
  return once(t, b, { keep: true, async also(gateway) {
    const device = (await gateway.ask('devices')).items.find((d) => d.device === 'kept')
    assert.deepEqual([device?.state, device?.sequence], ['installed', 2], 'what the device was told is kept')
    assert.ok((await gateway.ask('products')).items[0].pinned, 'and what the operator was')
  } })
}

/** Each call of the recall (`part`: every so many-th, from `first` on) fails once, alone, in each of `rounds`. Gives the count. */
export async function recalls(t, { part = 1, first = 0, rounds = [0] } = {}) {
  const b = await makeLost(t), sites = []
  b.shim.record(KEEPER)
  await recall(t, b)
  b.shim.off()
  for (const site of b.shim.sites(KEEPER)) if (OURS.test(await b.shim.name(site))) sites.push(site)
  assert.ok(sites.length > 50, `${sites.length} sites`)
  const guilty = []
  let failed = 0
  for (const round of rounds) {
    b.shim.nextPass()
    for (const site of sites.filter((s, i) => i % part === first % part && b.shim.classesWith(round).includes(s.class))) {
      const from = marksOf(b.shim)
      b.shim.sweep(KEEPER, { only: site.hash, classes: [site.class], round })
      try {
        await recall(t, b)
      } catch (error) {
        guilty.push(`${await b.shim.name(site)}, error ${round + 1}: ${error.message}`)
      } finally {
        b.shim.off()
      }
      failed += b.shim.fired(KEEPER) - from[KEEPER]
    }
  }
  assert.equal(guilty.length, 0, guilty.join('\n\n'))
  return { sites: sites.length, failed }
}
