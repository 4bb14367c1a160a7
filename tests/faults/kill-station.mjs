// kill-station.mjs: one gateway that is killed in many ways, started again, and looked at.
import assert from 'node:assert/strict'
import { createConnection } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { childrenOf, startGateway } from '../support/gateway.mjs'
import { freePort } from '../support/ports.mjs'
import { waitFor } from '../support/wait.mjs'
import { Witness } from './kill-truth.mjs'
import { OVER_REST, decide, readManifest, readStatus } from './kill-load.mjs'
import { ASKED, AUTO, products } from './kill-world.mjs'

const BACK_MS = 30000 // who is not back by then needs a hand
const QUICK_MAX = 3 // a child that dies more often soon after its start is started later and later

/** Connects as soon as somebody listens, asks for a manifest, and waits for its first byte: ms since `from`. The listening socket is there
 * before the server is. Null when the signal comes first. */
function firstByte(port, from, signal) {
  return new Promise((resolve) => {
    const attempt = () => {
      if (signal.aborted) return resolve(null)
      const socket = createConnection(port, '127.0.0.1', () => socket.write(`GET /fw/${AUTO} HTTP/1.0\r\nHost: x\r\n\r\n`))
      socket.once('data', (data) => {
        socket.destroy()
        if (String(data.subarray(0, 12)) === 'HTTP/1.1 200') resolve(performance.now() - from)
        else setTimeout(attempt, 1)
      })
      socket.once('error', () => setTimeout(attempt, 1))
    }
    attempt()
  })
}

export class Station {
  kills = { keeper: 0, server: 0, supervisor: 0, all: 0 }
  starts_ms = []
  servers_ms = []
  #before
  #life // { pid, gone, lines, ready } of the processes that run
  #deaths // of the children of this life
  constructor(name, world) {
    this.name = name
    this.world = world
    this.witness = new Witness(world.truth, [ASKED], () => this.#recent())
  }

  async open(t) {
    this.ports = { http: await freePort(), coap: await freePort(), operator: await freePort() }
    const at = (port) => `127.0.0.1:${port}`
    this.gateway = await startGateway(t, { dir: this.world.otherDir(this.name),
      conf: this.world.config(this.name, { listen: at(this.ports.http), coap: at(this.ports.coap), operator: at(this.ports.operator) }) })
    t.after(() => this.stop())
    const { pid, gone, lines } = this.gateway.server
    this.#begin({ pid, gone, lines, isReady: true })
    this.token = (await this.gateway.cli('token', 'new', 'station', '--scope', 'admin')).stdout.trim()
    await this.gateway.waitRelease(AUTO, 1, 'active')
    await this.gateway.waitRelease(ASKED, 1, 'held')
    await decide(this, OVER_REST, ASKED, 1, 'approve')
    await this.gateway.waitRelease(ASKED, 1, 'active')
  }

  /** The ends of the logs of this life and the one before, and the kills. */
  #recent() {
    const end = (life) => life?.lines.slice(-40).join('\n') ?? ''
    return `${JSON.stringify(this.kills)}, before:\n${end(this.#before)}\nnow:\n${end(this.#life)}`
  }

