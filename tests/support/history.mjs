// history.mjs: long registry histories, made fast: blocks are mined as they are needed, receipts are not looked at.
import { encodeFunctionData } from 'viem'
import { hex, productId } from './registry.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from './suit.mjs'

/**
 * Registers `products` products of `owner` and publishes until each has `entries` entries (a registration is three), in turn, spread
 * evenly over `blocks` blocks. image(name, sequence) → { cid, bytes }. The result: products, [{ name, id, releases }], and
 * publish(product), which adds the next release of one of them.
 */
export async function makeHistory({ chain, registry, owner, products = 1, entries, blocks, image, signer = newSigner() }) {
  const gap = Math.max(1, Math.floor(blocks / (products * (entries - 2))))
  let nonce = Number(await chain.rpc('eth_getTransactionCount', owner.address, 'latest'))
  const send = async (functionName, args) => {
    const data = encodeFunctionData({ abi: registry.abi, functionName, args })
    const raw = await owner.signTransaction({
      chainId: chain.chainId, type: 'eip1559', to: registry.address, nonce: nonce++, data, gas: 2_000_000n,
      maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n,
    })
    await chain.rpc('eth_sendRawTransactionSync', raw)
    if (gap > 1) await chain.mine(gap - 1)
  }
  const publish = async (product) => {
    const sequence = product.releases + 1
    const { cid, bytes } = await image(product.name, sequence)
    const manifest = makeManifest({ product: product.name, sequence, version: `1.0.${sequence}`, image: { sha256: sha256(bytes), size: bytes.length, cid } })
    await send('publish', [product.id, BigInt(sequence), hex(makeEnvelope(manifest, [signer]))])
    product.releases = sequence
  }
  const made = Array.from({ length: products }, (_, i) => {
    const name = `acme/model-${String(i).padStart(3, '0')}`
    return { name, id: productId(owner.address, name), releases: 0 }
  })
  for (const { name } of made) await send('register', [name, 1, [hex(signer.coseKey)]])
  for (let i = 3; i < entries; i++) {
    for (const product of made) await publish(product)
  }
  return { products: made, publish }
}
