// hostile-rpc.mjs: RPC providers in front of a real node, which tell the truth about it until a lie is switched on.
//
// All providers of a test stand here, the honest ones too. So the test has the daemon's polls in its hand: what the chain looks
// like in a poll (show), when the lie was told first (told), and that nothing goes on after the second poll of the lie until
// the test has looked at the status (twoPollsOver, goOn).
//
// A lie's tamper(stage) gives an object with some of:
//	call(call, honest)		another answer to one call; undefined: leaves it
//	batch(answers, calls)		another body (object or text) for a batch; undefined: leaves it
//	http(exchange)			answers by itself, { req, res, calls, body: the honest text }, and returns true
//	isDown: true			nobody listens
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { freePort } from '../support/ports.mjs'
import { headerOf, quantity } from './hostile-headers.mjs'
import { Polls } from './hostile-polls.mjs'

const HEADER_METHODS = { eth_getHeaderByNumber: 'eth_getBlockByNumber', eth_getHeaderByHash: 'eth_getBlockByHash' }
const TAGS = { latest: 'latest', finalized: 'final', safe: 'final' }

/** A promise that is settled from outside. */
export function later() {
  let settle
  const promise = new Promise((resolve) => { settle = resolve })
  return { promise, settle }
}

/** The real chain, up to what a provider shows of it; blocks are remembered. */
class Node {
  constructor(chain) {
    this.chain = chain
    this.blocks = new Map()
  }

  /** What `chain` shows now: { latest, final }. */
  async view() {
    this.blocks.clear()
    return { latest: await this.chain.number(), final: await this.chain.number('finalized') }
  }

  block(number) {
    if (!this.blocks.has(number)) this.blocks.set(number, this.chain.rpc('eth_getBlockByNumber', quantity(number), false))
    return this.blocks.get(number)
  }

  async #byNumber(view, which) {
    const number = which in TAGS ? view[TAGS[which]] : Number(which)
    return number <= view.latest ? this.block(number) : null
  }

  /** The result of a method, as of the view; an error is thrown. */
  async ask(view, method, params) {
    if (method in HEADER_METHODS) return headerOf(await this.ask(view, HEADER_METHODS[method], params))
    if (method === 'eth_getBlockByNumber') return this.#byNumber(view, params[0])
    return this.chain.rpc(method, ...params)
  }
}

async function answerHonestly(node, view, { id, method, params }) {
  try {
    return { jsonrpc: '2.0', id, result: await node.ask(view, method, params) }
  } catch (error) {
    return { jsonrpc: '2.0', id, error: { code: error.code ?? -32603, message: error.message } }
  }
}

/** A lie: from the next show() on, whoever tells it serves `chain` as it is now instead of the one that it stands in front of. */
export async function truthOf(chain) {
  const node = new Node(chain)
  const view = await node.view()
  return (stage) => ({ call: (call) => stage.view() === stage.before ? undefined : answerHonestly(node, view, call) })
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b)

class Provider {
  constructor(rpc, name, tls) {
    Object.assign(this, { rpc, name, tls, requests: 0, methods: {}, lie: {}, view: rpc.view, next: null, nextLie: null })
  }

  async listen() {
    this.port ??= await freePort()
    const onRequest = (req, res) => this.#serve(req, res).catch(() => res.destroy())
    this.server = this.tls ? createTlsServer(this.tls, onRequest) : createServer(onRequest)
    if (this.tls) this.server.on('connection', () => this.rpc.lied()) // its certificate is the lie
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.url = `http${this.tls ? 's' : ''}://127.0.0.1:${this.port}`
  }

  async close() {
    const closed = new Promise((resolve) => this.server.close(resolve))
    this.server.closeAllConnections()
    await closed
  }

  /** A poll begins in which it shows something new. */
  async turn() {
    this.view = this.next.view
    if (this.nextLie) await this.turnTo(this.nextLie)
    this.next = this.nextLie = null
  }

  /** Tells this lie from now on, instead of the one before; {}: the truth. */
  async turnTo(lie) {
    const last = this.lie
    this.lie = lie
    last.stop?.()
    if (lie.isDown && !last.isDown) await this.close()
    if (!lie.isDown && last.isDown) await this.listen()
  }

