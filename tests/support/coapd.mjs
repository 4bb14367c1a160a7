// coapd.mjs: the CoAP front alone, over a file (tests/integration/coapd_file.c).
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { startServer } from './process.mjs'
import { random } from './random.mjs'
import { tempDir } from './temp.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const build = process.env.GATEPOST_BUILD ?? join(root, 'build')

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

/** { port, image, manifest, newManifest(bytes), stop() } */
export async function startCoapd(t, { size = 100_000, address = '127.0.0.1', trusted, seed = 1 } = {}) {
  const dir = await tempDir(t)
  const image = random(seed).bytes(size)
  const manifest = random(seed + 1).bytes(300)
  const files = { image: join(dir, 'image'), manifest: join(dir, 'manifest') }
  await writeFile(files.image, image)
  await writeFile(files.manifest, manifest)
  const server = await startServer(join(build, 'tests/integration/coapd_file'),
    ['-a', address, '-m', files.manifest, ...trusted ? ['-t', trusted] : [], files.image],
    { ready: (line) => /^ready coap=.*:(\d+)$/.exec(line) })
  t.after(() => server.stop())
  return {
    ...server,
    dir,
    image,
    manifest,
    port: Number(server.up[1]),
    /** Puts another manifest in place; returns when the server has been told. */
    async newManifest(bytes) {
      await writeFile(files.manifest, bytes)
      server.kill('SIGHUP')
    },
  }
}
