// What rots on a disk while the kernel still remembers how it was: `gatepost cache verify` looks at the disk, not at what is remembered. The disk is a
// file below a file system of its own, and is changed there: who reads by the page cache sees nothing of it.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { open, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.mjs'
import { loopDisk } from '../support/loop-disk.mjs'
import { run } from '../support/process.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const MIB = 2 ** 20, BLOCK = 1024 // as mkfs.ext4 cuts so small a disk
const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')

/** A gateway on a disk of its own, with one release whose image has been read. */
async function filled(t) {
  const world = await makeWorld(t)
  let gateway
  const disk = await loopDisk(t, 64 * MIB, { before: () => gateway?.stop() })
  const config = { gateway: { 'state-dir': join(disk.dir, 'state') }, cache: { 'scrub-interval': '365d' } }
  const release = await world.publish({ image: randomBytes(600_000), layout: { chunk: 65536 } })
  await world.finalize()
  gateway = await startGateway(t, { dir: world.dir, conf: world.config({ config }) })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const stateFile = (name) => join(disk.dir, 'state', name)
  return { gateway, disk, release, stateFile, objectOf: (suffix = '') => stateFile(`objects/${release.sha256.slice(0, 2)}/${release.sha256}${suffix}`) }
}

/** Where the disk has what block `n` of this file holds: there, and wherever it lay before. */
async function placesOf(disk, path, n) {
  assert.equal((await run('sync', ['-f', disk.dir])).code, 0)
  const bytes = await readFile(path), want = Buffer.alloc(BLOCK)
  bytes.copy(want, 0, n * BLOCK)
  const all = await readFile(disk.file), found = []
  for (let at = 0; at < all.length; at += BLOCK) if (all.compare(want, 0, BLOCK, at, at + BLOCK) === 0) found.push(at)
  assert.ok(found.length > 0, `${path} is on the disk`)
  return found
}

/** Changes one byte there; reading the file, as everybody does, still gives what was. */
async function rot(disk, path, n = 0) {
  const places = await placesOf(disk, path, n), before = await readFile(path), file = await open(disk.file, 'r+')
  for (const at of places) {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at + 20)
    await file.write(Buffer.from([buffer[0] ^ 0x10]), 0, 1, at + 20)
  }
  await file.close()
  assert.deepEqual(await readFile(path), before, 'the kernel remembers')
}

async function served(gateway, { sha256, image }) {
  const answer = await gateway.get(`/sha256/${sha256}`)
  assert.equal(answer.status, 200)
  assert.equal(sha256hex(await answer.arrayBuffer()), sha256hex(image))
}

const parts = [['', 'image', 400], ['.sums', 'digests', 0], ['.dag', 'blocks', 0]]
for (const [suffix, what, block] of parts) {
  test(`${what} that have rotted on the disk alone are found, and made good there`, async (t) => {
    const { gateway, disk, release, objectOf } = await filled(t)
    await served(gateway, release)
    const whole = await readFile(objectOf(suffix))
    await rot(disk, objectOf(suffix), block)
    const { findings, whole: isWhole } = await gateway.ask('cache', 'verify')
    assert.deepEqual([isWhole, findings.map((f) => f.what)], [true, [what]])
    await served(gateway, release)
    assert.deepEqual(await readFile(objectOf(suffix)), whole)
    await placesOf(disk, objectOf(suffix), block) // on the disk again
    assert.equal((await gateway.ask('cache', 'verify')).found, 0)
  })
}

test('what is kept beside images and database is looked at on the disk as well: floors, the catalog, entries, the second copy', async (t) => {
  const { gateway, disk, release, stateFile } = await filled(t)
  await gateway.restart() // it makes the second copy
  const [entries] = await readdir(stateFile('entries'))
  for (const name of ['floor.a', 'floor.b', 'catalog', `entries/${entries}`, 'own/gatepost.db']) await rot(disk, stateFile(name))
  const { findings, whole } = await gateway.ask('cache', 'verify')
  assert.deepEqual([whole, findings.map((f) => f.what).sort()], [true, ['catalog', 'entries', 'floor', 'floor', 'second-copy']])
  assert.equal((await gateway.ask('cache', 'verify')).found, 0)
  await served(gateway, release)
})

test('a page of the database that has rotted on the disk alone is found, and the database made again', async (t) => {
  const { gateway, disk, release, stateFile } = await filled(t)
  await gateway.restart() // the WAL goes into the file
  await rot(disk, stateFile('gatepost.db'), 4 * 3)
  const { stderr } = await gateway.cli('cache', 'verify')
  assert.match(stderr, /its database was damaged/)
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await served(gateway, release)
})
