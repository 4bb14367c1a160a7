// mutant-stories.mjs: whether a story, a node test of the real programs, notices what unit tests do not. For the workshop of mutants.mjs.
import { spawn } from 'node:child_process'
import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const DEADLINE_MS = 240_000 // a story takes some seconds; one that a mutant lets wait in vain, a minute or two

/** Puts together in `dir` a build whose `program` is to be our own: gatepostd looks for the others beside itself, so programs are no links. */
export async function makeBuild(dir, build, program) {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  for (const { name } of await readdir(build, { withFileTypes: true })) {
    if (name === program) continue
    if (/^gatepost/.test(name)) await cp(join(build, name), join(dir, name), { recursive: true })
    else await symlink(join(build, name), join(dir, name))
  }
}

/** Runs one story, [file, pattern of a test's name], with these programs. Returns what noticed, or null. Throws when no test has this name. */
export function tell([file, pattern], build) {
  const args = ['--test', '--test-force-exit', '--test-reporter=tap', ...pattern ? [`--test-name-pattern=${pattern}`] : [], join(root, file)]
  const env = { ...process.env, GATEPOST_BUILD: build, NODE_TEST_CONTEXT: undefined } // it does not know that it runs within a test
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...args], { env, cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })
  const who = `${basename(file)}${pattern ? ` ${pattern}` : ''}`
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text })
  const timer = setTimeout(() => child.kill('SIGTERM'), DEADLINE_MS)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (signal) return resolve(`${who} (hangs)`)
      if (code) return resolve(`${who}: ${/^ *error: '?(.*?)'?$/m.exec(out)?.[1] ?? 'fails'}`.slice(0, 200))
      if (!/^# pass [1-9]/m.test(out)) return reject(new Error(`no test of this name: ${who}`))
      resolve(null)
    })
  })
}
