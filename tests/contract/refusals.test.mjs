// Every rule of the registry refuses by its own custom error, with the values in it.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { numberToHex, pad } from 'viem'
import { startAnvil } from '../support/anvil.mjs'
import { deployRegistry, hex, productId, productSlots } from '../support/registry.mjs'
import { newSigner } from '../support/suit.mjs'

const key = hex(newSigner('es256').coseKey)
const other = hex(newSigner('es256').coseKey)
const bytes = (n, fill = 1) => hex(Buffer.alloc(n, fill))

let chain, registry, alice, bob, mallory, id, unknown
before(async () => {
  chain = await startAnvil();
  [, alice, bob, mallory] = chain.accounts
  registry = await deployRegistry(chain)
  id = await registry.register(alice, 'acme/thermostat', { signers: [newSigner()] })
  unknown = productId(bob.address, 'no/such')
  await registry.call(alice, 'setPublisher', id, bob.address, true)
  await registry.publish(alice, id, 1, Buffer.from('m'))
  await registry.publish(bob, id, 2, Buffer.from('m'))
  await registry.call(alice, 'raiseFloor', id, 1n, '')
})
after(() => chain?.stop())

/** One row: a sentence, the call, the error and its values. Functions give values that exist only after before(). */
function rows(title, list) {
  describe(title, () => {
    for (const [rule, who, call, name, args] of list) {
      test(rule, async () => {
        const refusal = await registry.refusal(who(), ...call())
        assert.deepEqual(refusal, { name, args: args() })
      })
    }
  })
}

const badNames = {
  'is not empty': '',
  'has a slash': 'acme',
  'has a vendor': '/thermostat',
  'has a model': 'acme/',
  'has one slash': 'acme/thermostat/2',
  'has no double slash': 'acme//thermostat',
  'is lower-case': 'Acme/thermostat',
  'has no blanks': 'acme/thermo stat',
  'has no control characters': 'acme/thermostat\n',
  'is ASCII': 'acmé/thermostat',
  'vendor starts with a letter or digit': '.acme/thermostat',
  'model starts with a letter or digit': 'acme/-thermostat',
  'vendor is at most 32 bytes': `${'v'.repeat(33)}/m`,
  'model is at most 32 bytes': `v/${'m'.repeat(33)}`,
  'has no NUL': 'acme/thermostat\0',
}
rows('a name', Object.entries(badNames).map(([rule, name]) =>
  [rule, () => mallory, () => ['register', name, 1, [key]], 'BadName', () => [name]]))

rows('register', [
  ['a name is registered once by its registrant', () => alice, () => ['register', 'acme/thermostat', 1, [key]],
    'AlreadyRegistered', () => [id, alice.address]],
])

/** The rules for a set of signers hold in both places that take one. */
const signerRules = (call, who) => [
  ['there is at least one signer', who, () => call(1, []), 'BadSignerCount', () => [0n, 8n]],
  ['there are at most eight signers', who, () => call(1, Array.from({ length: 9 }, (_, i) => bytes(10, i))),
    'BadSignerCount', () => [9n, 8n]],
  ['a signer is not empty', who, () => call(1, [key, '0x']), 'BadSignerLength', () => [1n, 0n, 128n]],
  ['a signer is at most 128 bytes', who, () => call(1, [bytes(129)]), 'BadSignerLength', () => [0n, 129n, 128n]],
  ['signers are all different', who, () => call(1, [key, other, key]), 'DuplicateSigner', () => [0n, 2n]],
  ['signers next to each other are different', who, () => call(1, [other, key, key]), 'DuplicateSigner', () => [1n, 2n]],
  ['the threshold is at least 1', who, () => call(0, [key]), 'BadThreshold', () => [0, 1n]],
  ['the threshold is at most the number of signers', who, () => call(3, [key, other]), 'BadThreshold', () => [3, 2n]],
  ['the threshold is not 65535', who, () => call(65535, [key]), 'BadThreshold', () => [65535, 1n]],
]
rows('the signers of a new product', signerRules((n, set) => ['register', 'x/y', n, set], () => mallory))
rows('the signers of a product', signerRules((n, set) => ['setSigners', id, n, set], () => alice))

