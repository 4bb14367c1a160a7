// odd-files.test.mjs: something that is no file lies where a file of the gateway's should: fsck and people make such things. Nothing waits for
// a pipe, nothing ends, and what is here is served.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startGateway } from '../support/gateway.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const makePipe = (path) => promisify(execFile)('mkfifo', [path])
const makeFolder = (path) => mkdir(join(path, 'something'), { recursive: true })
const FOLDERS = ['objects', 'entries']

/** A gateway that ran and stopped; where it kept the first release's image. */
async function stopped(t) {
  const world = await makeWorld(t), release = await world.publish({ image: Buffer.alloc(200000, 1), layout: { chunk: 20000 } })
  await world.finalize()
  const gateway = await world.gateway({ product: { keep: 100 } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await gateway.cli('token', 'new', 'maria', '--scope', 'read')
  await gateway.stop()
  return { world, state: gateway.stateDir, release, object: `objects/${release.sha256.slice(0, 2)}/${release.sha256}` }
}

async function isServed(gateway, { cid, image }) {
  const r = await gateway.get(`/ipfs/${cid}`, { signal: AbortSignal.timeout(5000) }), body = Buffer.from(await r.arrayBuffer())
  return r.status === 200 && body.equals(image)
}

/** Serves what it has, takes the next release, and says in the end that all is whole. */
async function worksAsEver(gateway, world, release) {
  await waitFor('the image to be served', () => isServed(gateway, release))
  const next = await world.publish({ image: Buffer.alloc(30000, world.sequence + 1) })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, next.sequence, 'active')
  assert.equal((await gateway.ask('cache', 'verify')).whole, true)
  assert.equal((await gateway.status()).store.degraded, false)
}

for (const [what, make] of [['a pipe', makePipe], ['a directory', makeFolder]]) {
  test(`odd-files: ${what} in place of any file is set right by itself`, async (t) => {
    const { world, state, release, object } = await stopped(t)
    const files = ['tokens', 'floor.a', 'floor.b', 'catalog', 'catalog.new', 'gatepost.db', 'gatepost.db-wal', object, `${object}.sums`, `${object}.dag`]
    for (const name of make === makePipe ? [...files, ...FOLDERS, object.slice(0, 10)] : files) {
      const dir = world.otherDir('odd'), at = join(dir, 'state', name), ends = []
      await cp(state, join(dir, 'state'), { recursive: true })
      await rm(at, { recursive: true, force: true })
      await make(at)
      try {
        const gateway = await startGateway({ after: (fn) => ends.push(fn) }, { dir, conf: world.config({ dir, product: { keep: 100 } }) })
        await worksAsEver(gateway, world, release)
        const alarms = (await gateway.status()).alarms.map(({ code }) => code)
        assert.deepEqual(alarms, { tokens: ['tokens-lost'], 'gatepost.db': ['database-rebuilt'] }[name] ?? [])
        if (make === makeFolder) assert.ok((await readdir(join(dir, 'state'), { recursive: true })).some((f) => f.includes('.odd-1/something') || f.startsWith('tokens.damaged/')), 'nothing that lay in it is gone')
      } catch (error) {
        error.message = `${name}: ${error.message}`
        throw error
      } finally {
        for (const end of ends) await end()
        await rm(dir, { recursive: true })
      }
    }
  })
}

test('odd-files: an image that becomes a pipe while the gateway runs is fetched again; nobody hangs', async (t) => {
  const { world, release, object } = await stopped(t)
  const gateway = await world.gateway({ product: { keep: 100 }, config: { extra: '[limits]\nhot = 0\n' } })
  for (const suffix of ['', '.sums']) {
    await rm(join(gateway.stateDir, object + suffix))
    await makePipe(join(gateway.stateDir, object + suffix))
    assert.equal((await gateway.ask('cache', 'verify')).whole, true)
    await waitFor('the image to be served', () => isServed(gateway, release))
  }
  await worksAsEver(gateway, world, release)
})