  #begin(life) {
    this.#before = this.#life
    this.#life = life
    this.#deaths = { keeper: 0, server: 0 }
  }

  /** When this life was ready, as something to compare; null: it is not. */
  get readySince() { return this.#life.isReady ? this.#life : null }

  /** Starts it again; `spare_ms`: to be killed so soon that it may not have answered anybody. */
  async #start(spare_ms) {
    const from = performance.now()
    const over = new AbortController()
    const spawned = ({ pid, gone, lines }) => this.#begin({ pid, gone, lines, isReady: false })
    const ready = this.gateway.start({ spawned, deadline_ms: BACK_MS })
      .then(() => { this.#life.isReady = true }, (error) => { if (!over.signal.aborted) this.#handed(error.message) })
    this.#life.gone.then(() => over.abort())
    if (spare_ms !== undefined) {
      await pause(spare_ms)
      over.abort()
      return this.#end('all')
    }
    const [took_ms] = await Promise.all([firstByte(this.ports.http, from, over.signal), this.#askEarly(over.signal)])
    if (took_ms === null) return void await ready
    this.starts_ms.push(took_ms)
  }

  /** Devices that ask from the first moment on, until they are told something: the keeper may not have said yet what each had. */
  async #askEarly(signal) {
    const { witness } = this
    const devices = [...witness.devicesOfRevoked().slice(-2), ...witness.devices().slice(-1)]
    await Promise.all(devices.map(async (device) => {
      while (!signal.aborted && ![200, 404].includes(await readStatus(this, witness.deviceProduct(device), device))) await pause(5)
    }))
  }

  #handed(why) { this.witness.hands.push(`${this.name}: ${why}`) }

  /** SIGKILL, and until nobody of them is left; what they logged must not tell of an end of their own. */
  async #end(kind) {
    const { pid, gone, lines } = this.#life
    const children = await childrenOf(pid).catch(() => ({}))
    for (const victim of kind === 'all' ? [pid, ...Object.values(children)] : [pid]) try { process.kill(victim, 'SIGKILL') } catch { /* gone */ }
    this.kills[kind]++
    const timer = setTimeout(() => {
      this.#handed(`still there ${BACK_MS} ms after its supervisor was killed: ${lines.slice(-5).join(' / ')}`)
      for (const child of Object.values(children)) try { process.kill(child, 'SIGKILL') } catch { /* gone */ }
    }, BACK_MS)
    await gone
    clearTimeout(timer)
    this.#read(lines)
  }

  #read(lines) {
    for (const line of lines)
      if (/has ended name=\S+ (?:status=|signal=(?!9 ))|AddressSanitizer|runtime error|Assertion|no sign of life/.test(line)) this.#handed(line)
  }

  async #killChild(kind) {
    const { [`gatepost-${kind}`]: pid } = await childrenOf(this.#life.pid)
    if (!pid) return false
    const from = performance.now()
    process.kill(pid, 'SIGKILL')
    this.kills[kind]++
    this.#deaths[kind]++
    if (kind === 'keeper') return true
    const signal = AbortSignal.timeout(BACK_MS)
    const [took_ms] = await Promise.all([firstByte(this.ports.http, from, signal), this.#askEarly(signal)])
    if (took_ms === null) this.#handed('its server did not come back')
    else this.servers_ms.push(took_ms)
    return true
  }

  /** One kill, and back. */
  async kill(dice) {
    const may = (kind) => this.#life.isReady && this.#deaths[kind] < QUICK_MAX
    const kind = dice.pick(['keeper', 'server', 'supervisor', 'all'])
    if ((kind === 'keeper' || kind === 'server') && may(kind) && await this.#killChild(kind)) return
    await this.#end(kind === 'supervisor' ? kind : 'all')
    await this.#start()
  }
  /** Killed at a moment of its start. */
  async killEarly(dice) {
    await this.#end('all')
    await this.#start(dice.below(250))
    await this.#start()
  }

  /** From the API, as soon as a keeper answers. */
  async #ask(path, { token = this.token } = {}) {
    return waitFor(`${this.name} to answer`, async () => {
      const r = await this.gateway.api(`/api/v1/${path}`, { token })
      if (r.status === 401 && token === this.token) this.witness.lost.push('the token that made the others')
      // After ten wrong tokens in a minute the next wrong one, and no other, is 429.
      assert.ok([200, 401, 404].includes(r.status) || (r.status === 429 && token !== this.token), `${path}: status ${r.status}`)
      return r
    }, { deadline_ms: BACK_MS })
  }

  /** Is all there that was acknowledged? */
  async look({ isLast = false } = {}) {
    const { witness } = this
    witness.counts.looks++
    await Promise.all(products.map((product) => readManifest(this, product)))
    try {
      const since = witness.now()
      witness.seesReleases((await this.#ask('releases?limit=1000')).body.items, since)
      witness.seesProducts((await this.#ask('products')).body.items, since)
      for (const device of isLast ? witness.devices() : witness.unchecked()) {
        const asked = witness.now(), r = await this.#ask(`devices/${device}`)
        witness.seesDevice(device, r.status === 200 ? r.body : undefined, asked)
      }
      for (const { name, text } of witness.knownTokens()) {
        const asked = witness.now(), { status } = await this.#ask('products', { token: text })
        witness.seesToken(name, status === 200, asked)
      }
    } catch (error) {
      this.#handed(`${error.message}; ${this.#life.lines.slice(-5).join(' / ')}`)
    }
  }

  stop() {
    return this.gateway.stop().then(() => this.#read(this.#life.lines))
  }
}
