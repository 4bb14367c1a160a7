// world.mjs: everything around a gateway: a chain with the registry, an IPFS source, a manufacturer with keys.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startAnvil } from './anvil.mjs'
import { makeConfig, startGateway } from './gateway.mjs'
import { startGateway as startSource } from './ipfs-gateway.mjs'
import { freePort } from './ports.mjs'
import { deployRegistry } from './registry.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from './suit.mjs'
import { tempDir } from './temp.mjs'

export const PRODUCT = 'acme/thermostat'

/**
 * anvil, registry, source; the product PRODUCT registered with `signers`. The result has publish(), gateway(), and the parts.
 */
export async function makeWorld(t, { signers = [newSigner()], threshold = 1, chain: chainOptions } = {}) {
  const chain = await startAnvil(chainOptions)
  t.after(() => chain.stop())
  await chain.mine(1) // genesis has a wrong state root in anvil
  const registry = await deployRegistry(chain)
  const source = await startSource(t, { port: await freePort() }) // it may go and come back there
  const owner = chain.accounts[1]
  const id = await registry.register(owner, PRODUCT, { threshold, signers })
  // Hooks run in the order in which they were made: gateways end before their directory goes.
  const gateways = []
  t.after(() => Promise.all(gateways.map((gateway) => gateway.stop())))
  const dir = await tempDir(t)
  const world = {
    chain, registry, source, owner, id, dir, signers, sequence: 0, images: new Map(),
    /** Publishes the next release; `manifest` overrides fields, `by` who signs, `image` the bytes, `layout` how they are cut (ipfs-blocks.mjs). */
    async publish({ image = randomBytes(100000), layout, by = world.signers, manifest = {}, envelope, sequence = world.sequence + 1 } = {}) {
      const cid = String(await source.add(image, layout))
      const fields = { product: PRODUCT, sequence, version: `1.0.${sequence}`, image: { sha256: sha256(image), size: image.length, cid }, ...manifest }
      const bytes = envelope ?? makeEnvelope(makeManifest(fields), by)
      const sent = await registry.publish(owner, id, sequence, bytes)
      world.sequence = sequence
      world.images.set(sequence, image)
      return { sequence, image, cid, sha256: sha256(image).toString('hex'), envelope: bytes, ...sent }
    },
    /** Mines until everything so far is final. */
    finalize: () => chain.finalize(),
    config: (options = {}) => makeConfig({
      dir: options.dir ?? dir, registry: registry.address,
      providers: [{ name: 'one', url: chain.url, operator: 'alpha' }],
      sources: [{ name: 'own', url: source.url }],
      products: { [PRODUCT]: { registrant: owner.address, ...options.product } },
      ...options.config,
    }),
    /** Starts a gateway for this world; options as for config(). */
    async gateway(options = {}) {
      const gateway = await startGateway(t, { dir: options.dir ?? dir, conf: world.config(options) })
      gateways.push(gateway)
      return gateway
    },
    otherDir: (name) => join(dir, name),
  }
  return world
}
