// every-call.mjs: a full scenario in which calls into the C library fail, one after the other (shim.h), and what must hold all the same.
import { createHash, randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openClient, OPTION, block } from '../support/coap.mjs'
import { startGateway } from '../support/gateway.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { makeHeld, orderly } from './every-call-held.mjs'
import { CLASSES, SLOTS, Shim, keyOf, lifeOf } from './shim.mjs'

export const [SUPERVISOR, KEEPER, SERVER, RESOLVER] = SLOTS
const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
// A process that fails at its start several times is started again after 0.1 s, 0.2 s … 10 s; a database that cannot be opened is looked at again after
// 1 s, 2 s … 15 s, and each of the eight faults of a run may meet one of these looks.
const WAIT = { deadline_ms: 150000, every_ms: 20 }

/** A chain with two releases, a source, and a shim; start() gives a gateway on an empty state directory. */
export async function makeBench(t, { releases = 2 } = {}) {
  const world = await makeWorld(t)
  const shim = new Shim(join(world.dir, 'shim'))
  t.after(() => shim.close())
  const published = []
  for (let i = 0; i < releases; i++) published.push(await world.publish())
  await world.finalize()
  return { world, shim, published, dir: join(world.dir, 'gateway') }
}

const configOf = (b) => b.conf ?? b.world.config({ dir: b.dir, product: { keep: 3 } })

/** What the log and the exit status tell of ends that nobody may come to. */
export function ends(lines) {
  return lines.filter((l) => /a process has ended .*signal=|no sign of life: killed|Assertion|AddressSanitizer|runtime error|LeakSanitizer/.test(l))
}

/** What failed since `from` (by slot), by name. */
export const namesOf = async (shim, from) =>
  (await Promise.all(SLOTS.map((s) => Promise.all(shim.faults(s, from[s]).map((f) => shim.name(f)))))).flat()
const bySlot = (fn) => Object.fromEntries(SLOTS.map((s) => [s, fn(s)]))
export const marksOf = (shim) => ({ ...bySlot((s) => shim.fired(s)), crashes: bySlot((s) => shim.get(s, 'crashes_n')) })
/** The keys of the sites that were met between each two of these Shim.counts(). */
export const metInEach = (counts) =>
  new Set([...counts.at(-1).keys()].filter((key) => counts.every((now, i) => i === 0 || (now.get(key) ?? 0) > (counts[i - 1].get(key) ?? 0))))
export const firedSince = (shim, from) => SLOTS.reduce((sum, s) => sum + shim.fired(s) - from[s], 0)

/**
 * Libraries that end the process themselves when a call fails: libuv aborts when the kernel refuses epoll_ctl, its threads or its own start,
 * libmicrohttpd aborts without epoll and when it cannot tell its own thread that it is over. Their faults alone may end the keeper or the server by a signal; everything else must hold all the same.
 */
const ENDERS = [[/^libuv\./, ['epoll', 'socket', 'memory', 'thread']], [/^libmicrohttpd\./, ['epoll', 'write']]]

