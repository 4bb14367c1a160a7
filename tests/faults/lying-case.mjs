// lying-case.mjs: a chain, a gateway that follows it through providers of the hostile RPC, and what must hold whatever those say.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../support/process.mjs'
import { program } from '../support/gateway.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { startHostileRpc } from './hostile-rpc.mjs'

const PATIENCE = { deadline_ms: 60000, every_ms: 100 }

/** The providers of most cases: the hostile one stands first. */
export const USUAL = { mallory: 'mallory', alpha: 'alpha', beta: 'beta' }

async function certificate(t) {
  const dir = await tempDir(t)
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(dir, name))
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert])
  assert.equal(made.code, 0, made.stderr)
  return { key: await readFile(key), cert: await readFile(cert) }
}

/** Asks for the manifest again and again: what was ever served, oldest first, as [{ sequence, body }]. */
function watch(t, gateway) {
  const seen = []
  let isOver = false
  const look = async () => {
    while (!isOver) {
      const r = await gateway.get(`/fw/${PRODUCT}`).catch(() => null)
      const body = r && Buffer.from(await r.arrayBuffer())
      const sequence = r?.status === 200 ? Number(r.headers.get('gatepost-sequence')) : undefined
      if (sequence !== undefined && seen.at(-1)?.sequence !== sequence) seen.push({ sequence, body })
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  const looking = look()
  t.after(async () => { isOver = true; await looking })
  return seen
}

class Case {
  constructor(t, world, rpc) {
    Object.assign(this, { t, world, rpc, published: [], facts: { registry: world.registry.address, owner: world.owner.address, id: world.id } })
  }

  async publish(n = 1, mine = 0) {
    for (let i = 0; i < n; i++) this.published.push(await this.world.publish())
    if (mine) await this.world.chain.mine(mine)
    await this.world.finalize()
    return this.rpc.look()
  }

  get newest() { return this.published.at(-1) }

  async start() {
    this.gateway = await this.world.gateway({ config: this.config })
    this.seen = watch(this.t, this.gateway)
  }

  /** Until the release is active, as a device sees it. What the gateway says instead comes with the failure. */
  async active(sequence = this.newest.sequence) {
    try {
      await waitFor(`release ${sequence} to be offered`, () => this.seen.at(-1)?.sequence === sequence, PATIENCE)
    } catch (error) {
      error.message += `; ${JSON.stringify(await this.state())}`
      throw error
    }
  }

  async state() {
    const [{ providers, alarms }, releases] = [await this.gateway.status(), await this.gateway.releases(PRODUCT)]
    return {
      releases: releases.map((r) => `${r.sequence} ${r.state}: ${r.why}`),
      providers: providers.map(sayingOf),
      alarms: alarms.map((a) => `${a.code} ${a.subject}: ${a.detail}`),
    }
  }

  alarm(code) {
    return waitFor(`the alarm ${code}`, async () => {
      const found = (await this.gateway.status()).alarms.find((a) => a.code === code)
      if (!found) throw new Error(JSON.stringify(await this.state()))
      return found
    }, PATIENCE)
  }

  provider(name, is) {
    return waitFor(`${name} to be as it should`, async () => {
      const { providers } = await this.gateway.status()
      return is(providers.find((p) => p.name === name))
    }, PATIENCE)
  }

  noAlarm(code) {
    return waitFor(`the alarm ${code} to be over`, async () => !(await this.gateway.status()).alarms.some((a) => a.code === code), PATIENCE)
  }

  /** The lie at `names`, told of a chain with new releases: until it was told first. Some are only asked when it is their turn. */
  async lieAbout(tamper, names = ['mallory'], { releases = 1, mine = 0 } = {}) {
    const n = Object.keys(this.rpc.provider).length
    for (let attempt = 0; attempt < 2 * n; attempt++) {
      const view = await this.publish(releases, mine)
      if (attempt === 0) await this.rpc.lie(tamper, names, this.facts, { isPaced: true, whenShown: true })
      this.rpc.show(view, { turn: (1 + attempt) % n, of: n })
      const isActive = this.active()
      isActive.catch(() => {}) // whoever waits for it first says so
      await Promise.race([this.rpc.toldFirst.promise, isActive])
      if (this.rpc.told !== null) return
    }
    assert.fail('nobody asked for what the lie is about')
  }

  /** The status after the second poll of the lie; the daemon waits meanwhile. */
  async afterTwoPolls() {
    await waitFor('two polls of the lie to be over', () => Promise.race([this.rpc.twoPollsOver().then(() => true), tick()]), PATIENCE)
    const status = await this.gateway.status()
    this.rpc.goOn()
    return status
  }

  /** Promise 2 of the design: whatever happened, only what the manufacturer published was served, and it never went back. */
  async nothingWrong() {
    const order = this.seen.map((s) => s.sequence)
    assert.deepEqual(order, [...order].sort((a, b) => a - b), 'sequences never go down')
    for (const { sequence, body } of this.seen) {
      const release = this.published.find((p) => p.sequence === sequence)
      assert.ok(release && body.equals(Buffer.from(release.envelope)), `manifest ${sequence} is the published one`)
    }
    const releases = await this.gateway.releases(PRODUCT)
    for (const r of releases) {
      assert.equal(r.sha256, this.published.find((p) => p.sequence === r.sequence)?.sha256, `release ${r.sequence} is the manufacturer's`)
    }
    return releases
  }

  async isServing(release) {
    const r = await this.gateway.get(`/fw/${PRODUCT}`)
    assert.equal(r.status, 200)
    assert.ok(Buffer.from(await r.arrayBuffer()).equals(Buffer.from(release.envelope)), `release ${release.sequence} is served`)
  }

  /** The most memory that the keeper ever had, in bytes. */
  async keeperPeak() {
    const status = await readFile(`/proc/${(await this.gateway.children())['gatepost-keeper']}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)[1]) * 1024
  }
}

const tick = () => new Promise((resolve) => { setTimeout(resolve, 1000, false) })

/** One provider's state and last error. */
export const sayingOf = (p) => `${p.name}: ${p.state}, honesty ${p.honesty}: ${p.last_error}`

/** All that a status says of a provider: its state, its last error, its alarms. */
export function sayings(status, name) {
  const p = status.providers.find((x) => x.name === name)
  return [p.state, p.last_error, ...status.alarms.filter((a) => a.subject === name).map((a) => `${a.code}: ${a.detail}`)].filter(Boolean)
}

/**
 * Makes one: providers is { name: operator }; `steady`: those that never lie. Release 1 is active unless isStarted is false.
 */
export async function makeCase(t, { providers = USUAL, steady = ['alpha', 'beta'], quorum = 2, tls = [], isStarted = true, poll = '100ms' } = {}) {
  const world = await makeWorld(t)
  const pair = tls.length ? await certificate(t) : undefined
  const rpc = await startHostileRpc(t, world.chain, Object.keys(providers), { steady, tls: Object.fromEntries(tls.map((name) => [name, pair])) })
  const c = new Case(t, world, rpc)
  c.config = {
    providers: Object.entries(providers).map(([name, operator]) => ({ name, operator, url: rpc.provider[name].url })),
    chain: { anchor: `quorum:${quorum}`, poll },
  }
  rpc.show(await c.publish())
  if (isStarted) {
    await c.start()
    await c.active()
  }
  return c
}