const anybody = () => mallory
rows('only the owner', [
  ['sets signers', anybody, () => ['setSigners', id, 1, [key]], 'NotOwner', () => [id, mallory.address]],
  ['sets publishers', anybody, () => ['setPublisher', id, mallory.address, true], 'NotOwner', () => [id, mallory.address]],
  ['offers the product', anybody, () => ['transferOwnership', id, mallory.address], 'NotOwner', () => [id, mallory.address]],
  ['sets signers, a publisher does not', () => bob, () => ['setSigners', id, 1, [key]], 'NotOwner', () => [id, bob.address]],
  ['sets publishers, a publisher does not', () => bob, () => ['setPublisher', id, bob.address, false],
    'NotOwner', () => [id, bob.address]],
])

rows('only an owner or publisher', [
  ['revokes', anybody, () => ['revoke', id, 1n, ''], 'NotOwnerOrPublisher', () => [id, mallory.address]],
  ['raises the floor', anybody, () => ['raiseFloor', id, 2n, ''], 'NotOwnerOrPublisher', () => [id, mallory.address]],
])

rows('an unknown product', [
  ['has no releases', () => bob, () => ['publish', unknown, 1n, '0x01'], 'UnknownProduct', () => [unknown]],
  ['has nothing to revoke', () => bob, () => ['revoke', unknown, 1n, ''], 'UnknownProduct', () => [unknown]],
  ['has no floor', () => bob, () => ['raiseFloor', unknown, 1n, ''], 'UnknownProduct', () => [unknown]],
  ['has no signers', () => bob, () => ['setSigners', unknown, 1, [key]], 'UnknownProduct', () => [unknown]],
  ['has no publishers', () => bob, () => ['setPublisher', unknown, bob.address, true], 'UnknownProduct', () => [unknown]],
  ['is not offered', () => bob, () => ['transferOwnership', unknown, bob.address], 'UnknownProduct', () => [unknown]],
  ['is not accepted', () => bob, () => ['acceptOwnership', unknown], 'UnknownProduct', () => [unknown]],
  ['is not accepted by the zero address, whom no offer names', () => ({ address: '0x' + '00'.repeat(20) }),
    () => ['acceptOwnership', unknown], 'UnknownProduct', () => [unknown]],
])

rows('publish', [
  ['is for publishers', anybody, () => ['publish', id, 3n, '0x01'], 'NotPublisher', () => [id, mallory.address]],
  ['takes no empty manifest', () => bob, () => ['publish', id, 3n, '0x'], 'BadManifestLength', () => [0n, 4096n]],
  ['takes at most 4096 bytes', () => bob, () => ['publish', id, 3n, bytes(4097)], 'BadManifestLength', () => [4097n, 4096n]],
  ['takes no sequence twice', () => bob, () => ['publish', id, 2n, '0x01'], 'WrongSequence', () => [id, 2n, 3n]],
  ['leaves no gap', () => bob, () => ['publish', id, 4n, '0x01'], 'WrongSequence', () => [id, 4n, 3n]],
  ['does not start again', () => bob, () => ['publish', id, 0n, '0x01'], 'WrongSequence', () => [id, 0n, 3n]],
  ['takes no number from the far end', () => bob, () => ['publish', id, 2n ** 64n - 1n, '0x01'],
    'WrongSequence', () => [id, 2n ** 64n - 1n, 3n]],
])

rows('revoke', [
  ['names a release: 0 is none', () => alice, () => ['revoke', id, 0n, ''], 'NoSuchRelease', () => [id, 0n, 2n]],
  ['names a release that exists', () => alice, () => ['revoke', id, 3n, ''], 'NoSuchRelease', () => [id, 3n, 2n]],
  ['gives a reason of at most 256 bytes', () => alice, () => ['revoke', id, 1n, 'x'.repeat(257)],
    'ReasonTooLong', () => [257n, 256n]],
])

