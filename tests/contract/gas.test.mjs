// Gas of every function, printed, and held against the limits of the design; publish stays flat.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAnvil } from '../support/anvil.mjs'
import { contract, deployRegistry, hex } from '../support/registry.mjs'
import { makeEnvelope, makeManifest, newSigner, sha256 } from '../support/suit.mjs'

const LIMIT_ONE = 52000
const LIMIT_THREE = 56000

const keys = [newSigner('es256'), newSigner('ed25519'), newSigner('es256k')]
const table = {}
let chain, registry, alice, bob
before(async () => {
  chain = await startAnvil();
  [, alice, bob] = chain.accounts
  registry = await deployRegistry(chain)
})
after(async () => {
  await chain?.stop()
  for (const [what, gas] of Object.entries(table)) console.log(`gas ${what.padEnd(34)} ${String(gas).padStart(9)}`)
})

/** A manifest as the tools make it, for a release of ordinary size. */
function envelope(sequence, signers) {
  const image = {
    sha256: sha256(Buffer.from(`image ${sequence}`)),
    size: 400000 + sequence,
    cid: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  }
  const manifest = makeManifest({ product: 'acme/thermostat', sequence, version: `1.4.${sequence}`, image })
  return makeEnvelope(manifest, signers)
}

test('every function once', async () => {
  table.deploy = registry.deployed.gas
  const call = async (label, who, ...args) => { table[label] = (await registry.call(who, ...args)).gas }
  await call('register, 1 signer', alice, 'register', 'acme/thermostat', 1, [hex(keys[0].coseKey)])
  await call('register, 3 signers', alice, 'register', 'acme/lamp', 2, keys.map((k) => hex(k.coseKey)))
  const id = await registry.read('productId', alice.address, 'acme/lamp')
  await call('setSigners, 3 signers', alice, 'setSigners', id, 2, keys.map((k) => hex(k.coseKey)))
  await call('setPublisher, allow', alice, 'setPublisher', id, bob.address, true)
  await call('publish, 1 byte', bob, 'publish', id, 1n, '0x01')
  await call('publish, 4096 bytes', bob, 'publish', id, 2n, hex(Buffer.alloc(4096, 0xff)))
  await call('revoke', bob, 'revoke', id, 1n, 'bricks rev C')
  await call('raiseFloor', bob, 'raiseFloor', id, 2n, 'bricks rev C')
  await call('setPublisher, refuse', alice, 'setPublisher', id, bob.address, false)
  await call('transferOwnership', alice, 'transferOwnership', id, bob.address)
  await call('acceptOwnership', bob, 'acceptOwnership', id)

  const measured = new Set(Object.keys(table).map((label) => label.split(',')[0]))
  for (const f of contract.abi.filter((e) => e.type === 'function' && e.stateMutability === 'nonpayable')) {
    assert.ok(measured.has(f.name), `${f.name} is measured`)
  }
})

for (const [label, count, limit, min, max] of [
  ['publish, 1 signer', 1, LIMIT_ONE, 370, 430],
  ['publish, 3 signers', 3, LIMIT_THREE, 500, 800],
]) {
  test(`${label}: within ${limit}, and as cheap at the 201st release`, async () => {
    const id = await registry.register(alice, `acme/gas-${count}`, { signers: keys.slice(0, count), threshold: count })
    const gas = []
    for (let sequence = 1; sequence <= 201; sequence++) {
      const bytes = envelope(sequence, keys.slice(0, count))
      assert.ok(bytes.length >= min && bytes.length <= max, `an ordinary manifest: ${bytes.length} bytes`)
      gas.push((await registry.publish(alice, id, sequence, bytes)).gas)
    }
    table[`${label}, first`] = gas[0]
    table[`${label}, 201st`] = gas[200]
    table[`${label}, most of 201`] = Math.max(...gas)
    assert.ok(Math.max(...gas) <= limit, `${Math.max(...gas)} <= ${limit}`)
    // Some zero bytes in a signature, a longer number: calldata differs by little, storage not at all.
    assert.ok(Math.max(...gas) - Math.min(...gas) < 600, `flat: ${Math.min(...gas)} to ${Math.max(...gas)}`)
  })
}
