// bit-rot-words.mjs: an operator and devices who tell a gateway something all the while, and what it has acknowledged of that.
import assert from 'node:assert/strict'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT } from '../support/world.mjs'

const DEVICES = 6, GROUPS = 3

/** What a thing may be: what was acknowledged last, or what was tried since without an answer. */
class Words {
  may = new Map()
  acknowledged = 0
  try(thing, word) { this.may.get(thing)?.add(word) ?? this.may.set(thing, new Set([undefined, word])) }
  kept(thing, word) { this.may.set(thing, new Set([word])); this.acknowledged++ }
}

async function tell(words, thing, word, call) {
  words.try(thing, word)
  if (await call()) words.kept(thing, word)
}

const acts = (gateway, token, words, dice) => {
  let n = 0
  return {
    async report() {
      const device = `r${dice.below(DEVICES)}`, reason = `report ${++n}`
      await tell(words, device, reason, async () => (await fetch(`${gateway.http}/fw/${PRODUCT}/report`, { method: 'POST',
        headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(10000),
        body: JSON.stringify({ device, sequence: 1, state: 'failed', reason }) })).status === 204)
    },
    async group() {
      const device = `g${dice.below(GROUPS)}`, group = `group-${++n}`
      await tell(words, device, group, async () => (await gateway.api(`/api/v1/devices/${device}`, { token, method: 'PUT', body: { group } })).status === 200)
    },
    async pin() {
      const word = dice.below(2) ? 'pin' : 'unpin'
      await tell(words, 'pinned', word === 'pin', async () => (await gateway.cli(word, PRODUCT)).code === 0)
    },
  }
}

/** Loops until stop(). check(): all that was acknowledged is there; nobody tells anything meanwhile. */
export async function startWords(gateway, dice) {
  const words = new Words(), token = (await gateway.cli('token', 'new', 'words', '--scope', 'operate')).stdout.trim()
  const all = Object.values(acts(gateway, token, words, dice))
  let stopped = false, rest = Promise.resolve(), act = Promise.resolve()
  const turn = () => dice.pick(all)().catch(() => {}) // not acknowledged: the keeper starts anew
  const loop = (async () => {
    while (!stopped) {
      await rest
      await (act = turn())
    }
  })()
  return {
    words,
    async stop() { stopped = true; await loop },
    async check() {
      let go
      rest = new Promise((resolve) => { go = resolve })
      await act
      try {
        const { wrong } = await waitFor('an answer', () => compare(gateway, token, words), { deadline_ms: 60000, every_ms: 50 })
        assert.deepEqual(wrong, [], 'acknowledged, and gone')
      } finally {
        go()
      }
    },
  }
}

/** Once the gateway answers, it has to be right. */
async function compare(gateway, token, words) {
  const devices = (await gateway.ask('devices')).items, products = (await gateway.ask('products')).items
  const pinned = products.find((p) => p.product === PRODUCT).pinned, wrong = []
  for (const [thing, may] of words.may) {
    const listed = thing[0] === 'g' ? await gateway.api(`/api/v1/devices/${thing}`, { token }) : undefined
    if (listed && listed.status !== 200 && listed.status !== 404) throw new Error(`${listed.status}`)
    const is = thing === 'pinned' ? pinned : listed ? listed.body.group : devices.find((d) => d.device === thing)?.reason
    if (!may.has(is)) wrong.push(`${thing} is ${is}; acknowledged, or tried since, was ${[...may].join(', ')}`)
  }
  return { wrong }
}
