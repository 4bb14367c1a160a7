// What a reader relies on: two proven words stand for the whole history, and it can be walked back block by block.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { keccak256, pad } from 'viem'
import { startAnvil } from '../support/anvil.mjs'
import { deployRegistry, extendHead, hex, productSlots, unpackWord } from '../support/registry.mjs'
import { newSigner } from '../support/suit.mjs'
import { random } from '../support/random.mjs'

const ZERO = '0x' + '00'.repeat(32)
const keys = [newSigner('es256'), newSigner('ed25519'), newSigner('es256k')]

let chain, registry, alice, bob, ids
before(async () => {
  chain = await startAnvil();
  [, alice, bob] = chain.accounts
  registry = await deployRegistry(chain)
  ids = [
    await registry.register(alice, 'acme/a', { signers: keys, threshold: 2 }),
    await registry.register(alice, 'acme/b', { signers: keys.slice(1) }),
  ]
  const [a, b] = ids
  // Every event, the two products interleaved.
  await registry.publish(alice, a, 1, Buffer.alloc(400, 1))
  await registry.publish(alice, b, 1, Buffer.alloc(4096, 2))
  await registry.call(alice, 'setPublisher', a, bob.address, true)
  await registry.publish(bob, a, 2, Buffer.alloc(1, 3))
  await registry.call(bob, 'revoke', a, 1n, 'bricks rev C')
  await registry.call(alice, 'setSigners', b, 1, [hex(keys[0].coseKey)])
  await registry.call(alice, 'raiseFloor', b, 2n, '')
  await registry.call(alice, 'transferOwnership', a, bob.address)
  await registry.call(bob, 'acceptOwnership', a)
  await registry.publish(bob, a, 3, Buffer.alloc(33, 4))
})
after(() => chain?.stop())

const replay = (logs) => logs.reduce(extendHead, ZERO)

test('the head is the replay of the logs, after each entry', async () => {
  for (const id of ids) {
    const logs = await registry.history(id)
    let head = ZERO
    for (const [i, log] of logs.entries()) {
      head = extendHead(head, log)
      if (logs[i + 1]?.blockNumber === log.blockNumber) continue // more of the same transaction
      const { storageProof } = await chain.rpc('eth_getProof', registry.address, productSlots(id),
        '0x' + log.blockNumber.toString(16))
      assert.equal(pad(storageProof[0].value, { size: 32 }), head)
      assert.equal(unpackWord(storageProof[1].value).entries, BigInt(i + 1))
    }
  }
})

test('the proven words have the documented layout', async () => {
  for (const id of ids) {
    const product = await registry.product(id)
    const { head, word } = await registry.proof(id)
    assert.equal(head, product.head)
    assert.deepEqual(unpackWord(word), {
      sequence: product.sequence, floor: product.floor, lastBlock: product.lastBlock,
      entries: BigInt(product.entries), threshold: BigInt(product.threshold), epoch: BigInt(product.epoch),
    })
    const slots = [2, 3].map((n) => pad('0x' + (BigInt(productSlots(id)[0]) + BigInt(n)).toString(16), { size: 32 }))
    const [owner, pending] = await Promise.all(slots.map((slot) =>
      chain.rpc('eth_getStorageAt', registry.address, slot, 'latest')))
    assert.equal(BigInt(owner), BigInt(product.owner))
    assert.equal(BigInt(pending), BigInt(product.pendingOwner))
  }
})

test('the list of products lies in slot 1', async () => {
  const at = (slot) => chain.rpc('eth_getStorageAt', registry.address, slot, 'latest')
  assert.equal(BigInt(await at('0x1')), 2n)
  const base = BigInt(keccak256(pad('0x1', { size: 32 })))
  for (const [i, id] of ids.entries()) {
    assert.equal(await at(pad('0x' + (base + BigInt(i)).toString(16), { size: 32 })), id)
    assert.equal(await registry.read('ids', BigInt(i)), id)
  }
})

test('a history can be walked back from lastBlock by prevBlock alone', async () => {
  for (const id of ids) {
    const all = await registry.history(id)
    const walked = []
    let block = (await registry.product(id)).lastBlock
    while (block !== 0n) {
      const logs = await registry.client.getLogs({ address: registry.address, fromBlock: block, toBlock: block })
      const own = logs.filter((l) => l.topics[1] === id)
      assert.ok(own.length > 0, 'a named block has an entry')
      walked.unshift(...own)
      // prevBlock is the first word of every event's data.
      block = BigInt(own[0].data.slice(0, 66))
    }
    assert.equal(walked.length, all.length)
    assert.equal(replay(walked), (await registry.product(id)).head)
  }
})

test('another history does not give the head', async () => {
  const [id] = ids
  const logs = await registry.history(id)
  const { head } = await registry.product(id)
  assert.equal(replay(logs), head)
  const rng = random(7)
  for (let i = 0; i < logs.length; i++) {
    assert.notEqual(replay(logs.filter((_, at) => at !== i)), head, 'one left out')
    assert.notEqual(replay(logs.toSpliced(i, 0, logs[i])), head, 'one twice')
    if (i) assert.notEqual(replay(logs.toSpliced(i - 1, 2, logs[i], logs[i - 1])), head, 'two exchanged')
    const byte = 2 + 2 * rng.below((logs[i].data.length - 2) / 2)
    const flipped = logs[i].data.slice(0, byte) + (logs[i].data[byte] === '0' ? '1' : '0') + logs[i].data.slice(byte + 1)
    assert.notEqual(replay(logs.toSpliced(i, 1, { ...logs[i], data: flipped })), head, 'a byte changed')
    const topics = logs[i].topics.toSpliced(-1, 1, ZERO)
    assert.notEqual(replay(logs.toSpliced(i, 1, { ...logs[i], topics })), head, 'a topic changed')
  }
})

describe('two entries of a product in one block', () => {
  test('the second names the block itself as the previous one', async () => {
    const [, id] = ids
    const { lastBlock } = await registry.product(id)
    await chain.rpc('evm_setAutomine', false)
    const sent = []
    const nonce = await registry.client.getTransactionCount({ address: alice.address })
    for (let i = 0; i < 2; i++) {
      sent.push(await registry.wallet.writeContract({
        account: alice, address: registry.address, abi: registry.abi, functionName: 'publish',
        args: [id, BigInt(2 + i), '0x01'], nonce: nonce + i, gas: 200000n,
      }))
    }
    await chain.mine()
    await chain.rpc('evm_setAutomine', true)
    const receipts = await Promise.all(sent.map((hash) => registry.receipt(hash)))
    assert.equal(receipts[0].blockNumber, receipts[1].blockNumber)
    const prev = receipts.map((r) => BigInt(r.logs[0].data.slice(0, 66)))
    assert.deepEqual(prev, [lastBlock, receipts[0].blockNumber])
    assert.equal(replay(await registry.history(id)), (await registry.product(id)).head)
  })
})
