// Takes each check and each sync of src/store away in turn, and each of what reads the cache for devices; some unit test must
// fail then. `node tests/faults/store-mutants.mjs [--fast] [FILE…]` tells which test notices what; the long tier runs it as well.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SERVER = ['chunks', 'objects', 'objects_hot', 'objects_read'].map((n) => `src/server/${n}.c`)
const CATALOG = ['catalog', 'check', 'filter', 'link'].map((n) => `src/catalog/${n}.c`)

/** Conditions that may go unnoticed, and why. */
const spared = {
}

/** [file in src, what stands there, what stands there instead]: above all every sync. */
const more = [
  ['store/durable.c', 'return sys->fdatasync(fd) < 0 ? err_errno(e, "%s: sync", name) : ERR_OK;', 'return ERR_OK;'],
  ['store/durable.c', 'return sys->fsync(dir) < 0 ? err_errno(e, "%s: sync the directory", name) : ERR_OK;', 'return ERR_OK;'],
  ['store/blob_finish.c', '(rc = compare(w, e)) || (rc = sync_file(w->b->sys, w->fd, name, is_sync, e))', '(rc = compare(w, e))'],
  ['store/blob_finish.c', '(rc = compare(w, e)) || ', ''],
  ['store/blob_finish.c', ' ||\n	    (rc = sync_dirs(w->b, &w->sha256, is_sync, e)))', ')'],
  ['store/blob_finish.c', ' || (rc = sync_file(b->sys, fd, part, is_sync, e)))', ')'],
  ['store/blob_finish.c', '	if ((rc = sync_file(b->sys, fd, name, is_sync, e)))\n		return rc;\n	if (lseek', '	if (lseek'],
  ['store/blob_finish.c', ' ||\n	    (rc = sync_dirs(b, sha256, is_sync, e)))', ')'],
  ['store/blob_finish.c', '	if ((rc = sync_file(b->sys, fd, "an image", is_sync, e)))\n		return rc;\n', ''],
  ['store/blobdir.c', '	if ((rc = sync_one(b, fd, ab, e)))\n		return rc;\n', ''],
  ['store/blobdir.c', 'return sync_one(b, b->fd, "objects", e);', 'return ERR_OK;'],
  ['store/blobdir.c', 'return rc ? rc : blobs_sync_dirs(b, sha256, e);', 'return rc;'],
  ['store/floor.c', ' || f->sys->fdatasync(fd) < 0)', ')'],
  ['store/floor.c', 'return f->sys->fsync(f->dir) < 0 ? err_errno(e, "%s: sync the directory", file_names[i]) : ERR_OK;', 'return ERR_OK;'],
]

const files = [...await cFiles('src/store'), ...CATALOG, ...SERVER]

export async function storeMutants() {
  const all = await rows('src', more)
  for (const file of files) all.push(...await withoutEachIf(file, spared[file.slice('src/'.length)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

const STORE = ['test_blob', 'test_store', 'test_floor', 'test_db', 'test_tokens']
const first = (name, names) => [...names.filter((n) => n === name), ...names.filter((n) => n !== name)]

/** Test programs that may notice a mutant, the likeliest first. */
export function programsOf({ file }) {
  const name = /(\w+)\.c$/.exec(file)[1]
  if (SERVER.includes(file)) return ['test_objects', 'test_answer']
  if (CATALOG.includes(file)) return ['test_catalog', 'test_link', 'test_answer']
  if (name.startsWith('floor')) return ['test_floor']
  if (name.startsWith('blob')) return ['test_blob']
  if (name === 'durable') return ['test_tokens']
  return first(name === 'tokens' ? 'test_tokens' : name === 'db' || name === 'stmt' || name === 'pagesum' ? 'test_db' : 'test_store', STORE)
}

async function pkgConfig(...packages) {
  const { code, stdout, stderr } = await run('pkg-config', ['--cflags', '--libs', ...packages])
  if (code) throw new Error(stderr)
  return stdout.trim().split(/\s+/)
}

/** The migrations are C that is made. */
async function embedSql(dir) {
  const sql = (await run('sh', ['-c', 'ls sql/*.sql'], { cwd: root })).stdout.trim().split('\n')
  const { code, stdout, stderr } = await run(join(root, 'src/store/embed-sql'), sql, { cwd: root })
  if (code) throw new Error(stderr)
  await writeFile(join(dir, 'src/store/migrations.c'), stdout)
}

export async function storeWorkshop(is_fast = false) {
  const programs = {}
  for (const name of STORE) programs[name] = { sources: [`tests/unit/store/${name}.c`] }
  for (const name of ['test_catalog', 'test_link']) programs[name] = { sources: [`tests/unit/catalog/${name}.c`] }
  for (const name of ['test_objects', 'test_answer']) programs[name] = { sources: [`tests/unit/server/${name}.c`], helpers: ['tests/unit/server/stand.c'] }
  const folders = await Promise.all(['base', 'formats', 'coap', 'catalog', 'daemon', 'server', 'store'].map((f) => cFiles(`src/${f}`, (n) => !/^(main|gatepostd|sandbox_test|operatord)/.test(n))))
  return workshop({
    sources: [...folders.flat(), 'src/store/migrations.c'],
    programs,
    is_fast,
    prepare: embedSql,
    flags: ['-I.', '-Itests/unit', '-Itests/unit/store', '-Itests/unit/server', '-Itests/unit/catalog', '-DGATEPOST_VERSION="0"', `-DVECTORS_DIR="${join(root, 'tests/vectors')}"`],
    libs: await pkgConfig('jansson', 'libcrypto', 'libsecp256k1', 'sqlite3', 'libmicrohttpd', 'libseccomp'),
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const is_fast = process.argv.includes('--fast'), only = process.argv.slice(2).filter((a) => a !== '--fast')
  const mutants = await storeMutants(), shop = await storeWorkshop(is_fast)
  await report(shop, only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(f))) : mutants, programsOf)
  await shop.close()
}
