// attack-case.mjs: a release whose image hostile sources are asked for: one chain for all cases, a gateway for each.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { program, startGateway } from '../support/gateway.mjs'
import { Blocks } from '../support/ipfs-blocks.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { random } from '../support/random.mjs'
import { sha256 } from '../support/suit.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const PATIENCE = { deadline_ms: 120000, every_ms: 30 }

/** Of several levels, and several times 64 KiB. */
export const image = random(5).bytes(700_000)
export const SHAPE = { chunk: 20_000, width: 8 }

/** A world with `image` as release 1 of PRODUCT; blocks and cid besides. */
export async function makeImageWorld(scope) {
  const world = await makeWorld(scope)
  const blocks = new Blocks()
  const cid = await blocks.add(image, SHAPE)
  await world.publish({ image, manifest: { image: { sha256: sha256(image), size: image.length, cid: String(cid) } } })
  await world.finalize()
  return Object.assign(world, { blocks, cid, digest: sha256(image).toString('hex') })
}

/** Built with AddressSanitizer, which keeps freed memory for a while? */
export const isSanitized = readFileSync(program('gatepost-keeper')).includes('__asan_init')

class Case {
  constructor(gateway, world) { Object.assign(this, { gateway, world, started: performance.now() }) }

  /** What /api/v1/sources says of one. */
  async source(name) { return (await this.gateway.ask('sources')).items.find((s) => s.name === name) }

  /** Until the status names the source for this; its row then. */
  named(name, rule) {
    return waitFor(`${name} to be named for ${rule}`, async () => {
      const s = await this.source(name)
      if (!rule.test(s.last_error)) throw new Error(JSON.stringify(s))
      assert.ok(s.failures > 0, JSON.stringify(s))
      return s
    }, PATIENCE)
  }

  /** As waitRelease, with what the sources say when it is in vain. */
  async until(sequence, ...states) {
    try {
      return await waitFor(`release ${sequence} to be ${states.join(' or ')}`, async () => {
        const r = await this.gateway.release(PRODUCT, sequence)
        if (!states.includes(r?.state)) throw new Error(`${r?.state}: ${r?.why}`)
        return r
      }, PATIENCE)
    } catch (error) {
      error.message += JSON.stringify((await this.gateway.ask('sources')).items)
      throw error
    }
  }

  async arrives() {
    await this.until(1, 'active')
    await waitFor('the server to have it', async () => (await this.gateway.get(`/fw/${PRODUCT}`)).status === 200, PATIENCE)
    for (const path of [`/fw/${PRODUCT}/image`, `/sha256/${this.world.digest}`, `/ipfs/${this.world.cid}`]) {
      const reply = await this.gateway.get(path)
      assert.equal(reply.status, 200, path)
      assert.ok(Buffer.from(await reply.arrayBuffer()).equals(image), `${path}: byte for byte`)
    }
  }

  /** Nobody was given anything, and it is not the release's fault. */
  async nothingCame() {
    const release = await this.gateway.release(PRODUCT, 1)
    assert.ok(['seen', 'fetching', 'failed'].includes(release.state), `${release.state}: ${release.why}`)
    for (const path of [`/fw/${PRODUCT}`, `/fw/${PRODUCT}/image`, `/sha256/${this.world.digest}`, `/ipfs/${this.world.cid}`,
      `/ipfs/${this.world.cid}?format=car`, `/ipfs/${this.world.cid}?format=raw`]) {
      const { status } = await this.gateway.get(path)
      assert.ok([404, 406, 503].includes(status), `${path}: ${status}`)
    }
  }

  /** The most memory that the keeper ever had, in bytes. */
  async keeperPeak() {
    const status = await readFile(`/proc/${(await this.gateway.children())['gatepost-keeper']}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)[1]) * 1024
  }

  get ms() { return Math.round(performance.now() - this.started) }
}

/** A gateway of its own with these sources, the first one asked first; `product` overrides settings of the product. */
export async function makeCase(t, world, sources, product) {
  let gateway
  t.after(() => gateway?.stop())
  const dir = await tempDir(t)
  const conf = world.config({ dir, product, config: { sources: sources.map((s, i) => ({ priority: i + 1, ...s })) } })
  gateway = await startGateway({ after: () => {} }, { dir, conf }) // ended before its directory goes, by the hook above
  return new Case(gateway, world)
}

/** An honest source; `isLate`: has to be asked again a second later. */
export function honestSource(t, world, { isLate = false } = {}) {
  return startSource(t, { blocks: world.blocks, fault: isLate ? '429-once' : null })
}
