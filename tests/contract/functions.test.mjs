// What each function of the registry does when it is allowed: state, events, their order and their topics.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { keccak256, toEventSelector } from 'viem'
import { startAnvil } from '../support/anvil.mjs'
import { contract, deployRegistry, hex, productId } from '../support/registry.mjs'
import { newSigner } from '../support/suit.mjs'

const ZERO = '0x' + '00'.repeat(32)
const NOBODY = '0x' + '00'.repeat(20)
const keyA = newSigner('es256')
const keyB = newSigner('ed25519')

let chain, registry, alice, bob, carol
let named = 0
before(async () => {
  chain = await startAnvil();
  [, alice, bob, carol] = chain.accounts
  registry = await deployRegistry(chain)
})
after(() => chain?.stop())

/** A fresh product of alice's. */
const fresh = (options = {}) => registry.register(alice, `acme/model${++named}`, { signers: [keyA], ...options })

/** The block's time as events carry it. */
const timeOf = async (block) => (await registry.client.getBlock({ blockNumber: block })).timestamp

describe('deployment', () => {
  test('the deployed code is the published one', async () => {
    const code = await registry.client.getCode({ address: registry.address })
    assert.equal(keccak256(code), contract.codeHash)
    const { codeHash } = await registry.proof(ZERO)
    assert.equal(codeHash, contract.codeHash)
  })

  test('the documents name this code', { skip: process.env.REGISTRY_SOURCE !== undefined }, async () => {
    const guide = await readFile(new URL('../../docs/publishers-guide.md', import.meta.url), 'utf8')
    assert.ok(guide.includes(contract.codeHash), `the published code hash is now ${contract.codeHash}: is that wanted?`)
  })

  test('the storage layout is the documented one', () => {
    const { storage, types } = contract.storageLayout
    assert.deepEqual(storage.slice(0, 2).map((s) => [s.slot, types[s.type].encoding]),
      [['0', 'mapping'], ['1', 'dynamic_array']])
    const product = types[types[storage[0].type].value]
    assert.deepEqual(product.members.map((m) => [m.label, m.slot, m.offset, types[m.type].label]), [
      ['head', '0', 0, 'bytes32'],
      ['sequence', '1', 0, 'uint64'], ['floor', '1', 8, 'uint64'], ['lastBlock', '1', 16, 'uint64'],
      ['entries', '1', 24, 'uint32'], ['threshold', '1', 28, 'uint16'], ['epoch', '1', 30, 'uint16'],
      ['owner', '2', 0, 'address'], ['pendingOwner', '3', 0, 'address'],
    ])
  })

  test('event signatures are the documented ones', () => {
    const documented = [
      'ProductRegistered(bytes32,address,uint64,uint64,string)',
      'SignersChanged(bytes32,uint64,uint64,uint16,bytes[])',
      'PublisherChanged(bytes32,address,uint64,uint64,bool)',
      'ReleasePublished(bytes32,uint64,address,uint64,uint64,bytes)',
      'ReleaseRevoked(bytes32,uint64,uint64,uint64,string)',
      'FloorRaised(bytes32,uint64,uint64,uint64,string)',
      'OwnershipTransferred(bytes32,address,address,uint64,uint64)',
    ]
    for (const signature of documented) {
      const name = signature.split('(')[0]
      assert.equal(contract.events[name], toEventSelector(signature), name)
    }
    assert.equal(Object.keys(contract.events).length, documented.length)
  })
})