/** Who did it: the innermost frame that is not of the C library. */
const culprit = (shim, { slot, frames }) =>
  frames.map((frame) => shim.module(slot, Number(frame >> 48n))).find((m) => m && !/^(libc|ld-linux.*|libpthread)\.|^\[|^linux-vdso/.test(m)) ?? ''

/** The frames of the program itself, innermost first. */
const ownFrames = (shim, { slot, frames }) => frames.filter((frame) => shim.module(slot, Number(frame >> 48n)).startsWith('gatepost'))

/** The call into a library in which it failed is the one in which it ended. */
const isSameCall = (shim, crash, fault) => {
  const at = ownFrames(shim, crash), from = ownFrames(shim, fault)
  return from.length > 0 && from.every((frame, i) => frame === at[i])
}

/**
 * A crash is the library's when it happened in there, the last call that had failed in that life was made in there as well, and one that failed in
 * there is of those that it does not bear.
 */
const isOf = (shim, crash, faults) => ENDERS.some(([library, classes]) => {
  const isIn = (fault) => library.test(culprit(shim, fault)) || isSameCall(shim, crash, fault)
  const mine = faults.filter((f) => f.slot === crash.slot && f.life === crash.life)
  return mine.length && library.test(culprit(shim, crash)) && isIn(mine.at(-1)) && mine.some((f) => classes.includes(f.class) && isIn(f))
})

/**
 * The ends that `lines` tell of (ends()), less those that libraries brought about: { bad: lines, crashes: where it was, by name, byLibrary: how many }.
 */
export async function judgeEnds(shim, lines, from) {
  const bad = ends(lines), faults = SLOTS.flatMap((s) => shim.faults(s, from[s]))
  const crashes = SLOTS.flatMap((s) => shim.crashes(s, from.crashes[s]))
  const excused = crashes.filter((c) => isOf(shim, c, faults))
  const isExcused = (line) => excused.some((c) => line.includes(`name=${c.slot} signal=${c.signal} `) || (/Assertion/.test(line) && line.startsWith(c.slot)))
  return { bad: bad.filter((line) => !isExcused(line)), byLibrary: excused.length,
    crashes: await Promise.all(crashes.map(async (c) => `${c.slot}: signal ${c.signal} at ${await shim.stack(c)}`)) }
}

/** Wrong bytes are an error that no waiting heals. */
export class Wrong extends Error {}

/**
 * A device reads the newest release and its image, by HTTP and a few blocks by CoAP. Throws when it has to ask again: also when CoAP shows another one that
 * may be active (`images`: by sequence), since an operator's word can take effect between two questions.
 */
export async function read(gateway, release, { allowed = [release.sequence], images = new Map() } = {}) {
  const manifest = await gateway.get(`/fw/${PRODUCT}`)
  const body = Buffer.from(await manifest.arrayBuffer())
  if (manifest.status !== 200) throw new Error(`manifest: ${manifest.status}`)
  const sequence = Number(manifest.headers.get('gatepost-sequence'))
  if (!allowed.includes(sequence)) throw new Wrong(`release ${sequence} is shown, ${allowed} may be`)
  if (sequence !== release.sequence) throw new Error(`still ${sequence}`)
  if (!body.equals(Buffer.from(release.envelope))) throw new Wrong('a manifest of other bytes')
  const image = await gateway.get(`/sha256/${release.sha256}`)
  const bytes = Buffer.from(await image.arrayBuffer())
  if (image.status !== 200) throw new Error(`image: ${image.status}`)
  if (sha256hex(bytes) !== release.sha256) throw new Wrong('an image of other bytes')
  const [host, port] = gateway.coap.split(/:(?=\d+$)/)
  const coap = await openClient(Number(port), { host })
  try {
    for (const number of [0, 7]) {
      const reply = await coap.ask(`/fw/${PRODUCT}/image`, { options: [[OPTION.BLOCK2, block(number, 6)]], wait_ms: 1000 })
      if (!reply || reply.code !== 69) throw new Error(`CoAP: ${reply?.code}`)
      const isOf = (image) => reply.payload.equals(image.subarray(number * 1024, number * 1024 + 1024))
      if (!isOf(release.image) && allowed.some((s) => images.has(s) && isOf(images.get(s)))) throw new Error('another release by CoAP')
      if (!isOf(release.image)) throw new Wrong('a block of other bytes')
    }
  } finally {
    coap.close()
  }
  return true
}

export async function report(gateway, device, sequence) {
  const r = await fetch(`${gateway.http}/fw/${PRODUCT}/report`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ device, sequence, state: 'installed' }), signal: AbortSignal.timeout(15000) })
  return r.status
}

/** Waits for what faults may only delay. */
export const patient = (what, probe, wait = WAIT) => waitFor(what, async () => {
  try {
    return await probe()
  } catch (error) {
    if (error instanceof Wrong) return { wrong: error }
    throw error
  }
}, wait).then((r) => { if (r?.wrong) throw r.wrong; return r })

const STARTS_MAX = 40
const PLAIN_TURNS = 3 // of a gateway that lives on

/**
 * Starts until it is up: what fails may end it before it was ever ready, saying why; not by a signal. Whoever started it starts it again, as often as
 * something fails. Gives the gateway.
 */
async function startAtLast(b, hooks, told, from) {
  const { shim } = b
  for (;;) {
    const before = marksOf(shim)
    try {
      return await startGateway({ after: (fn) => hooks.push(fn) }, { dir: b.dir, conf: configOf(b), host: shim.host })
    } catch (error) {
      if (!/ended \(\d+\) before it was ready/.test(error.message) || firedSince(shim, before) === 0) throw error
      const judged = await judgeEnds(shim, error.message.split('\n'), from)
      if (judged.bad.length) throw new Error(`${judged.crashes.join('\n')}\n${error.message}`)
      told.libraryEnds += judged.byLibrary
      told.failedStarts++
      if (told.failedStarts >= STARTS_MAX) shim.off()
    }
  }
}

const endWell = ({ code, signal }) => { if (code !== 0) throw new Error(`gatepostd ended with ${code ?? signal}`) }

