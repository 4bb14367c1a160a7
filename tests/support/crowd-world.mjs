// crowd-world.mjs: a chain on which one registrant has many products among strangers', a meter before its node, and a gateway that
// follows all of them by `[product *]`.
import { randomBytes } from 'node:crypto'
import { startAnvil } from './anvil.mjs'
import { deployCrowd } from './crowd.mjs'
import { makeConfig, startGateway } from './gateway.mjs'
import { startGateway as startSource } from './ipfs-gateway.mjs'
import { deployRegistry } from './registry.mjs'
import { startRpcMeter } from './rpc-meter.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from './suit.mjs'
import { tempDir } from './temp.mjs'
import { waitFor } from './wait.mjs'

/** Until that many are followed and proven at the newest final block, and the polls after it found nothing to do. */
export async function waitSettled(world, gateway, n) {
  const final = await world.chain.number('finalized')
  await world.followed(gateway, n)
  await waitFor(`block ${final} to be proven`, async () => (await gateway.status()).chain.verified.number >= final, { deadline_ms: 120000 })
  await world.meter.rounds(2)
}

/**
 * `products` of the registrant and `strangers` of somebody else, both registered in turns; the first `released` of the
 * registrant's have one release, all of the same image. The result has name(i), register(names), registerOthers(names) (a
 * stranger does), publish(i), mine(n), finalize(), start(options), followed(gateway, n).
 */
export async function makeCrowdWorld(t, { products, strangers, released, slotsInEpoch = 1 }) {
  // All states of so large a registry would be gigabytes: those that are not final are needed.
  const chain = await startAnvil({ slotsInEpoch, args: ['--gas-limit', '1000000000', '--prune-history', String(2 * slotsInEpoch + 20)] })
  t.after(() => chain.stop())
  await chain.mine(1) // genesis has a wrong state root in anvil
  const registry = await deployRegistry(chain)
  const source = await startSource(t)
  const signers = [newSigner()]
  const ours = await deployCrowd(chain, registry, chain.accounts[1])
  const theirs = await deployCrowd(chain, registry, chain.accounts[2])
  const image = randomBytes(10000)
  const cid = String(await source.add(image))
  const name = (i) => `acme/n${i}`
  const release = (product, sequence = 1) => ({
    name: product, sequence,
    envelope: makeEnvelope(makeManifest({ product, sequence, version: `1.0.${sequence}`, image: { sha256: sha256(image), size: image.length, cid } }), signers),
  })
  const meter = await startRpcMeter(t, chain.url)
  const world = {
    chain, registry, source, ours, theirs, signers, name, image,
    meter,
    register: (names) => meter.quiet(() => ours.register(names, { signers })),
    registerOthers: (names) => meter.quiet(() => theirs.register(names, { signers })),
    publish: (i, sequence) => meter.quiet(() => ours.publish([release(name(i), sequence)])),
    mine: (n) => meter.quiet(() => chain.mine(n)),
    finalize: () => meter.quiet(() => chain.finalize()),
    config: ({ dir, chain: settings, ...rest }) => makeConfig({
      dir, registry: registry.address, providers: [{ name: 'one', url: world.meter.url, operator: 'alpha' }],
      sources: [{ name: 'own', url: source.url }], products: { '*': { registrant: ours.address } }, gateway: { 'log-level': 'info' },
      chain: { poll: '200ms', ...settings }, ...rest,
    }),
    async start(options = {}) {
      const dir = options.dir ?? await tempDir(t)
      return startGateway(t, { dir, conf: world.config({ dir, ...options }) })
    },
    /** Until so many are followed, and all of them proven. */
    followed: (gateway, n) => waitFor(`${n} products to be proven`, async () => {
      const { products_followed: followed, products_proven: proven } = (await gateway.status()).chain
      if (followed === n && proven === n) return true
      throw new Error(`${proven} of ${followed}`)
    }, { deadline_ms: 60000 + 200 * products, every_ms: 100 }),
  }
  const half = products >> 1
  const names = Array.from({ length: products }, (_, i) => name(i))
  await world.register(names.slice(0, half))
  await theirs.register(Array.from({ length: strangers }, (_, i) => i < 100 ? name(i) : `other/n${i}`), { signers })
  await world.register(names.slice(half))
  await ours.publish(names.slice(0, released).map((n) => release(n)))
  await chain.finalize()
  return world
}
