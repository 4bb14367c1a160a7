// supervisor.mjs: gatepostd between fake children (fake_child.c).
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../support/process.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'

export const build = process.env.GATEPOST_BUILD ?? fileURLToPath(new URL('../../build', import.meta.url))
const address = `0x${'11'.repeat(20)}`

export const config = (dir, extra = '') => `[gateway]
state-dir = ${dir}/state
run-dir = ${dir}/run
[chain]
chain-id = 1
registry = ${address}
anchor = quorum:1
[provider p]
url = http://127.0.0.1:1/KEY
[source s]
url = http://127.0.0.1:2
kind = kubo
[product acme/x]
registrant = ${address}
[http]
listen = 127.0.0.1:0
[coap]
listen = 127.0.0.1:0 [::1]:0
[operator]
listen = 127.0.0.1:0
${extra}`

/** A directory with gatepostd and fakes beside it. */
export async function bench(t, { extra } = {}) {
  const dir = await tempDir(t)
  const bin = join(dir, 'bin')
  await mkdir(bin)
  await copyFile(join(build, 'gatepostd'), join(bin, 'gatepostd'))
  for (const name of ['gatepost-keeper', 'gatepost-server']) await symlink(join(build, 'tests/faults/fake_child'), join(bin, name))
  const file = join(dir, 'gatepost.conf')
  await writeFile(file, config(dir, extra))
  const b = {
    dir,
    file,
    program: join(bin, 'gatepostd'),
    env: { FAKE_DIR: dir, ASAN_OPTIONS: 'detect_leaks=0' },
    fault: (child, name) => writeFile(join(dir, `gatepost-${child}.${name}`), ''),
    mend: (child, name) => rm(join(dir, `gatepost-${child}.${name}`)),
    /** What a child noted: [{ pid, what, text }]. */
    async notes(child, what) {
      const text = await readFile(join(dir, `gatepost-${child}.log`), 'utf8').catch(() => '')
      return text.split('\n').filter(Boolean)
        .map((line) => { const [, pid, w, rest] = /^(\d+) (\S+) ?(.*)$/.exec(line); return { pid: Number(pid), what: w, text: rest } })
        .filter((n) => !what || n.what === what)
    },
    /** Waits until a child has noted something n times; gives the n-th. */
    noted: (child, what, n = 1) => waitFor(`${child} to note ${what} (${n})`, async () => (await b.notes(child, what))[n - 1]),
    async start({ env } = {}) {
      b.server = await startServer(b.program, ['-c', file], { env: { ...b.env, ...env }, ready: (line) => /ready http=(\S+) coap=(\S+) operator=(\S+)$/.exec(line) })
      t.after(() => b.server.stop())
      ;[, b.http, b.coap, b.operator] = b.server.up
    },
    pidOf: async (child) => (await b.notes(child, 'start')).at(-1).pid,
  }
  return b
}

export const get = (b) => fetch(`http://${b.http}/`).then((r) => r.text()).then(Number)