/** What the nth gateway of a scenario held at its end: learnt while b.learns, compared else. Gives what is a leak, by name. */
async function lookAtHeld({ shim, held, learns }, nth) {
  if (!held) return []
  const its = held[nth] ??= makeHeld()
  return learns ? its.learn(shim).then(() => []) : its.more(shim)
}

/**
 * Runs `body({ start, stop, settle })`, in which gateways live one after the other, with the faults that the shim was armed with; settle() after a program
 * of which nobody asks what it held. Gives { failedStarts, libraryEnds, lines, settled: the lives that ended by exit() and were looked at, as lifeOf() has
 * them }. Throws when an invariant is broken; a leak is one when b.held knows what is usual.
 */
export async function runOf(b, body) {
  const { shim } = b
  const told = { failedStarts: 0, libraryEnds: 0, lines: [], settled: new Set() }
  const from = marksOf(shim)
  const hooks = [], leaks = []
  let gateway, stops = 0
  const seen = () => { told.lines.push(...gateway?.lines() ?? []); gateway = undefined }
  const settle = () => { for (const slot of orderly(shim)) told.settled.add(lifeOf({ slot, life: shim.life(slot) })) }
  try {
    await body({
      settle,
      start: async () => { gateway = await startAtLast(b, hooks, told, from); return gateway },
      stop: async () => {
        endWell(await gateway.stop())
        seen()
        settle()
        leaks.push(...await lookAtHeld(b, stops++))
      },
    })
  } catch (error) {
    const { crashes } = await judgeEnds(shim, [], from)
    const lines = [...told.lines, ...gateway?.lines() ?? []].slice(-400)
    throw Object.assign(new Error([...crashes, error.message, ...lines].join('\n')), { cause: error })
  } finally {
    for (const hook of hooks) await hook()
    seen()
  }
  const judged = await judgeEnds(shim, told.lines, from)
  if (judged.bad.length) throw new Error([...judged.bad, ...judged.crashes].join('\n'))
  told.libraryEnds += judged.byLibrary
  if (leaks.length) throw new Error(leaks.join('\n'))
  return told
}

/** The scenario once, from an empty state directory (unless `keep`); at its end `also(gateway)` looks at something more. As runOf. */
export async function once(t, b, { keep = false, also = async () => {} } = {}) {
  const { published } = b
  const newest = published.at(-1)
  if (!keep) await rm(b.dir, { recursive: true, force: true })
  return runOf(b, async ({ start, stop }) => {
    const gateway = await start()
    await patient('the release to be served', () => read(gateway, newest, { allowed: published.map((p) => p.sequence) }))
    await patient('a report to be taken', async () => (await report(gateway, 'd1', newest.sequence)) === 204)
    await patient('the store to be fine', async () => !(await gateway.status()).store.degraded)
    await patient('the releases', async () => (await gateway.release(PRODUCT, newest.sequence)).state === 'active')
    await patient('the report to be told', async () => (await gateway.ask('devices')).items.some((d) => d.device === 'd1' && d.state === 'installed'))
    await also(gateway)
    await stop()
  })
}

/** Runs without faults, from which b.held learns what is usual for each gateway of the scenario. */
export async function learnHeld(t, b, { scenario = once, runs = 3 } = {}) {
  b.shim.off()
  b.held = []
  b.learns = true
  for (let i = 0; i < runs; i++) await scenario(t, b)
  b.learns = false
}

const fdsOf = async (pid) => (await readdir(`/proc/${pid}/fd`)).length

/** Every process' open descriptors: { name: { pid, fds } }. */
async function descriptors(gateway) {
  const all = { gatepostd: gateway.server.pid, ...await gateway.children() }
  return Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, pid]) => [name, { pid, fds: await fdsOf(pid) }])))
}

/** Keeps the highest count of each process (by pid) at rest in the rounds without faults; later more than `room` above that is a leak. */
function makeLeakWatch(room) {
  const base = new Map()
  return {
    learn(now) { for (const { pid, fds } of Object.values(now)) base.set(pid, Math.max(base.get(pid) ?? 0, fds)) },
    check(now) {
      for (const [name, { pid, fds }] of Object.entries(now)) {
        if (!base.has(pid)) base.set(pid, fds)
        else if (fds > base.get(pid) + room) throw new Error(`${name} holds ${fds} descriptors, ${base.get(pid)} before any fault`)
      }
    },
  }
}

/**
 * A gateway that lives through rounds of new releases, readers, reports, operators' commands, revocations, reloads and restarts, with faults in
 * between: until `seconds` have gone or a whole round met no new site. `arm` arms the shim for a round. What holds after each round: everything
 * is as it would be without faults. Gives { rounds, faults, libraryEnds, plain: how many sites (of `classes`) each turn without faults met, unfailed: those of
 * them that never failed }.
 */
