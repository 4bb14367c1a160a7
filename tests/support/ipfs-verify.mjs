// ipfs-verify.mjs: our verifier and our tree builder as programs (tests/integration/car_verify.c, dag_cid.c).
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './process.mjs'
import { tempDir } from './temp.mjs'

const build = process.env.GATEPOST_BUILD ?? fileURLToPath(new URL('../../build', import.meta.url))

/** What the verifier makes of a CAR: its JSON, and `bytes`, the file as far as it was verified. */
export async function verifyCar(t, car, root, size, { order = 'dfs' } = {}) {
  const out = join(await tempDir(t), 'file')
  const args = [...order === 'any' ? ['-a'] : [], '-o', out, String(root), String(size)]
  const { stdout, stderr, code } = await run(join(build, 'tests/integration/car_verify'), args, { input: car })
  if (code > 1) throw new Error(stderr)
  return { ...JSON.parse(stdout), bytes: await readFile(out) }
}

/** The CID that our builder gives a file. */
export async function dagCid(bytes, profile) {
  const { stdout, stderr, code } = await run(join(build, 'tests/integration/dag_cid'), [profile], { input: bytes })
  if (code) throw new Error(stderr)
  return stdout.trim()
}
