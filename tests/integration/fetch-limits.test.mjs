// fetch-limits.test.mjs: what an operator of a thin line sets: when images are fetched, and how fast.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

/** A window of local time that begins with the hour that it will be in `hours` hours, and is two hours long: the next one may begin meanwhile. */
function windowIn(hours) {
  const hour = (new Date().getHours() + hours) % 24
  return `${String(hour).padStart(2, '0')}:00-${String((hour + 2) % 24).padStart(2, '0')}:00`
}

test('fetch-window: outside it a release waits and says so; an urgent one, and one that a peer has, do not', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const closed = `[network]\nfetch-window = ${windowIn(5)}`
  const gateway = await world.gateway({ dir: world.otherDir('waiting'), config: { extra: closed } })
  const r = await waitFor('the release to wait', async () => {
    const release = await gateway.release(PRODUCT, 1)
    return /fetch window/.test(release?.why) && release
  })
  assert.equal(r.why, 'no source has its image now: waits for the fetch window')
  assert.equal(world.source.requests.length, 0, 'nobody was asked')

  await world.publish({ manifest: { urgent: true } })
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.equal((await gateway.release(PRODUCT, 1)).why, r.why)

  const open = await world.gateway({ dir: world.otherDir('open'), config: { extra: `[network]\nfetch-window = ${windowIn(0)}` } })
  await open.waitRelease(PRODUCT, 1, 'superseded', 'ready')
  const asked = world.source.requests.length
  const late = await world.gateway({ dir: world.otherDir('late'), config: { extra: closed,
    sources: [{ name: 'own', url: world.source.url }, { name: 'next', kind: 'peer', url: open.http, private: undefined }] } })
  await late.waitRelease(PRODUCT, 2, 'active')
  await waitFor('the older one', async () => ['ready', 'superseded'].includes((await late.release(PRODUCT, 1)).state))
  assert.equal(world.source.requests.length, asked, 'all of it came from the neighbour')
})

test('uplink: all fetching together keeps to it', async (t) => {
  const world = await makeWorld(t)
  const MIB = 2 ** 20
  const other = await startSource(t, { blocks: world.source.blocks })
  await world.publish({ image: randomBytes(2 * MIB) })
  await world.publish({ image: randomBytes(2 * MIB) })
  await world.finalize()
  const began = performance.now()
  const gateway = await world.gateway({ config: { extra: '[network]\nuplink = 2M',
    sources: [{ name: 'own', url: world.source.url }, { name: 'other', url: other.url }] } })
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await waitFor('the older one', async () => ['ready', 'superseded'].includes((await gateway.release(PRODUCT, 1)).state))
  // 4 MiB at 2 MiB a second, of which a fifth of a second may come at once.
  assert.ok(performance.now() - began > 1700, `${performance.now() - began} ms`)
})
