// wait.mjs: wait for a state, never for a time.
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks `probe` until it gives something truthy, and returns that. A probe that throws is asked again; past the
 * deadline the error says what was waited for and what the last answer (or error) was.
 */
export async function waitFor(what, probe, { deadline_ms = 20000, every_ms = 10 } = {}) {
  const end = performance.now() + deadline_ms
  let last
  for (;;) {
    try {
      last = await probe()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last)
      throw new Error(`waited ${deadline_ms} ms in vain for ${what}; last seen: ${seen}`)
    }
    await pause(every_ms)
  }
}
