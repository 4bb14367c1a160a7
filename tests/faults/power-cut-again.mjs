// power-cut-again.mjs: power that is cut a second time, while the gateway puts right what the first cut has left: the database's log is taken
// in, parts are resumed, objects adopted, floors mended, what was missed is followed. Such a start on the disk of a cut (power-cut.mjs) is
// recorded like a life of its own.
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { startGateway } from '../support/gateway.mjs'
import { random } from '../support/random.mjs'
import { PRODUCT } from '../support/world.mjs'
import { readLog, statesOf } from './disk-states.mjs'
import { comesToTheEnd, cutPower, putTree } from './power-cut.mjs'
import { allowed, assertComplete, makeLog } from './power-cut-record.mjs'

/** What lies there before the daemon starts, all of it durable. */
async function logTree(log, stateDir, tree) {
  const dirs = new Map([['', (await stat(stateDir)).ino]])
  for (const { path, bytes } of tree) {
    const { ino } = await stat(join(stateDir, path)), slash = path.lastIndexOf('/')
    const parent = dirs.get(path.slice(0, Math.max(slash, 0)))
    await log.add({ op: bytes ? 'create' : 'mkdir', ino: parent, a: ino, text: path.slice(slash + 1) })
    if (!bytes) dirs.set(path, ino)
    if (bytes?.length) await log.add({ op: 'write', ino, a: 0, b: bytes.length, bytes })
    if (bytes) await log.add({ op: 'sync', ino })
  }
  for (const ino of dirs.values()) await log.add({ op: 'sync', ino })
}

/** Of each key what must hold from `from` on: what held at the first cut, or what came later in the undisturbed life; nobody says a word again. */
function toldAgain(life, cut, from, end) {
  const told = new Map()
  for (const [key, list] of life.told) {
    const [first, ...others] = allowed(list, cut), later = list.filter(({ began }) => began > cut).map(({ value }) => value)
    told.set(key, [{ value: first, began: 0, acked: from }, ...[...others, ...later].map((value) => ({ value, began: 0, acked: Infinity }))])
  }
  told.get(`active ${PRODUCT}`).push({ value: life.last, began: from, acked: end })
  return told
}

/** The life that begins with this state of `life`'s disk, and goes on to the same end. `dir`: where. */
async function liveOn(life, dir, state) {
  const stateDir = join(dir, 'state'), ends = []
  await mkdir(dir, { recursive: true })
  await putTree(stateDir, state.tree)
  const log = await makeLog(dir, stateDir)
  await logTree(log, stateDir, state.tree)
  const before = await log.used()
  let reached
  try {
    const gateway = await startGateway({ after: (fn) => ends.unshift(fn) }, { dir, conf: life.conf(dir), env: log.env })
    await comesToTheEnd(life, gateway)
    reached = await log.used()
  } catch (error) {
    await log.close()
    throw error
  } finally {
    for (const end of ends) await end()
  }
  const records = readLog(await log.read()), { ino } = await stat(stateDir)
  await assertComplete(records, ino, stateDir)
  const at = (used) => records.findLastIndex((r) => r.end <= used) + 1, from = at(before)
  const rotten = state.cut > life.rotten ? 0 : Infinity
  return { ...life, records, rootIno: ino, from, rotten, told: toldAgain(life, state.cut, from, at(reached)) }
}

/** `lives` starts on disks of a cut, each cut again into `states` disks. As cutPower, summed up; records: of all starts. */
export async function cutAgain(life, base, { lives, states, seed, log, ...more }) {
  const dice = random(seed), sum = { lives: 0, records: 0, states: 0, runs: 0, again: 0, with_chain: 0, by_kind: {}, failures: [], hashes: new Set() }
  while (sum.lives < lives) {
    const cut = 1 + dice.below(life.records.length - 1), kind = dice.pick(['pages', 'ext4', 'whole', 'sectors'])
    const [state] = statesOf(life.records, life.rootIno, [{ cut, kind, seed: dice.below(2 ** 32) }])
    const second = await liveOn(life, join(base, `again-${sum.lives}`), state)
    const result = await cutPower(second, join(base, `again-${sum.lives}`), { states, seed: dice.below(2 ** 32), log, ...more })
    sum.lives++
    sum.records += second.records.length - second.from
    for (const name of ['states', 'runs', 'again', 'with_chain']) sum[name] += result[name]
    for (const [name, n] of Object.entries(result.by_kind)) sum.by_kind[name] = (sum.by_kind[name] ?? 0) + n
    for (const hash of result.hashes) sum.hashes.add(hash)
    sum.failures.push(...result.failures.map((f) => ({ ...f, state: `first ${kind}, cut after ${cut}; then ${f.state}` })))
    log?.(`start ${sum.lives} on a cut disk: ${second.records.length - second.from} records, ${result.states} states, ${result.failures.length} failures`)
  }
  return sum
}
