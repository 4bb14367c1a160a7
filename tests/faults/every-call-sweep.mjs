// every-call-sweep.mjs: every site of the scenario fails once (shim.h): several in a run, in all programs at a time; when a run ends badly its sites fail
// again one by one, each in a run of its own, which names the one that did it.
import { firedSince, marksOf, metInEach, once } from './every-call.mjs'
import { SLOTS, keyOf, lifeOf } from './shim.mjs'

const PLAIN = 3		// runs without faults, of which a site has to be met in each
const IDLE_MAX = 3	// runs without a fault until the rest counts as not met again
const AGAIN_MAX = 3	// how often a site may fail in a life that another one ended

/** Of this pass: sites that could fail, and those that have not. */
function count(shim, slots, classes, spared) {
  const sites = slots.flatMap((s) => shim.sites(s)).filter((s) => classes.includes(s.class) && !spared.has(keyOf(s)))
  return { sites, left: sites.filter((s) => s.pass !== shim.pass) }
}

/** The sites that each of a few runs without faults meets, as keys. */
export async function metPlainly(t, b, scenario = once) {
  const counts = [b.shim.counts()]
  for (let i = 0; i < PLAIN; i++) {
    b.shim.record()
    await scenario(t, b)
    b.shim.off()
    counts.push(b.shim.counts())
  }
  return metInEach(counts)
}

/**
 * What failed in a life whose end nobody could look at (runOf) was looked at only when it was the last fault there, which may have been the end's cause.
 * The others may fail again, in a life that tells what it holds at its end.
 */
function unsettle(shim, slots, from, settled, again) {
  for (const slot of slots) {
    const faults = shim.faults(slot, from[slot])
    faults.forEach((f, i) => {
      if (settled.has(lifeOf(f)) || faults[i + 1]?.life !== f.life) return
      const key = keyOf(f), times = (again.get(key) ?? 0) + 1
      again.set(key, times)
      if (times <= AGAIN_MAX) shim.forget(f)
    })
  }
}

/** The scenario with this one fault alone. Gives the error, if it ends badly. */
async function alone(t, b, scenario, site, round) {
  b.shim.off()
  b.shim.forget(site)
  b.shim.sweep(site.slot, { only: site.hash, classes: [site.class], round })
  try {
    await scenario(t, b)
  } catch (error) {
    return error
  } finally {
    b.shim.off()
  }
}

/** Which of the faults since `from` breaks an invariant by itself: [{ names, message }]. None does: all of them together. */
async function blame(t, b, scenario, slots, from, round, error) {
  const faults = slots.flatMap((s) => b.shim.faults(s, from[s]))
  const sites = [...new Map(faults.map((f) => [keyOf(f), f])).values()]
  const guilty = []
  for (const site of sites) {
    const why = await alone(t, b, scenario, site, round)
    if (why) guilty.push({ names: [await b.shim.name(site)], message: why.message })
  }
  return guilty.length ? guilty : [{ names: await Promise.all(sites.map((s) => b.shim.name(s))), message: `only together: ${error.message}` }]
}

/** Sites that wait for a run: its faults are few, and what is met seldom would take most of them. */
function makeAside(shim) {
  const sites = []
  return {
    put(list) {
      for (const site of list) shim.spend(site)
      sites.push(...list)
    },
    back() { for (const site of sites.splice(0)) shim.forget(site) },
  }
}

/**
 * Runs until no site fails for the first time any more. `budget`: faults of one program in one run; `plain`: the sites that a run without faults meets
 * (metPlainly), which go first; `spared`: those that another sweep fails; `behind`: ends after so many runs in which none of `plain` failed, as what
 * failures lead to has no end in sight. Gives { runs, failedStarts, libraryEnds, met, failed, plain: how many of those there are in these classes,
 * unfailed: of them, and met so again at the end, left: all the sites that were not met again, guilty }.
 */
export async function sweepAll(t, b, { slots = SLOTS, classes = b.shim.classesWith(0), round = 0, budget = {}, seed = 1, scenario = once, plain = new Set(),
  spared = new Set(), behind = Infinity, note = () => {} } = {}) {
  const { shim } = b
  const told = { runs: 0, failedStarts: 0, libraryEnds: 0, guilty: [] }
  const again = new Map(), aside = makeAside(shim)
  const isPlain = (site) => plain.has(keyOf(site))
  const arm = (slot, idle) => {
    const { left } = count(shim, [slot], classes, spared), first = idle ? [] : left.filter(isPlain), most = budget[slot] ?? 1
    if (first.length) aside.put(left.filter((site) => !isPlain(site)))
    const due = first.length || left.length
    shim.sweep(slot, { classes, round, budget: most, seed: seed + told.runs, sample: idle ? 1 : Math.max(1, Math.floor(due / most / 2)) })
  }
  shim.nextPass()
  for (const site of slots.flatMap((s) => shim.sites(s))) if (spared.has(keyOf(site))) shim.spend(site)
  for (let idle = 0, after = 0; idle < IDLE_MAX && after < behind; told.runs++) {
    const from = marksOf(shim), due = count(shim, slots, classes, spared).left.filter(isPlain).length
    for (const slot of slots) arm(slot, idle)
    try {
      const one = await scenario(t, b)
      told.failedStarts += one.failedStarts
      told.libraryEnds += one.libraryEnds
      unsettle(shim, slots, from, one.settled, again)
    } catch (error) {
      shim.off()
      const found = await blame(t, b, scenario, slots, from, round, error)
      for (const g of found) note(`${g.names.join('\n')}\n${g.message}`)
      told.guilty.push(...found)
    }
    shim.off()
    aside.back()
    const ahead = count(shim, slots, classes, spared).left.filter(isPlain).length
    after = ahead < due ? 0 : after + 1
    idle = firedSince(shim, from) ? 0 : idle + 1
    note(`run ${told.runs}: ${firedSince(shim, from)} failed, ${ahead} that are met plainly have not`)
  }
  const { sites, left } = count(shim, slots, classes, spared)
  // On a machine that was busier then some are not met any more: allocations that hang on what else was there.
  const still = left.some(isPlain) ? await metPlainly(t, b, scenario) : new Set()
  return { ...told, met: sites.length, failed: sites.length - left.length, plain: sites.filter(isPlain).length,
    unfailed: left.filter((site) => isPlain(site) && still.has(keyOf(site))), left }
}
