// rotten-start.test.mjs: a database that has rotted while nobody looked is met at the start: each of its pages in turn.
import assert from 'node:assert/strict'
import { cp, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const PAGE = 4096

async function flip(file, at) {
  const handle = await open(file, 'r+'), byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, at)
  byte[0] ^= 0x20
  await handle.write(byte, 0, 1, at)
  await handle.close()
}

/** A gateway that ran, and stopped: nothing of the database lies in its WAL. */
async function stopped(t) {
  const world = await makeWorld(t)
  for (let i = 0; i < 3; i++) await world.publish({ image: Buffer.alloc(20000, i + 1) })
  await world.finalize()
  const gateway = await world.gateway({ product: { keep: 1 } })
  await gateway.waitRelease(PRODUCT, 3, 'active')
  await gateway.stop()
  return { world, state: gateway.stateDir, image: world.images.get(3) }
}

test('rot-before-start: whichever page of the database is damaged, the gateway starts by itself and serves what it has', async (t) => {
  const { world, state, image } = await stopped(t), { size } = await stat(join(state, 'gatepost.db')), set_aside = []
  assert.ok(size > 20 * PAGE)
  for (let page = 0; page * PAGE < size; page++) {
    const dir = world.otherDir(`page-${page}`), ends = []
    await cp(state, join(dir, 'state'), { recursive: true })
    await flip(join(dir, 'state/gatepost.db'), page * PAGE + 1234)
    try {
      const gateway = await startGateway({ after: (fn) => ends.push(fn) }, { dir, conf: world.config({ dir, product: { keep: 1 } }) })
      const r = await gateway.get(`/fw/${PRODUCT}/image`)
      assert.equal(r.status, 200, `page ${page}`)
      assert.deepEqual(Buffer.from(await r.arrayBuffer()), image)
      await gateway.waitRelease(PRODUCT, 3, 'active')
      if (!await stat(join(dir, 'state/gatepost.db.damaged')).catch(() => null)) continue
      set_aside.push(page)
      assert.ok((await gateway.status()).alarms.some(({ code }) => code === 'database-rebuilt'), 'the operator is told')
    } catch (error) {
      error.message = `page ${page}: ${error.message}`
      throw error
    } finally {
      for (const end of ends) await end()
      await rm(dir, { recursive: true })
    }
  }
  t.diagnostic(`${size / PAGE} pages; met at the start: ${set_aside.join(' ')}`)
  assert.ok(set_aside.length > 1, 'more than the first page is read at the start')
})