describe('register', () => {
  test('gives the id, and three entries in order', async () => {
    const name = `acme/thermostat-${++named}`
    const id = productId(alice.address, name)
    const count = await registry.read('productCount')
    const { logs, block } = await registry.call(alice, 'register', name, 2, [hex(keyA.coseKey), hex(keyB.coseKey)])
    const time = await timeOf(block)

    assert.deepEqual(logs.map((l) => [l.event, l.topics.slice(1), l.args]), [
      ['ProductRegistered', [id, word(alice.address)],
        { product: id, registrant: alice.address, prevBlock: 0n, time, name }],
      ['PublisherChanged', [id, word(alice.address)],
        { product: id, publisher: alice.address, prevBlock: block, time, allowed: true }],
      ['SignersChanged', [id],
        { product: id, prevBlock: block, time, threshold: 2, signers: [hex(keyA.coseKey), hex(keyB.coseKey)] }],
    ])
    const { head, ...rest } = await registry.product(id)
    assert.notEqual(head, ZERO)
    assert.deepEqual(rest, {
      sequence: 0n, floor: 0n, lastBlock: block, entries: 3, threshold: 2, epoch: 0,
      owner: alice.address, pendingOwner: NOBODY,
    })
    assert.equal(await registry.read('productCount'), count + 1n)
    assert.equal(await registry.read('ids', count), id)
    assert.equal(await registry.read('productId', alice.address, name), id)
    assert.equal(await registry.read('isPublisher', id, alice.address), true)
  })

  test('the same name of another registrant is another product', async () => {
    const name = `acme/shared-${++named}`
    const a = await registry.register(alice, name, { signers: [keyA] })
    const b = await registry.register(bob, name, { signers: [keyA] })
    assert.notEqual(a, b)
    assert.equal((await registry.product(b)).owner, bob.address)
  })

  for (const name of ['a/b', '0/9', 'a._-/b._-', `${'v'.repeat(32)}/${'m'.repeat(32)}`]) {
    test(`takes the name ${name}`, async () => {
      const id = await registry.register(carol, name, { signers: [keyA] })
      assert.equal((await registry.product(id)).owner, carol.address)
    })
  }

  test('takes eight signers of up to 128 bytes, whatever their bytes', async () => {
    const signers = Array.from({ length: 8 }, (_, i) => ({ coseKey: Buffer.alloc(i ? 128 : 1, i) }))
    const id = await fresh({ signers, threshold: 8 })
    assert.equal((await registry.product(id)).threshold, 8)
  })
})

describe('views of what is not there', () => {
  test('an unknown product is all zeros, and has no publishers', async () => {
    const id = productId(bob.address, 'no/such')
    assert.deepEqual(await registry.product(id), {
      head: ZERO, sequence: 0n, floor: 0n, lastBlock: 0n, entries: 0, threshold: 0, epoch: 0,
      owner: NOBODY, pendingOwner: NOBODY,
    })
    assert.equal(await registry.read('isPublisher', id, bob.address), false)
  })
})

describe('setSigners', () => {
  test('logs the set and changes the threshold', async () => {
    const id = await fresh()
    const { lastBlock } = await registry.product(id)
    const { logs: [log], block } = await registry.call(alice, 'setSigners', id, 2, [hex(keyB.coseKey), hex(keyA.coseKey)])
    assert.equal(log.event, 'SignersChanged')
    assert.deepEqual(log.args, {
      product: id, prevBlock: lastBlock, time: await timeOf(block), threshold: 2,
      signers: [hex(keyB.coseKey), hex(keyA.coseKey)],
    })
    assert.equal((await registry.product(id)).threshold, 2)
  })
})

describe('setPublisher', () => {
  test('lets another publish, and takes it back', async () => {
    const id = await fresh()
    const on = await registry.call(alice, 'setPublisher', id, bob.address, true)
    assert.deepEqual(on.logs[0].topics.slice(1), [id, word(bob.address)])
    assert.equal(on.logs[0].args.allowed, true)
    await registry.publish(bob, id, 1, Buffer.from('m'))

    const off = await registry.call(alice, 'setPublisher', id, bob.address, false)
    assert.equal(off.logs[0].args.allowed, false)
    assert.equal((await registry.refusal(bob, 'publish', id, 2n, '0x01')).name, 'NotPublisher')
  })

  test('an owner may give up publishing and still revoke', async () => {
    const id = await fresh()
    await registry.publish(alice, id, 1, Buffer.from('m'))
    await registry.call(alice, 'setPublisher', id, alice.address, false)
    assert.equal((await registry.refusal(alice, 'publish', id, 2n, '0x01')).name, 'NotPublisher')
    await registry.call(alice, 'revoke', id, 1n, 'broken')
  })
})

describe('publish', () => {
  test('logs the manifest bytes under the next sequence', async () => {
    const id = await fresh()
    for (const [sequence, manifest] of [[1n, '0x00'], [2n, hex(Buffer.alloc(4096, 0xa5))]]) {
      const { lastBlock } = await registry.product(id)
      const { logs: [log], block } = await registry.call(alice, 'publish', id, sequence, manifest)
      assert.deepEqual(log.topics.slice(1), [id, word(sequence), word(alice.address)])
      assert.deepEqual(log.args, {
        product: id, sequence, publisher: alice.address, prevBlock: lastBlock, time: await timeOf(block), manifest,
      })
      const product = await registry.product(id)
      assert.deepEqual([product.sequence, product.lastBlock], [sequence, block])
    }
  })
})