  async #serve(req, res) {
    const chunks = []
    for await (const chunk of req) chunks.push(chunk)
    const body = JSON.parse(Buffer.concat(chunks))
    const calls = [body].flat()
    this.requests++
    for (const { method } of calls) this.methods[method] = (this.methods[method] ?? 0) + 1
    await this.rpc.entered(this, calls)
    await this.#answer({ req, res, calls, isBatch: Array.isArray(body), lie: this.lie })
  }

  async #answer({ req, res, calls, isBatch, lie }) {
    const answers = await Promise.all(calls.map((call) => this.#answerCall(lie, call)))
    let reply = isBatch ? answers : answers[0]
    const other = isBatch ? lie.batch?.(answers, calls) : undefined
    if (other !== undefined && !isSame(other, reply)) this.rpc.lied()
    reply = other ?? reply
    const text = typeof reply === 'string' ? reply : JSON.stringify(reply)
    if (lie.http) {
      if (await lie.http({ req, res, calls, isBatch, body: text })) return this.rpc.lied()
    }
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  }

  async #answerCall(lie, call) {
    const honest = await answerHonestly(this.rpc.node, this.view, call)
    const other = await lie.call?.(call, structuredClone(honest))
    if (other === undefined || isSame(other, honest)) return honest
    this.rpc.lied()
    return other
  }
}

class HostileRpc {
  constructor(chain, steady) {
    Object.assign(this, { chain, node: new Node(chain), polls: new Polls(steady), provider: {}, held: later(), going: later() })
    this.forget()
  }

  /** Ready for the next lie. */
  forget() {
    this.going.settle()
    Object.assign(this, { isPaced: false, told: null, toldFirst: later(), held: later(), going: later() })
  }

  // --- what providers report ---

  async entered(provider, calls) {
    const { number, begins } = this.polls.note(provider.name, calls)
    if (this.isPaced && this.told && number >= this.told + 2) {
      this.held.settle()
      await this.going.promise
    }
    if (begins && provider.next && number >= provider.next.from) await provider.turn()
  }

  lied() {
    if (this.told !== null) return
    this.told = Math.max(this.polls.number, 1)
    this.toldFirst.settle()
  }

  // --- what tests do ---

  /** What the chain shows by now, for show(). */
  look() { return this.node.view() }

  /** From the next poll on, all providers show that. `turn`: not before a poll whose number leaves this rest when divided by `of`. */
  show(view, { turn, of = 1 } = {}) {
    this.view = view
    let from = this.polls.number + 1
    while (turn !== undefined && from % of !== turn) from++
    for (const provider of Object.values(this.provider)) provider.next = { from, view: this.view }
  }

  /**
   * Switches a lie on at some providers; they share what it remembers. `isPaced`: for twoPollsOver(). `whenShown`: with the
   * next show(), so that nothing of it is told too early to matter; a provider that goes away goes at once.
   */
  async lie(tamper, names, facts, { isPaced = false, whenShown = false } = {}) {
    this.forget()
    this.isPaced = isPaced
    const before = this.provider[names[0]].view
    const stage = { ...facts, before, view: () => this.provider[names[0]].view, block: (number) => this.node.block(number),
      ask: (method, ...params) => this.node.ask(this.provider[names[0]].view, method, params) }
    const lie = await tamper(stage)
    if (lie.isDown || !whenShown) await Promise.all(names.map((name) => this.provider[name].turnTo(lie)))
    else for (const name of names) this.provider[name].nextLie = lie
    if (lie.isDown) this.lied()
  }

  async honest() {
    await Promise.all(Object.values(this.provider).map((provider) => provider.turnTo({})))
  }

  /** Until the poll in which the lie was told first and the next one are over. Then every provider waits for goOn(). */
  twoPollsOver() { return this.held.promise }
  goOn() { this.going.settle() }
}

/**
 * Starts providers with these names in front of `chain`. `steady`: those that will never fail. `tls`: name → { key, cert }.
 * The result: provider[name] (url, requests, methods), polls.number, told (the poll, or null), and the methods above.
 */
export async function startHostileRpc(t, chain, names, { steady = [], tls = {} } = {}) {
  const rpc = new HostileRpc(chain, steady)
  rpc.view = await rpc.node.view()
  for (const name of names) {
    rpc.provider[name] = new Provider(rpc, name, tls[name])
    await rpc.provider[name].listen()
  }
  t.after(async () => {
    rpc.goOn()
    for (const provider of Object.values(rpc.provider)) {
      provider.lie.stop?.()
      if (!provider.lie.isDown) await provider.close()
    }
  })
  return rpc
}
