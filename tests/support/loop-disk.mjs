// loop-disk.mjs: a file system of a test's own: ext4 in a file, on a loop device. Needs root.
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from './process.mjs'
import { tempDir } from './temp.mjs'

const SECTOR = 512

async function must(command, ...args) {
  const { code, stdout, stderr } = await run(command, args)
  if (code) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/**
 * ext4 of `bytes`, mounted until the test `t` is over. { dir, written(): bytes that the device was given, after all was synced;
 * remount('ro' | 'rw') }.
 */
export async function loopDisk(t, bytes) {
  const place = await tempDir(t), file = join(place, 'disk'), dir = join(place, 'mounted')
  await mkdir(dir)
  await writeFile(file, '')
  await truncate(file, bytes)
  await must('mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file)
  await must('mount', '-o', 'loop,noatime', file, dir)
  t.after(() => must('umount', dir))
  const device = basename((await must('losetup', '-j', file)).split(':')[0])
  return {
    dir,
    async written() {
      await must('sync', '-f', dir)
      return Number((await readFile(`/sys/block/${device}/stat`, 'utf8')).trim().split(/\s+/)[6]) * SECTOR
    },
    remount: (how) => must('mount', '-o', `remount,${how}`, dir),
  }
}
