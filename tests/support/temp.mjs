// temp.mjs: directories that are gone when the test is over.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory; removed after the test `t` (a node:test context, or anything with after()), also when somebody still writes there, whose hook
 * comes later. */
export async function tempDir(t, prefix = 'gatepost-') {
  const dir = await mkdtemp(join(tmpdir(), prefix))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 20 }))
  return dir
}
