// every-call.mjs: a full scenario in which calls into the C library fail, one after the other (shim.h), and what must hold all the same.
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openClient, OPTION, block } from '../support/coap.mjs'
import { program, startGateway } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { CLASSES, SLOTS, Shim } from './shim.mjs'

export const [SUPERVISOR, KEEPER, SERVER, RESOLVER] = SLOTS
const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
const WAIT = { deadline_ms: 60000, every_ms: 20 }

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

const configOf = (b) => b.world.config({ dir: b.dir, product: { keep: 3 } })

/** What the log and the exit status tell of ends that nobody may come to. */
export function ends(lines) {
  return lines.filter((l) => /a process has ended .*signal=|no sign of life|Assertion|AddressSanitizer|runtime error|LeakSanitizer/.test(l))
}

/** What failed since `from` (by slot), by name. */
export const namesOf = async (shim, from) =>
  (await Promise.all(SLOTS.map((s) => Promise.all(shim.faults(s, from[s]).map((f) => shim.name(f)))))).flat()
export const marksOf = (shim) => Object.fromEntries(SLOTS.map((s) => [s, shim.fired(s)]))

/** Wrong bytes are an error that no waiting heals. */
export class Wrong extends Error {}

/** A device reads the newest release and its image, by HTTP and a few blocks by CoAP. Throws when it has to ask again. */
export async function read(gateway, release, { allowed = [release.sequence] } = {}) {
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
      if (!reply.payload.equals(release.image.subarray(number * 1024, number * 1024 + 1024))) throw new Wrong('a block of other bytes')
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

const patient = (what, probe) => waitFor(what, async () => {
  try {
    return await probe()
  } catch (error) {
    if (error instanceof Wrong) return { wrong: error }
    throw error
  }
}, WAIT).then((r) => { if (r?.wrong) throw r.wrong; return r })

/**
 * The scenario once, from an empty state directory (unless `keep`), with the faults that the shim was armed with. `mind` is told what
 * happens: { starts, ended }. Throws when an invariant is broken.
 */
export async function once(t, b, { keep = false } = {}) {
  const { shim, published } = b
  const newest = published.at(-1)
  const told = { failedStarts: 0, lines: [] }
  const hooks = []
  if (!keep) await rm(b.dir, { recursive: true, force: true })
  let gateway
  const start = () => startGateway({ after: (fn) => hooks.push(fn) }, { dir: b.dir, conf: configOf(b), host: shim.host })
  try {
    try {
      gateway = await start()
    } catch (error) {
      // It may end before it was ever ready, saying why; not by a signal. Whoever started it starts it again.
      if (!/ended \(\d+\) before it was ready/.test(error.message)) throw error
      if (ends(error.message.split('\n')).length) throw error
      told.failedStarts++
      told.why = error.message.split('\n').slice(-3).join(' | ')
      shim.off()
      gateway = await start()
    }
    await patient('the release to be served', () => read(gateway, newest, { allowed: published.map((p) => p.sequence) }))
    await patient('a report to be taken', async () => (await report(gateway, 'd1', newest.sequence)) === 204)
    await patient('the store to be fine', async () => !(await gateway.status()).store.degraded)
    await patient('the releases', async () => (await gateway.release(PRODUCT, newest.sequence)).state === 'active')
    await patient('the report to be told', async () => (await gateway.ask('devices')).items.some((d) => d.device === 'd1' && d.state === 'installed'))
    const { code, signal } = await gateway.stop()
    if (code !== 0) throw new Error(`gatepostd ended with ${code ?? signal}`)
  } catch (error) {
    throw Object.assign(new Error(`${error.message}\n${(gateway?.lines() ?? []).slice(-25).join('\n')}`), { cause: error })
  } finally {
    for (const hook of hooks) await hook()
    if (gateway) told.lines = gateway.lines()
  }
  const bad = ends(told.lines)
  if (bad.length) throw new Error(bad.join('\n'))
  return told
}
