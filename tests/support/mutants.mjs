// mutants.mjs: takes something out of a C file, one thing at a time, and looks whether a unit test notices.
//
// Everything is built once, from a copy of the tree; a mutant costs one compilation, a link and the tests up to the first that
// fails. Test programs run in one process each (CK_FORK=no): a crash, a leak and a hang are noticed as well. What no unit test notices can
// be asked of stories: the mutant becomes the real program then, and node tests run with it.
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeBuild, tell } from './mutant-stories.mjs'
import { run } from './process.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const STALL_MS = 30000 // a test program that says nothing for so long hangs; the slowest test takes some seconds

/** The C files of a folder of the tree, those that `want` likes. */
export async function cFiles(folder, want = () => true) {
  return (await readdir(join(root, folder))).filter((n) => n.endsWith('.c') && want(n)).sort().map((n) => join(folder, n))
}

// --- what can be taken away ---

const masked = (text) => text.replace(/\/\*[^]*?\*\/|\/\/.*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, (s) => s.replace(/[^\n]/g, '_'))

function closing(text, open) {
  let depth = 0
  for (let i = open; ; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i
  }
}

const lineOf = (text, at) => text.slice(0, at).split('\n').length

/** The function that holds this place: the last one that began before it. */
const functionAt = (bare, at) => [...bare.slice(0, at).matchAll(/^[a-z][^;\n(]*?(\w+)\([^;]*?\n\{/gm)].pop()?.[1]

/**
 * Every `if` of a file, with a condition that never holds. Those that only an allocation can make true are left out: it would
 * have to fail. `spared` are conditions, as they stand in the file, that may go unnoticed: { condition: why }; or
 * { 'condition @ function': why } or { 'condition @ function 2': why } (the second there) where others of the same words do not.
 */
export async function withoutEachIf(file, spared = {}) {
  const text = await readFile(join(root, file), 'utf8')
  const bare = masked(text), found = [], seen = new Set(), times = {}
  for (const m of bare.matchAll(/\bif \(/g)) {
    const open = m.index + m[0].length - 1, close = closing(bare, open)
    const condition = text.slice(open + 1, close).replace(/\s+/g, ' ')
    const body = text.slice(close + 1, text.indexOf(';', close)).trim()
    const there = `${condition} @ ${functionAt(bare, open)}`
    times[there] = (times[there] ?? 0) + 1
    const names = [condition, there, `${there} ${times[there]}`]
    for (const name of names) seen.add(name)
    if (/^\{?\s*abort\(\)|ERR_MEMORY|no memory/.test(body) || names.some((name) => name in spared)) continue
    found.push({ file, what: `line ${lineOf(text, open)}: if (${condition})`, text: text.slice(0, open + 1) + '0' + text.slice(close) })
  }
  for (const condition of Object.keys(spared)) {
    if (!seen.has(condition)) throw new Error(`${file} has no if (${condition})`)
  }
  return found
}

/** Rows of [file, what stands there exactly once, what stands there instead]. */
export async function rows(folder, list) {
  const found = []
  for (const [name, from, to] of list) {
    const file = join(folder, name), text = await readFile(join(root, file), 'utf8'), at = text.indexOf(from)
    if (at < 0 || text.indexOf(from, at + 1) >= 0) throw new Error(`stands ${at < 0 ? 'not' : 'more than once'} in ${file}: ${from}`)
    const show = (s) => s.trim().replace(/\s+/g, ' ') || 'nothing'
    found.push({ file, what: `line ${lineOf(text, at)}: ${show(from)} → ${show(to)}`, text: text.replace(from, () => to) })
  }
  return found
}

// --- the workshop ---

/** Runs a test program until a test fails. Returns what noticed, or null. */
function firstFailure(program) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CK_FORK: 'no', CK_TAP_LOG_FILE_NAME: '-', ASAN_OPTIONS: 'handle_abort=1:hard_rss_limit_mb=2000',
      UBSAN_OPTIONS: 'print_stacktrace=1' }
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = '', errors = '', found = null, timer
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(() => { found ??= 'hangs'; child.kill('SIGKILL') }, STALL_MS)
    }
    wait()
    child.stderr.setEncoding('utf8').on('data', (text) => { errors = (errors + text).slice(-20000) })
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        if (/^ok /.test(line)) wait()
        const bad = /^not ok \d+ - [^:]*:[^:]*:([^:]*)/.exec(line)
        if (!bad || found) continue
        found = bad[1]
        child.kill('SIGKILL')
      }
    })
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      if (!found && code === 0) return resolve(null)
      const test = / in (\w+)_fn /.exec(errors)?.[1]
      resolve(`${basename(program)}: ${found ?? (test ? `${test} (crash)` : errors.includes('LeakSanitizer') ? 'a leak' : 'a crash')}`)
    })
  })
}

/**
 * Builds `sources` (C files of the tree) and the test programs, { name: { sources, helpers, link } }, of which helpers are linked only
 * where they are needed, and `link` are options for the linker: once plain and fast, and once so that the mutated file is watched by the sanitizers, for what the
 * plain tests do not notice. `prepare` may add to the copy of the tree; `flags` and `libs` go to the compiler. Throws when the tests
 * fail as things are. `is_fast` does without the sanitizers. `stories`, { program, main, build }, is for what only the real program shows: `main` is the C
 * file that makes it of the sources, `build` where all programs are. `noticedBy(mutant, names, told)` runs the programs of these names, and then tells the
 * stories [file, name of a test], each of which has to hold for the program as it is; `close` takes everything away.
 */
