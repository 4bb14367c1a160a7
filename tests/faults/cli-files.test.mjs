// cli-files.test.mjs: files that the command line writes and says so are on the disk, with their names, before it says so.
import assert from 'node:assert/strict'
import { mkdir, readFile, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { program } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { makeWorld } from '../support/world.mjs'
import { readLog } from './disk-states.mjs'
import { makeLog } from './power-cut-record.mjs'

/** Runs `gatepost` under the recorder: what it did to `dir`, in order. */
async function recorded(dir, folder, args) {
  const log = await makeLog(dir, folder), r = await run(program('gatepost'), args, { env: { ...process.env, ...log.env } })
  assert.equal(r.code, 0, r.stderr)
  return readLog(await log.read())
}

const inoOf = async (path) => (await stat(path)).ino

test('cli-files: a key and a backup are synced, and the directory that has their names after that', async (t) => {
  const world = await makeWorld(t), gateway = await world.gateway(), folder = join(world.dir, 'files')
  await gateway.waitProven()
  await mkdir(folder)
  for (const [name, args] of [['key.pem', ['keygen', '--out']], ['one.backup', ['backup', '--socket', join(gateway.dir, 'run/control.sock')]]]) {
    const path = join(folder, name), log = await recorded(world.dir, folder, [...args, path]), file = await inoOf(path), dir = await inoOf(folder)
    const last = (op, ino) => log.findLastIndex((r) => r.op === op && (op === 'rename' ? r.b : r.ino) === ino)
    const named = Math.max(last('rename', file), log.findIndex((r) => r.op === 'create' && r.ino === dir))
    assert.ok(last('write', file) >= 0 && last('sync', file) > last('write', file), `${name}: its bytes`)
    assert.ok(last('sync', dir) > named, `${name}: its name`)
  }
})

test('cli-files: a backup takes no name that is not a file\'s', async (t) => {
  const world = await makeWorld(t), gateway = await world.gateway(), link = join(world.dir, 'link')
  await gateway.waitProven()
  await symlink('/dev/stdout', link)
  const r = await gateway.cli('backup', link)
  assert.equal(r.code, 2, r.stderr)
  assert.match(r.stderr, /for standard output say -/)
  await assert.rejects(readFile(`${link}.part`))
})

test('cli-files: a name that cannot be had costs the gateway nothing: the next backup is taken at once', async (t) => {
  const world = await makeWorld(t), gateway = await world.gateway()
  await gateway.waitProven()
  const r = await gateway.cli('backup', join(world.dir, 'nowhere/one.backup'))
  assert.equal(r.code, 2, r.stderr)
  assert.match(r.stderr, /nowhere\/one\.backup\.part: No such file or directory/)
  await gateway.ask('backup', join(world.dir, 'one.backup'))
})
