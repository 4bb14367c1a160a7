// recorder.test.mjs: the record of a life is whole, whoever writes to the files meanwhile; one that is not is not taken for one.
import assert from 'node:assert/strict'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempDir } from '../support/temp.mjs'
import { readLog } from './disk-states.mjs'
import { assertComplete, makeLog } from './power-cut-record.mjs'

async function makeRecorded(t) {
  const dir = await tempDir(t), stateDir = join(dir, 'state')
  await mkdir(stateDir)
  return { dir, stateDir, log: await makeLog(dir, stateDir) }
}

test('many that change files at once: each call stands in the record, in the order of the effects', async (t) => {
  const { stateDir, log } = await makeRecorded(t), shared = join(stateDir, 'shared')
  await log.meddle(['put', shared], Buffer.alloc(100000, 1))
  await Promise.all(Array.from({ length: 24 }, async (_, i) => {
    const own = join(stateDir, `own-${i}`)
    await log.meddle(['put', own], Buffer.alloc(1000 * i + 1, i))
    await log.meddle(['write', shared, 4000 * i], Buffer.alloc(9000, i))
    await log.meddle(['shorten', own, 500 * i], '')
  }))
  const records = readLog(await log.read()), count = (op) => records.filter((r) => r.op === op).length
  assert.deepEqual([count('create'), count('write'), count('truncate'), count('sync')], [25, 49, 24, 48])
  await assertComplete(records, (await stat(stateDir)).ino, stateDir)
})

test('a record that was written over, or is cut short, is refused', async (t) => {
  const { stateDir, log } = await makeRecorded(t)
  for (const name of ['one', 'two']) await log.meddle(['put', join(stateDir, name)], Buffer.alloc(3000, 7))
  const whole = await log.read(), records = readLog(whole)
  assert.equal(records.length, 4)
  const torn = Buffer.from(whole)
  torn.fill(7, records[1].end, records[1].end + 64)
  assert.throws(() => readLog(torn), /no record at/)
  const none = Buffer.from(whole)
  none.writeUInt32LE(0, records[1].end)
  assert.throws(() => readLog(none), /no record at/)
  const short = Buffer.from(whole)
  short.writeBigUInt64LE(BigInt(whole.length - 8), 8)
  assert.throws(() => readLog(short), /no record at/)
})
