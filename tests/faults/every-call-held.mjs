// every-call-held.mjs: what a program still holds when it ends by exit() (shim.h), compared with what it holds when nothing has failed.
import { SLOTS } from './shim.mjs'

const KINDS = { 1: 'pipe', 2: 'terminal', 4: 'directory', 6: 'disk', 8: 'file', 10: 'link', 12: 'socket', 0: 'event' }

/** The programs whose last life so far ended by exit(). */
export const orderly = (shim) => SLOTS.filter((s) => shim.life(s) && shim.end(s).life === shim.life(s))

export function makeHeld() {
  const blocks = new Map(), descriptors = new Map()
  const key = (site) => `${site.slot} ${site.hash}`
  return {
    /** After ends without faults. */
    learn(shim) {
      for (const slot of orderly(shim)) {
        const end = shim.end(slot)
        for (const site of end.blocks) blocks.set(key(site), Math.max(blocks.get(key(site)) ?? 0, site.held))
        end.descriptors.forEach((n, kind) => descriptors.set(`${slot} ${kind}`, Math.max(descriptors.get(`${slot} ${kind}`) ?? 0, n)))
      }
    },
    /** What the last lives held more, by name: a leak each. */
    async more(shim) {
      const told = []
      for (const slot of orderly(shim)) {
        const end = shim.end(slot)
        for (const site of end.blocks) {
          const usual = blocks.get(key(site)) ?? 0
          if (site.held > usual) told.push(`${site.held - usual} blocks not freed, of ${await shim.name(site)}`)
        }
        end.descriptors.forEach((n, kind) => {
          const usual = descriptors.get(`${slot} ${kind}`) ?? 0
          if (n > usual) told.push(`${n - usual} descriptors not closed, of ${slot}, ${KINDS[kind] ?? kind}`)
        })
      }
      return told
    },
  }
}
