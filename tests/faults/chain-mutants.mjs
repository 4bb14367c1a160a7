// Takes each check of src/chain, and of what it trusts in src/formats, away in turn; some test of tests/unit must fail then.
// `node tests/faults/chain-mutants.mjs [FILE…]` tells which test notices what; the long tier runs it as well.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FORMATS = ['trie', 'header', 'rlp', 'keccak', 'abi'].map((n) => `src/formats/${n}.c`)

/** Conditions that may go unnoticed, and why. */
const spared = {
}

/** [file in src, what stands there, what stands there instead] */
const more = [
]

const files = [...FORMATS, ...await cFiles('src/chain')]

export async function chainMutants() {
  const all = await rows('src', more)
  for (const file of files) all.push(...await withoutEachIf(file, spared[file.slice('src/'.length)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

/** Test programs that may notice a mutant, the likeliest first. */
export function programsOf({ file, text }) {
  if (FORMATS.includes(file)) return ['test_ethereum', 'test_abi', ...chainTests]
  return text.includes('"chain/follow.h"') ? [...chainTests].reverse() : chainTests
}

const chainTests = (await cFiles('tests/unit/chain', (n) => n.startsWith('test_'))).map((f) => basename(f, '.c'))

async function pkgConfig(...packages) {
  const { code, stdout, stderr } = await run('pkg-config', ['--cflags', '--libs', ...packages])
  if (code) throw new Error(stderr)
  return stdout.trim().split(/\s+/)
}

export async function chainWorkshop() {
  const helpers = [...await cFiles('tests/unit/support'), ...await cFiles('tests/unit/chain', (n) => !n.startsWith('test_'))]
  const programs = {}
  for (const name of chainTests) programs[name] = { sources: [`tests/unit/chain/${name}.c`], helpers }
  for (const name of ['test_ethereum', 'test_abi']) programs[name] = { sources: [`tests/unit/formats/${name}.c`], helpers }
  return workshop({
    sources: [...await cFiles('src/base'), ...await cFiles('src/formats'), ...await cFiles('src/chain')],
    programs,
    flags: ['-I.', '-Itests/unit', '-Itests/unit/chain', `-DVECTORS_DIR="${join(root, 'tests/vectors')}"`],
    libs: await pkgConfig('jansson', 'libcrypto', 'libsecp256k1'),
    prepare: async (dir) => {
      const { code, stdout, stderr } = await run(process.execPath, [join(root, 'contracts/compile.mjs'), 'header', join(root, 'contracts/FirmwareRegistry.sol')])
      if (code) throw new Error(stderr)
      await mkdir(join(dir, 'contracts'))
      await writeFile(join(dir, 'contracts/registry_gen.h'), stdout)
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const only = process.argv.slice(2), mutants = await chainMutants(), shop = await chainWorkshop()
  await report(shop, only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(f))) : mutants, programsOf)
  await shop.close()
}
