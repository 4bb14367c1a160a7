// kill-world.mjs: two products whose publisher goes on and on, for gateways that are killed: one goes out by itself, one by the operator's word.
import { createCipheriv } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { startCountProxy } from '../support/count-proxy.mjs'
import { makeEnvelope, makeManifest } from '../support/suit.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'
import { Truth, sha256 } from './kill-truth.mjs'

export const AUTO = PRODUCT, ASKED = 'acme/lock'
export const products = [AUTO, ASKED]
const CALM = 3 // releases of a product between two of its revocations, so that an older one is always there
// All of them: whether an older image is here would tell who was away while it was among the newest.
const KEPT = 1000
// Bytes of an image and how it is cut: one block, or several.
const shapes = [[700], [700], [20_000], [20_000], [120_000, { chunk: 16384 }], [200_000, { chunk: 65536 }], [1_200_000]]

/** Bytes that only a seed knows; the dice themselves would take a second for a megabyte. */
const content = (dice, size) => createCipheriv('aes-128-ctr', dice.bytes(16), Buffer.alloc(16)).update(Buffer.alloc(size))

export async function makeKillWorld(t, dice) {
  const world = await makeWorld(t)
  const ids = { [AUTO]: world.id, [ASKED]: await world.registry.register(world.owner, ASKED, { threshold: 1, signers: world.signers }) }
  const proxy = await startCountProxy(t, world.chain.url)
  const truth = new Truth()
  truth.block = await world.chain.number()
  const newest = { [AUTO]: 0, [ASKED]: 0 }, calm = { [AUTO]: 0, [ASKED]: 0 }
  // Everything that makes a block: anvil mixes two states in a proof that is asked for meanwhile.
  const mining = (fn) => proxy.while(fn)
  const killed = {
    ...world, ids, truth, newest,
    async publish(product) {
      const [size, layout] = dice.pick(shapes)
      const image = content(dice, size)
      const cid = String(await world.source.add(image, layout))
      const sequence = newest[product] + 1
      const fields = { product, sequence, version: `1.0.${sequence}`, image: { sha256: Buffer.from(sha256(image), 'hex'), size, cid } }
      const envelope = makeEnvelope(makeManifest(fields), world.signers)
      newest[product] = sequence
      calm[product]++
      truth.publishes({ product, sequence, image, cid, sha256: sha256(image), envelope: Buffer.from(envelope) })
      await mining(() => world.registry.publish(world.owner, ids[product], sequence, envelope))
    },
    async revoke(product) {
      calm[product] = 0
      truth.revokes(product, newest[product])
      await mining(() => world.registry.call(world.owner, 'revoke', ids[product], BigInt(newest[product]), 'bricks boards'))
    },
    async mine() {
      truth.block++
      await mining(() => world.chain.mine())
    },
    async finalize() { for (let i = 0; i < 3; i++) await killed.mine() },
    /** What a publisher does next. */
    async step() {
      const product = dice.pick(products)
      if (dice.below(3) === 0) await killed.mine()
      else if (calm[product] >= CALM && dice.below(4) === 0) await killed.revoke(product)
      else await killed.publish(product)
    },
    /** Until `isOver()`. */
    async goOn(isOver, pause_ms) {
      while (!isOver()) {
        await killed.step()
        await pause(dice.below(2 * pause_ms))
      }
    },
    config: (name, listen) => world.config({
      dir: world.otherDir(name),
      config: {
        providers: [{ name: 'one', url: proxy.url, operator: 'alpha' }],
        products: { [AUTO]: { registrant: world.owner.address, keep: KEPT }, [ASKED]: { registrant: world.owner.address, keep: KEPT, policy: 'approve' } },
        gateway: { 'log-level': 'info' },
        ...listen,
      },
    }),
  }
  return killed
}