export async function live(t, b, { seconds, arm, classes = CLASSES, rounds: most = Infinity }) {
  const { shim, world } = b
  const told = { rounds: 0, faults: 0, libraryEnds: 0 }
  const watch = makeLeakWatch(12)
  await rm(b.dir, { recursive: true, force: true })
  shim.off()
  const gateway = await startGateway(t, { dir: b.dir, conf: configOf(b), host: shim.host })
  let newest = b.published.at(-1), good = b.published.map((p) => p.sequence), revoked = []
  const settle = async () => {
    await patient('the newest to be served', () => read(gateway, newest, { allowed: good, images: world.images }))
    good = good.filter((s) => !revoked.includes(s)) // once it is out of the server's catalog it never comes back
    await patient('its state', async () => (await gateway.release(PRODUCT, newest.sequence)).state === 'active')
    for (const s of revoked) await patient('the revoked one to be known', async () => (await gateway.release(PRODUCT, s)).state === 'revoked')
    await patient('the store to be fine', async () => !(await gateway.status()).store.degraded)
  }
  const steps = [
    async function publishes() {
      newest = await world.publish({ image: randomBytes(150000) })
      good.push(newest.sequence)
      await world.finalize()
    },
    async function reports(i) {
      await patient('a report to be taken', async () => (await report(gateway, `d${i % 5}`, newest.sequence)) === 204)
      await patient('the report to be told', async () =>
        (await gateway.ask('devices')).items.some((d) => d.device === `d${i % 5}` && d.sequence === newest.sequence && d.state === 'installed'))
    },
    async function commands() {
      await patient('a hold', async () => (await gateway.cli('hold', PRODUCT, String(newest.sequence))).code === 0)
      await patient('it to be held', async () => (await gateway.release(PRODUCT, newest.sequence)).state === 'held')
      await patient('an approval', async () => (await gateway.cli('approve', PRODUCT, String(newest.sequence))).code === 0)
    },
    async function revokes() {
      await world.registry.call(world.owner, 'revoke', world.id, BigInt(newest.sequence), 'bad')
      revoked = [newest.sequence]
      await world.finalize()
      newest = await world.publish({ image: randomBytes(150000) })
      await world.finalize()
      good.push(newest.sequence)
      await patient('the revocation', async () => (await gateway.release(PRODUCT, revoked[0])).state === 'revoked')
    },
    async function reloads() {
      process.kill(gateway.server.pid, 'SIGHUP')
    },
    async function restarts() {
      shim.off()
      endWell(await gateway.stop())
      await gateway.start()
    },
  ]
  const end = performance.now() + seconds * 1000
  try {
    const turn = steps.length - 1, counts = [shim.counts()]
    shim.record()
    for (let i = 0; i < PLAIN_TURNS * turn; i++) { // without faults: what is normal
      await steps[i % turn](i)
      await settle()
      watch.learn(await descriptors(gateway))
      if ((i + 1) % turn === 0) counts.push(shim.counts())
    }
    shim.off()
    const plain = metInEach(counts)
    for (let i = 0, idle = 0; performance.now() < end && idle < 2 * steps.length && told.rounds < most; i++) {
      const from = marksOf(shim), line = gateway.lines().length
      told.step = steps[i % steps.length].name
      arm(shim, i)
      await steps[i % steps.length](i)
      await settle()
      shim.off()
      await settle()
      const fired = firedSince(shim, from)
      const judged = await judgeEnds(shim, gateway.lines().slice(told.step === 'restarts' ? 0 : line), from)
      if (judged.bad.length) throw new Error([...judged.bad, ...judged.crashes].join('\n'))
      told.libraryEnds += judged.byLibrary
      told.rounds++
      told.faults += fired
      idle = fired ? 0 : idle + 1
      watch.check(await descriptors(gateway))
      b.mark = marksOf(shim)
    }
    endWell(await gateway.stop())
    const due = SLOTS.flatMap((s) => shim.sites(s)).filter((s) => plain.has(keyOf(s)) && classes.includes(s.class))
    Object.assign(told, { plain: due.length, unfailed: due.filter((s) => s.pass !== shim.pass) })
  } catch (error) {
    const names = await namesOf(shim, b.mark ?? Object.fromEntries(SLOTS.map((s) => [s, 0])))
    throw Object.assign(new Error(`${told.step}: ${error.message}\n${names.join('\n')}\n${gateway.lines().filter((l) => !/debug/.test(l)).slice(-300).join('\n')}`), { cause: error })
  } finally {
    shim.off()
  }
  return told
}
