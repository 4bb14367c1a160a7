// every-call-upkeep.mjs: the second scenario in which calls fail: what a gateway does for its store. It starts without its database and takes its objects in
// again, finds a damaged image and mends it, verifies, scrubs, lets an image go, gives out a bundle and takes it, backs up; then the backup is restored.
import assert from 'node:assert/strict'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { PRODUCT } from '../support/world.mjs'
import { KEEPER, Wrong, makeBench, patient, read, runOf } from './every-call.mjs'

// What a command line that failed left half fetched stands in the way for 60 s: asked more seldom.
const FORGOTTEN = { deadline_ms: 150000, every_ms: 100 }
const objectOf = (b, { sha256 }) => join(b.dir, 'state', 'objects', sha256.slice(0, 2), sha256)

/** A bench, and beside it the state directory, without a database, of a gateway that had three releases; the oldest is not needed any more. */
export async function makeUpkeepBench(t) {
  const b = await makeBench(t, { releases: 3 }), hooks = []
  const conf = (keep) => b.world.config({ dir: b.dir, product: { keep }, config: { cache: { 'scrub-interval': '1s' } } })
  const gateway = await startGateway({ after: (fn) => hooks.push(fn) }, { dir: b.dir, conf: conf(3) })
  for (const { sequence } of b.published) await gateway.waitRelease(PRODUCT, sequence, 'active', 'superseded')
  assert.equal((await gateway.cli('pin', PRODUCT)).code, 0)
  await gateway.stop()
  for (const hook of hooks) await hook()
  await rm(join(b.dir, 'run'), { recursive: true })
  for (const file of ['gatepost.db', 'gatepost.db-wal']) await rm(join(b.dir, 'state', file), { force: true })
  const kept = join(b.world.dir, 'kept')
  await cp(b.dir, kept, { recursive: true })
  return { ...b, kept, conf: conf(1) }
}

async function damage(file) {
  const bytes = await readFile(file)
  bytes[4097] ^= 1
  await writeFile(file, bytes, { flag: 'r+' })
}

const stateOf = async (gateway, { sha256 }) => (await gateway.ask('images')).items.find((i) => i.sha256 === sha256)?.state

/** gatepost restore of a stopped gateway, again and again until nothing fails any more. Whatever fails says so and ends by itself; settle: of runOf. */
async function restore(b, file, settle) {
  const [command, ...args] = b.shim.host.enter, conf = join(b.dir, 'gatepost.conf'), crashes = b.shim.get(KEEPER, 'crashes_n')
  const said = await patient('the restore', async () => {
    const r = await run(command, [...args, program('gatepost'), 'restore', file, '-c', conf, '--json'])
    settle()
    for (const c of b.shim.crashes(KEEPER, crashes)) {
      const at = await b.shim.stack(c)
      if (!/ make_program filter\.c/.test(at)) throw new Wrong(`restore: signal ${c.signal} at ${at}`) // that process is there for it
    }
    if (r.code !== 0 && !r.stderr.trim()) throw new Wrong(`restore ended with ${r.code} and said nothing`)
    if (r.code !== 0) throw new Error(r.stderr)
    return JSON.parse(r.stdout)
  })
  if (said.database !== 'replaced') throw new Wrong(`restored: ${JSON.stringify(said)}`)
}

/** The steps of a gateway that lives. Gives the backup. */
async function keepUp(b, gateway) {
  const newest = b.published.at(-1), oldest = b.published[0], allowed = [newest.sequence]
  const served = () => patient('the newest to be served', () => read(gateway, newest, { allowed }))
  await served()
  await patient('what was pinned to be', async () => (await gateway.ask('products')).items[0].pinned)
  // After a failed sync an object is given up, and fetched again if a release needs it.
  const isGivenUp = ({ sha256 }) => gateway.lines().some((l) => l.includes(`object not adopted sha256=${sha256}`))
  for (const r of b.published) await patient('the images to be taken in', async () => (await stateOf(gateway, r)) === 'good' || (r !== newest && isGivenUp(r)))
  await damage(objectOf(b, newest))
  await patient('all to be whole', async () => (await gateway.ask('cache', 'verify')).whole)
  await patient('the image to be good', async () => (await stateOf(gateway, newest)) === 'good')
  await served()
  await patient('an image to be scrubbed', async () => (await gateway.ask('cache')).scrub.images_read > 0)
  await patient('no pin', async () => (await gateway.cli('unpin', PRODUCT)).code === 0)
  await patient('an image to leave', async () => {
    await gateway.cli('purge', oldest.sha256)
    return ['evicting', undefined].includes(await stateOf(gateway, oldest))
  })
  let made, tries = 0
  const file = (name) => join(b.world.dir, `${name}${tries++}`)
  await patient('a bundle', async () => {
    const to = file('bundle')
    made = { file: to, ...await gateway.ask('bundle', 'export', PRODUCT, String(newest.sequence), '--out', to) }
    return true
  }, FORGOTTEN)
  await patient('it to be taken', () => gateway.ask('bundle', 'import', made.file, '--block-hash', made.block.hash).then(() => true))
  let backup
  await patient('a backup', async () => { backup = file('backup'); await gateway.ask('backup', backup); return true }, FORGOTTEN)
  await patient('the store to be fine', async () => !(await gateway.status()).store.degraded)
  return backup
}

/** The scenario once (as once() of every-call.mjs). */
export async function upkeep(t, b) {
  await rm(b.dir, { recursive: true, force: true })
  await cp(b.kept, b.dir, { recursive: true })
  return runOf(b, async ({ start, stop, settle }) => {
    const file = await keepUp(b, await start())
    await stop()
    await restore(b, file, settle)
    const newest = b.published.at(-1), gateway = await start()
    await patient('the newest to be served', () => read(gateway, newest))
    await patient('its state', async () => (await gateway.release(PRODUCT, newest.sequence)).state === 'active')
    await patient('the store to be fine', async () => !(await gateway.status()).store.degraded)
    await stop()
  })
}