describe('revoke and raiseFloor', () => {
  test('revoke names a release and may be repeated', async () => {
    const id = await fresh()
    await registry.publish(alice, id, 1, Buffer.from('m'))
    await registry.call(alice, 'setPublisher', id, bob.address, true)
    for (const who of [alice, bob]) {
      const { logs: [log] } = await registry.call(who, 'revoke', id, 1n, 'bricks rev C')
      assert.equal(log.event, 'ReleaseRevoked')
      assert.deepEqual(log.topics.slice(1), [id, word(1n)])
      assert.equal(log.args.reason, 'bricks rev C')
    }
    assert.equal((await registry.product(id)).entries, 7)
  })

  test('the floor rises up to the next sequence, and publishing goes on', async () => {
    const id = await fresh()
    await registry.publish(alice, id, 1, Buffer.from('m'))
    const { logs: [log] } = await registry.call(alice, 'raiseFloor', id, 2n, 'x'.repeat(256))
    assert.deepEqual(log.topics.slice(1), [id, word(2n)])
    assert.equal(log.args.reason.length, 256)
    assert.equal((await registry.product(id)).floor, 2n)
    await registry.publish(alice, id, 2, Buffer.from('m'))
    await registry.call(alice, 'raiseFloor', id, 3n, '')
    assert.equal((await registry.product(id)).floor, 3n)
  })

  test('a floor of 1 is possible before the first release', async () => {
    const id = await fresh()
    await registry.call(alice, 'raiseFloor', id, 1n, '')
    assert.equal((await registry.product(id)).floor, 1n)
  })
})

describe('ownership', () => {
  test('an offer is not an entry; taking it is two', async () => {
    const id = await fresh()
    const before = await registry.product(id)
    const offer = await registry.call(alice, 'transferOwnership', id, bob.address)
    assert.equal(offer.logs.length, 0)
    assert.deepEqual(await registry.product(id), { ...before, pendingOwner: bob.address })

    const { logs, block } = await registry.call(bob, 'acceptOwnership', id)
    const time = await timeOf(block)
    assert.deepEqual(logs.map((l) => [l.event, l.topics.slice(1), l.args]), [
      ['OwnershipTransferred', [id, word(alice.address), word(bob.address)],
        { product: id, from: alice.address, to: bob.address, prevBlock: before.lastBlock, time }],
      ['PublisherChanged', [id, word(bob.address)],
        { product: id, publisher: bob.address, prevBlock: block, time, allowed: true }],
    ])
    const now = await registry.product(id)
    assert.deepEqual([now.owner, now.pendingOwner, now.epoch, now.entries], [bob.address, NOBODY, 1, 5])
  })

  test('none of the old epoch may publish, nor does an old publisher come back by a second transfer', async () => {
    const id = await fresh()
    await registry.call(alice, 'setPublisher', id, carol.address, true)
    await registry.call(alice, 'transferOwnership', id, bob.address)
    await registry.call(bob, 'acceptOwnership', id)
    for (const who of [alice, carol]) {
      assert.equal(await registry.read('isPublisher', id, who.address), false)
      assert.equal((await registry.refusal(who, 'publish', id, 1n, '0x01')).name, 'NotPublisher')
      assert.equal((await registry.refusal(who, 'revoke', id, 1n, '')).name, 'NotOwnerOrPublisher')
    }
    await registry.call(bob, 'transferOwnership', id, alice.address)
    await registry.call(alice, 'acceptOwnership', id)
    assert.equal(await registry.read('isPublisher', id, alice.address), true)
    assert.equal(await registry.read('isPublisher', id, carol.address), false)
    assert.equal(await registry.read('isPublisher', id, bob.address), false)
  })

  test('an offer to address 0 withdraws the one before', async () => {
    const id = await fresh()
    await registry.call(alice, 'transferOwnership', id, bob.address)
    await registry.call(alice, 'transferOwnership', id, NOBODY)
    assert.equal((await registry.refusal(bob, 'acceptOwnership', id)).name, 'NotPendingOwner')
  })

  test('the old owner is out after the transfer, not before', async () => {
    const id = await fresh()
    await registry.call(alice, 'transferOwnership', id, bob.address)
    await registry.call(alice, 'setSigners', id, 1, [hex(keyB.coseKey)])
    assert.equal((await registry.refusal(bob, 'setSigners', id, 1, [hex(keyA.coseKey)])).name, 'NotOwner')
    await registry.call(bob, 'acceptOwnership', id)
    assert.equal((await registry.refusal(alice, 'setSigners', id, 1, [hex(keyA.coseKey)])).name, 'NotOwner')
    await registry.call(bob, 'setSigners', id, 1, [hex(keyA.coseKey)])
  })
})

function word(value) {
  return '0x' + BigInt(value).toString(16).padStart(64, '0')
}