rows('raiseFloor', [
  ['raises', () => alice, () => ['raiseFloor', id, 1n, ''], 'FloorNotRaised', () => [id, 1n, 1n]],
  ['does not lower', () => alice, () => ['raiseFloor', id, 0n, ''], 'FloorNotRaised', () => [id, 0n, 1n]],
  ['stays within reach of the next release', () => alice, () => ['raiseFloor', id, 4n, ''], 'FloorTooHigh', () => [id, 4n, 3n]],
  ['stays within reach, also at the far end', () => alice, () => ['raiseFloor', id, 2n ** 64n - 1n, ''],
    'FloorTooHigh', () => [id, 2n ** 64n - 1n, 3n]],
  ['gives a reason of at most 256 bytes', () => alice, () => ['raiseFloor', id, 2n, 'x'.repeat(257)],
    'ReasonTooLong', () => [257n, 256n]],
])

rows('setPublisher', [
  ['is not for what is so already', () => alice, () => ['setPublisher', id, bob.address, true],
    'PublisherUnchanged', () => [id, bob.address, true]],
  ['is not for what never was', () => alice, () => ['setPublisher', id, mallory.address, false],
    'PublisherUnchanged', () => [id, mallory.address, false]],
])

rows('acceptOwnership', [
  ['is for the one to whom it is offered', anybody, () => ['acceptOwnership', id],
    'NotPendingOwner', () => [id, mallory.address]],
  ['is not for the owner, unasked', () => alice, () => ['acceptOwnership', id],
    'NotPendingOwner', () => [id, alice.address]],
])

rows('ids', [
  ['ends at the count', anybody, () => ['ids', 1n], 'NoSuchIndex', () => [1n, 1n]],
  ['ends, also at the far end', anybody, () => ['ids', 2n ** 256n - 1n], 'NoSuchIndex', () => [2n ** 256n - 1n, 1n]],
])

describe('ends of counters, which nobody reaches by calls', () => {
  const setWord = async (fields) => {
    const now = await registry.product(id)
    const w = { ...now, ...fields }
    const word = BigInt(w.sequence) | BigInt(w.floor) << 64n | BigInt(w.lastBlock) << 128n |
      BigInt(w.entries) << 192n | BigInt(w.threshold) << 224n | BigInt(w.epoch) << 240n
    await chain.rpc('anvil_setStorageAt', registry.address, productSlots(id)[1], pad(numberToHex(word), { size: 32 }))
  }
  const restored = (fn) => async () => {
    const snapshot = await chain.snapshot()
    try { await fn() } finally { await chain.revert(snapshot) }
  }

  test('the last epoch stays with its owner', restored(async () => {
    await registry.call(alice, 'transferOwnership', id, bob.address)
    await setWord({ epoch: 65535 })
    assert.deepEqual(await registry.refusal(bob, 'acceptOwnership', id), { name: 'LastEpoch', args: [id, 65535] })
    await setWord({ epoch: 65534 })
    await registry.call(bob, 'acceptOwnership', id)
    assert.equal((await registry.product(id)).epoch, 65535)
  }))

  test('a full history takes no entry', restored(async () => {
    await setWord({ entries: 2 ** 32 - 1 })
    const full = { name: 'HistoryFull', args: [id, 2 ** 32 - 1] }
    assert.deepEqual(await registry.refusal(bob, 'publish', id, 3n, '0x01'), full)
    assert.deepEqual(await registry.refusal(alice, 'setSigners', id, 1, [key]), full)
    await setWord({ entries: 2 ** 32 - 2 })
    await registry.publish(bob, id, 3, Buffer.from('m'))
    assert.deepEqual(await registry.refusal(bob, 'publish', id, 4n, '0x01'), full)
  }))
})

describe('calls that are not of the registry', () => {
  const to = (data, value) => registry.refusalOf(mallory.address, data, value)

  test('an unknown function is named', async () => {
    assert.deepEqual(await to('0xdeadbeef'), { name: 'UnknownFunction', args: ['0xdeadbeef'] })
    assert.deepEqual(await to('0xdeadbeef', 1n), { name: 'UnknownFunction', args: ['0xdeadbeef'] })
    assert.deepEqual(await to('0x01'), { name: 'UnknownFunction', args: ['0x01000000'] })
  })

  test('ether is not taken', async () => {
    assert.deepEqual(await to('0x', 5n), { name: 'NotPayable', args: [5n] })
  })
})
