// loop-disk.mjs: a file system of a test's own: ext4 in a file, on a loop device. Needs root.
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { run } from './process.mjs'

const SECTOR = 512

async function must(command, ...args) {
  const { code, stdout, stderr } = await run(command, args)
  if (code) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/**
 * ext4 of `bytes`, mounted until the test `t` is over; `before` ends who uses it. { dir, file: what the disk is made of, written(): bytes that the device was given, after all was synced;
 * remount('ro' | 'rw'), which needs that nobody writes to it for 'ro'; fail(): an error after which it is read-only for everybody; mend():
 * unmounts, checks and mounts it again }.
 */
export async function loopDisk(t, bytes, { before = () => {} } = {}) {
  const place = await mkdtemp(join(tmpdir(), 'gatepost-')), file = join(place, 'disk'), dir = join(place, 'mounted')
  await mkdir(dir)
  await writeFile(file, '')
  await truncate(file, bytes)
  await must('mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file)
  const mount = () => must('mount', '-o', 'loop,noatime,errors=remount-ro', file, dir)
  const device = async () => basename((await must('losetup', '-j', file)).split(':')[0])
  await mount()
  t.after(async () => {
    await before()
    await must('umount', dir)
    await rm(place, { recursive: true })
  })
  return {
    dir,
    file,
    async written() {
      await must('sync', '-f', dir)
      return Number((await readFile(`/sys/block/${await device()}/stat`, 'utf8')).trim().split(/\s+/)[6]) * SECTOR
    },
    remount: (how) => must('mount', '-o', `remount,${how}`, dir),
    fail: async () => writeFile(`/sys/fs/ext4/${await device()}/trigger_fs_error`, 'a test'),
    async mend() {
      await must('umount', dir)
      const { code, stdout } = await run('fsck.ext4', ['-fy', file])
      if (code > 1) throw new Error(`fsck.ext4: ${stdout}`)
      await mount()
    },
  }
}
