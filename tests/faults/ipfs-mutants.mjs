// Takes each check of the IPFS verifier (src/ipfs, and the formats below it) and of the fetch engine away in turn; some unit test must
// fail then. `node tests/faults/ipfs-mutants.mjs [--fast] [FILE…]` tells which test notices what; the long tier runs it as well.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FORMATS = ['varint', 'protobuf', 'cid', 'car', 'dagpb', 'unixfs'].map((n) => `src/formats/${n}.c`)
const ENGINE = ['fetch_end', 'fetch_lane', 'fetch_turn', 'fetch_pace', 'fetch_source', 'fetch_claim'].map((n) => `src/keeper/${n}.c`)
const FETCH = ['test_fetcher', 'test_fetch_sources', 'test_fetch_lanes']

/** Conditions that may go unnoticed, and why. */
const spared = {
  'keeper/fetch_pace.c': { '!fetch_has_other(f, lane->source)': 'the floor is 0 then, and nobody can be asked', },
  'ipfs/seen.c': { '!bigger.at': 'memory' },
  'formats/car.c': { 'r->held.n == 0 && chunk->n >= want': 'spares a copy' },
  'formats/unixfs.c': { 'out->failed': 'memory' },
  'keeper/fetch_end.c': { 'hash32_eq(&f->denied[i].digest, &digest)': 'spares a place' },
  'keeper/fetch_lane.c': { 'lane->is_reading && !lane->is_whole': 'a leak: seen with sanitizers',
    'lane->ask == SOURCE_ASK_FILE && !lane->is_whole': 'asked for again a moment later, when nothing else is left',
    'bytes.n > left': 'the part file refuses it too', '!lane->first_byte_ms': 'a figure', 'f->has_bytes || lane->is_whole': 'the log', 'f->has_bytes': 'the log' },
  'keeper/fetch_turn.c': { 'f->sm.at != FETCH_FETCHING': 'a second lock: no lane is open in another state' },
  'ipfs/carpos.c': { 'cid->codec != CID_DAG_PB || w->depth > DAG_DEPTH_MAX': 'raw blocks are never kept, and the plan has refused deeper trees' },
  'formats/cid.c': { rc: 'what was not decoded is no CID either; only the message differs' },
  'ipfs/intake.c': { 'n == in->want': 'spares a copy' },
  'ipfs/plan.c': { 's->codec == CID_RAW': 'spares looking for what is never kept', '!may_be_leaf(s)': 'its size is above a block\'s, which the buffer refuses' },
}

/** [file in src, what stands there, what stands there instead] */
const more = [
  ['ipfs/intake.c', 'return size + size / 20 + MIB;', 'return UINT64_MAX;'],
  ['ipfs/intake.c', 'in->stray_blocks > STRAY_BLOCKS_MAX || ', ''],
  ['ipfs/intake.c', ' || in->stray_bytes > STRAY_BYTES_MAX)', ')'],
  ['ipfs/intake.c', '++in->repeats <= plan_places(in->plan)', '++in->repeats > 0'],
  ['ipfs/plan.c', 'return rc ? rc : cid_check(&cid, *block, e);', 'return rc;'],
  ['ipfs/source_reply.c', ' || from != req->from || last < from)', ')'],
  ['ipfs/source_reply.c', 'total && total != req->total', '0'],
  ['formats/cid.c', 'hash == CID_SHA256 && n != SHA256_BYTES', '0'],
  ['formats/cid.c', 'fits = memcmp(c->digest, digest.b, sizeof digest.b) == 0;', 'fits = true;'],
  ['formats/unixfs.c', 'has(m, F_FILESIZE) && ', ''],
  ['keeper/fetch_end.c', 'convict(f, lane->source, why);', 'blame(f, lane->source, why);'],
  ['keeper/fetch_end.c', '\t\tcount_error(f, lane);	/* "in a second"', '\t\t	/* "in a second"'],
  ['keeper/fetch_source.c', 's->is_quarantined = true;', ''],
  ['keeper/fetch_turn.c', ' && !fetch_source_is_quarantined(s, now) &&', ' &&'],
  ['keeper/fetch_turn.c', ' || f->is_right ||', ' ||'],
  ['keeper/fetch_lane.c', 'rc = rc ? rc : read_stream_error(r, &why);', '(void)read_stream_error, (void)r;'],
]

const files = [...FORMATS, ...await cFiles('src/ipfs', (n) => n !== 'bundle.c'), ...ENGINE]

export async function ipfsMutants() {
  const all = await rows('src', more)
  for (const file of files) all.push(...await withoutEachIf(file, spared[file.slice('src/'.length)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

const IPFS = ['test_intake', 'test_plan', 'test_mirror', 'test_carpos', 'test_source']
const OF_FORMAT = { varint: 'test_cid', protobuf: 'test_unixfs', cid: 'test_cid', car: 'test_car', dagpb: 'test_unixfs', unixfs: 'test_unixfs' }

/** Test programs that may notice a mutant, the likeliest first. */
export function programsOf({ file }) {
  const name = /(\w+)\.c$/.exec(file)[1]
  if (FORMATS.includes(file)) return [OF_FORMAT[name], 'test_intake', 'test_plan', ...['test_cid', 'test_car', 'test_unixfs'].filter((t) => t !== OF_FORMAT[name])]
  if (ENGINE.includes(file)) return FETCH
  if (name.startsWith('source')) return ['test_source', 'test_fetcher']
  if (name === 'carpos') return ['test_carpos', 'test_fetcher']
  return [...IPFS.slice(0, 3), 'test_fetcher']
}

async function pkgConfig(...packages) {
  const { code, stdout, stderr } = await run('pkg-config', ['--cflags', '--libs', ...packages])
  if (code) throw new Error(stderr)
  return stdout.trim().split(/\s+/)
}

export async function ipfsWorkshop(is_fast = false) {
  const support = await cFiles('tests/unit/support')
  const dag = ['tests/unit/ipfs/dag.c']
  const programs = {}
  for (const name of FETCH) programs[name] = { sources: [`tests/unit/keeper/${name}.c`], helpers: [...dag, 'tests/unit/keeper/peers.c'] }
  for (const name of IPFS) programs[name] = { sources: [`tests/unit/ipfs/${name}.c`], helpers: dag }
  for (const name of ['test_cid', 'test_car', 'test_unixfs']) programs[name] = { sources: [`tests/unit/formats/${name}.c`], helpers: support }
  const keeper = await cFiles('src/keeper', (n) => /^(fetch|kept|window)/.test(n))
  const folders = await Promise.all(['base', 'formats', 'ipfs', 'net', 'store'].map((f) => cFiles(`src/${f}`)))
  return workshop({
    sources: [...folders.flat(), ...keeper],
    programs,
    is_fast,
    flags: ['-I.', '-Itests/unit', '-Itests/unit/ipfs', '-Itests/unit/keeper', '-DGATEPOST_VERSION="0"', `-DVECTORS_DIR="${join(root, 'tests/vectors')}"`],
    libs: await pkgConfig('jansson', 'libcrypto', 'libsecp256k1', 'libuv', 'libcurl', 'sqlite3'),
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const is_fast = process.argv.includes('--fast'), only = process.argv.slice(2).filter((a) => a !== '--fast')
  const mutants = await ipfsMutants(), shop = await ipfsWorkshop(is_fast)
  await report(shop, only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(f))) : mutants, programsOf)
  await shop.close()
}