export async function workshop({ sources, programs, stories, flags = [], libs = [], is_fast = false, prepare = async () => {} }) {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-mutants-'))
  const helpers = [...new Set(Object.values(programs).flatMap((p) => p.helpers ?? []))]
  const tool = async (command, args) => {
    const { code, stderr } = await run(command, args, { cwd: dir, deadline_ms: 300_000 })
    if (code) throw new Error(stderr)
  }
  const object = (file) => join('objects', file.replaceAll('/', '_') + '.o')
  const compile = (file, to, ...options) => tool('cc',
    ['-g', '-w', '-fno-omit-frame-pointer', '-std=gnu11', '-D_GNU_SOURCE', '-Isrc', `-I${dirname(file)}`, ...flags, ...options, '-c', file, '-o', to])
  const archive = async (name, files) => {
    await inLanes(files, (file) => compile(file, object(file), '-O2'))
    await tool('ar', ['rcs', name, ...files.map(object)])
  }
  await mkdir(join(dir, 'objects'))
  for (const folder of ['src', 'tests/unit']) await cp(join(root, folder), join(dir, folder), { recursive: true })
  await prepare(dir)
  await archive('sources.a', sources)
  await archive('helpers.a', helpers)
  await inLanes([...Object.values(programs).flatMap((p) => p.sources), ...stories ? [stories.main] : []], (file) => compile(file, object(file), '-O2'))

  const noticed = async (lane, mutant, names, ...sanitize) => {
    const own = mutant ? [join(lane, 'mutant.o')] : []
    if (mutant) await compile(join(lane, mutant.file), own[0], sanitize.length ? '-O1' : '-O0', ...sanitize)
    for (const name of names) {
      const program = join(lane, name)
      await tool('cc', [...sanitize, ...programs[name].link ?? [], ...own, ...programs[name].sources.map(object), 'helpers.a', 'sources.a', ...libs,
        '-lcheck', '-lsubunit', '-lm', '-lrt', '-lpthread', '-o', program])
      const found = await firstFailure(join(dir, program))
      if (found) return found
    }
    return null
  }
  const watched = async (...what) => {
    const found = await noticed(...what, ...SANITIZE)
    return found && `${found}, with sanitizers`
  }
  /** The real program, of the mutant or (null) as it is, among the others of a build. */
  const makeProgram = async (lane, mutant) => {
    const build = join(dir, lane, 'build'), own = mutant ? [join(lane, 'mutant.o')] : []
    await makeBuild(build, stories.build, stories.program)
    if (mutant) await compile(join(lane, mutant.file), own[0], '-O2')
    await tool('cc', [...own, object(stories.main), 'sources.a', ...libs, '-lm', '-lpthread', '-o', join(build, stories.program)])
    return build
  }
  let sound // a build without any mutant
  const holds = {} // by story: what is wrong with it as things are
  const toldBy = async (lane, mutant, told) => {
    for (const story of told) {
      sound ??= makeProgram('sound', null)
      const wrong = await (holds[story] ??= sound.then((build) => tell(story, build)))
      if (wrong) throw new Error(`fails without any mutant: ${wrong}`)
    }
    const build = told.length && await makeProgram(lane, mutant)
    for (const story of told) {
      const found = await tell(story, build)
      if (found) return found
    }
    return null
  }
  let lanes = 0
  const idle = []
  const noticedBy = async (mutant, names = Object.keys(programs), told = []) => {
    const lane = idle.pop() ?? `lane${lanes++}`
    await mkdir(join(dir, lane, dirname(mutant?.file ?? 'none')), { recursive: true })
    if (mutant) await writeFile(join(dir, lane, mutant.file), mutant.text)
    const found = await noticed(lane, mutant, names) ?? (is_fast ? null : await watched(lane, mutant, names)) ?? await toldBy(lane, mutant, told)
    idle.push(lane)
    return found
  }
  const close = () => rm(dir, { recursive: true })
  const found = await noticedBy(null)
  if (found) {
    await close()
    throw new Error(`fails without any mutant: ${found}`)
  }
  return { noticedBy, close }
}

/** As many at a time as a small machine has cores. */
export async function inLanes(items, work, lanes = Number(process.env.LANES ?? 2)) {
  const left = [...items].reverse()
  await Promise.all(Array.from({ length: lanes }, async () => { while (left.length) await work(left.pop()) }))
}

/** All mutants in turn, from a command line: a line for each, the survivors at the end, the exit status. */
export async function report(shop, mutants, programsOf, storiesOf) {
  const alive = []
  await inLanes(mutants, async (m) => {
    const found = await shop.noticedBy(m, programsOf?.(m), storiesOf?.(m))
    console.log(`${found ? 'caught' : 'ALIVE '} ${m.file} ${m.what}${found ? `: ${found}` : ''}`)
    if (!found) alive.push(m)
  })
  console.log(`\n${mutants.length} mutants, ${mutants.length - alive.length} caught${alive.length ? '; alive:' : ''}`)
  for (const m of alive) console.log(`${m.file} ${m.what}`)
  process.exitCode = alive.length ? 1 : 0
}
