// every-call-held.mjs: what a program still holds when it ends by exit() (shim.h), compared with what it holds when nothing has failed.
import { SLOTS } from './shim.mjs'

const KINDS = { 0: 'event', 1: 'pipe', 2: 'terminal', 4: 'directory', 6: 'disk', 8: 'file', 12: 'socket' }

/** Kept on purpose until the end, from other sites when something has failed before: counted together, with room for so many more. */
const KEPT = [
  { what: 'what the C library has read of groups and the time zone', of: /memory: (libc|ld-linux\S*) < (.*< )?(control_group|keeper_read_conf) /, room: 4 },
  { what: 'the curve and the last key, with what libcrypto found out about them', of: /< public_key sig_p256\.c/, room: 4 },
  { what: 'what libcrypto keeps until the end, made by whoever asks first', of: /memory: libcrypto\S* < .*< (libcrypto_start|can_verify_known|ed_verify|p256_verify) /, room: 3 },
  { what: 'what libssl does not let go when it could not start', of: /memory: .*libssl\S* < .*http_new /, room: 1 },
  { what: "threads' stacks, which the C library keeps for the next ones", of: /memory: ld-linux\S* < ld-linux\S* < libc </, room: 4 },
]

/** The programs whose last life so far ended by exit(). */
export const orderly = (shim) => SLOTS.filter((s) => shim.life(s) && shim.end(s).life === shim.life(s))

/** What they held then: { what: how many }. */
async function heldBy(shim, nameOf) {
  const held = new Map()
  const add = (what, n) => held.set(what, (held.get(what) ?? 0) + n)
  for (const slot of orderly(shim)) {
    const end = shim.end(slot)
    for (const site of end.blocks) {
      const name = await nameOf(site), kept = KEPT.find((k) => k.of.test(name))
      add(kept ? `blocks of ${slot}, ${kept.what}` : `blocks of ${name} [${site.hash}]`, site.held)
    }
    end.descriptors.forEach((n, kind) => { if (n) add(`descriptors of ${slot}, ${KINDS[kind] ?? kind}`, n) })
  }
  return held
}

export function makeHeld() {
  const usual = new Map(), names = new Map()
  const roomFor = (what) => KEPT.find((k) => what.endsWith(k.what))?.room ?? 0
  const nameOfIn = (shim) => async (site) => {
    const key = `${site.slot} ${site.hash}`
    if (!names.has(key)) names.set(key, await shim.name(site))
    return names.get(key)
  }
  return {
    /** After ends without faults. */
    async learn(shim) {
      for (const [what, n] of await heldBy(shim, nameOfIn(shim))) usual.set(what, Math.max(usual.get(what) ?? 0, n))
    },
    /** What the last lives held more, by name: a leak each. */
    async more(shim) {
      const now = await heldBy(shim, nameOfIn(shim))
      return [...now].map(([what, n]) => [what, n - (usual.get(what) ?? 0) - roomFor(what)]).filter(([, n]) => n > 0).map(([what, n]) => `not let go: ${n} ${what}`)
    },
  }
}
