// bit-rot-words.mjs: an operator and devices who tell a gateway something all the while, and what it has acknowledged of that.
import assert from 'node:assert/strict'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT } from '../support/world.mjs'
import { Loops } from './bit-rot-loops.mjs'

export const ASKED = 'acme/lock' // its only release goes out by the operator's word
const DEVICES = 6, GROUPS = 3, TOKENS = 8

/** What a thing may be: what was acknowledged last, or what was tried since without an answer. */
class Words {
  may = new Map([['pin', new Set([false])]])
  /** Of each kind of thing, how often. */
  acknowledged = { report: 0, group: 0, pin: 0, decision: 0, token: 0 }
  texts = new Map() // of the last tokens, by name
  try(thing, word) { this.may.get(thing)?.add(word) ?? this.may.set(thing, new Set([undefined, word])) }
  kept(thing, word) {
    this.may.set(thing, new Set([word]))
    this.acknowledged[kindOf(thing)]++
  }
  made(token, text) {
    this.texts.set(token, text)
    const [oldest] = this.texts.keys()
    if (this.texts.size > TOKENS) this.may.delete(`token ${oldest}`), this.texts.delete(oldest)
  }
}

/** A thing's name begins with its kind. */
const kindOf = (thing) => thing.split(' ')[0], nameOf = (thing) => thing.split(' ')[1]

async function tell(words, thing, word, call) {
  words.try(thing, word)
  if (await call()) words.kept(thing, word)
}

const acts = (gateway, token, words, dice) => {
  let n = 0
  return {
    async report() {
      const device = `r${dice.below(DEVICES)}`, reason = `report ${++n}`
      await tell(words, `report ${device}`, reason, async () => (await fetch(`${gateway.http}/fw/${PRODUCT}/report`, { method: 'POST',
        headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(10000),
        body: JSON.stringify({ device, sequence: 1, state: 'failed', reason }) })).status === 204)
    },
    async group() {
      const device = `g${dice.below(GROUPS)}`, group = `group-${++n}`
      await tell(words, `group ${device}`, group, async () => (await gateway.api(`/api/v1/devices/${device}`, { token, method: 'PUT', body: { group } })).status === 200)
    },
    async pin() {
      const word = dice.below(2) ? 'pin' : 'unpin'
      await tell(words, 'pin', word === 'pin', async () => (await gateway.cli(word, PRODUCT)).code === 0)
    },
    async decide() {
      const word = dice.below(2) ? 'approve' : 'hold'
      await tell(words, 'decision', word, async () => (await gateway.cli(word, ASKED, '1')).code === 0)
    },
    /** A new one, or the end of the last one. */
    async token() {
      const last = [...words.texts.keys()].at(-1), is = words.may.get(`token ${last}`)
      if (is?.size === 1 && is.has('works')) return tell(words, `token ${last}`, 'revoked', async () => (await gateway.cli('token', 'revoke', last)).code === 0)
      const name = `t${++n}`
      await tell(words, `token ${name}`, 'works', async () => {
        const { code, stdout } = await gateway.cli('token', 'new', name, '--scope', 'read')
        if (code === 0) words.made(name, stdout.trim())
        return code === 0
      })
    },
  }
}

/** Until stop(), and not while they are held. check(): all that was acknowledged is there; nobody tells anything meanwhile. */
export async function startWords(gateway, dice) {
  const words = new Words(), loops = new Loops(), token = (await gateway.cli('token', 'new', 'words', '--scope', 'operate')).stdout.trim()
  const all = Object.values(acts(gateway, token, words, dice))
  loops.run(() => dice.pick(all)().catch(() => {})) // not acknowledged: the keeper starts anew
  return {
    words,
    hold: () => loops.hold(),
    stop: () => loops.stop(),
    async check() {
      const goOn = await loops.hold()
      try {
        const { wrong } = await waitFor('an answer', () => compare(gateway, token, words), { deadline_ms: 60000, every_ms: 50 })
        assert.deepEqual(wrong, [], 'acknowledged, and gone')
      } finally {
        goOn()
      }
    },
  }
}

/** What an answer says; fails where there is none. */
async function answered(asking, ...statuses) {
  const r = await asking
  if (!statuses.includes(r.status)) throw new Error(`${r.status}`)
  return r
}

/** What was decided of the release that waits for a word; fails while it is not settled. */
async function decisionOf(gateway) {
  const { state, why } = await gateway.release(ASKED, 1) ?? {}
  if (state === 'active') return 'approve'
  if (state !== 'held') throw new Error(`${state}: ${why}`)
  return why === 'held by the operator' ? 'hold' : undefined
}

/** One that is not listed is not tried: too many wrong ones, and nobody is let in for a while. */
async function tokenIs(gateway, listed, name, token) {
  if (!listed.some((t) => t.name === name)) return 'revoked'
  return (await answered(gateway.api('/api/v1/products', { token }), 200, 401)).status === 200 ? 'works' : 'refused'
}

/** Once the gateway answers, it has to be right. */
async function compare(gateway, token, words) {
  const [devices, products, tokens] = await Promise.all([['devices'], ['products'], ['token', 'list']].map(async (words) => (await gateway.ask(...words)).items)), wrong = []
  const now = {
    report: (name) => devices.find((d) => d.device === name)?.reason,
    group: async (name) => (await answered(gateway.api(`/api/v1/devices/${name}`, { token }), 200, 404)).body.group,
    pin: () => products.find((p) => p.product === PRODUCT).pinned,
    decision: () => decisionOf(gateway),
    token: (name) => tokenIs(gateway, tokens, name, words.texts.get(name)),
  }
  for (const [thing, may] of words.may) {
    if (kindOf(thing) === 'token' && !words.texts.has(nameOf(thing))) continue // nobody was told what it is
    const is = await now[kindOf(thing)](nameOf(thing))
    if (!may.has(is)) wrong.push(`${thing} is ${is}; acknowledged, or tried since, was ${[...may].join(', ')}`)
  }
  return { wrong }
}
