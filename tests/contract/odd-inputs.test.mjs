// Whatever well-formed call comes, it succeeds or names the rule that it breaks: no bare revert, no Panic, no Error.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { encodeFunctionData } from 'viem'
import { startAnvil } from '../support/anvil.mjs'
import { contract, deployRegistry, extendHead, hex, productId } from '../support/registry.mjs'
import { newSigner } from '../support/suit.mjs'
import { random } from '../support/random.mjs'

const SEED = Number(process.env.SEED ?? 1)
const CALLS = Number(process.env.CALLS ?? 1500)
const named = new Set(Object.keys(contract.errors))

let chain, registry, accounts, ids
before(async () => {
  chain = await startAnvil()
  accounts = chain.accounts.slice(0, 4)
  registry = await deployRegistry(chain)
  const signers = [newSigner()]
  ids = [productId(accounts[0].address, 'un/known')]
  for (const who of accounts.slice(0, 2)) {
    ids.push(await registry.register(who, 'acme/a', { signers }), await registry.register(who, 'acme/b', { signers }))
  }
})
after(() => chain?.stop())

/** Values at and around every limit, some of them outside what the type of a call can be guessed to take. */
function argument(rng, { type, name }) {
  const edge = (...list) => rng.pick(list)
  switch (type) {
    case 'bytes32': return rng.pick(ids)
    case 'address': return edge(...accounts.map((a) => a.address), '0x' + '00'.repeat(20), '0x' + 'ff'.repeat(20))
    case 'bool': return rng.bool()
    case 'uint16': return edge(0, 1, 1, 1, 2, 3, 8, 9, 255, 65535)
    case 'uint64': return edge(0n, 1n, 2n, 3n, 4n, 5n, BigInt(rng.below(40)), 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n)
    case 'uint256': return edge(0n, 1n, 4n, 5n, 2n ** 64n, 2n ** 256n - 1n)
    case 'bytes': return hex(rng.bytes(edge(0, 1, 31, 32, 33, 400, 4095, 4096, 4097)))
    case 'bytes[]': return Array.from({ length: edge(0, 1, 1, 2, 3, 8, 9, 40) },
      (_, i) => hex(rng.pick([rng.bytes(77), rng.bytes(edge(1, 128)), Buffer.from([i]), Buffer.alloc(edge(0, 129, 500)), Buffer.from('same')])))
    case 'string': return name === 'name'
      ? edge('', '/', 'a/b', `v${rng.below(1000)}/m`, 'A/b', 'a/b/c', 'x'.repeat(65), 'x'.repeat(5000), 'ä/ö', '\0/\0', rng.bytes(5).toString('latin1'))
      : 'r'.repeat(edge(0, 1, 255, 256, 257, 3000))
    default: throw new Error(`a type without values: ${type}`)
  }
}

test(`${CALLS} calls with odd values (SEED=${SEED})`, async () => {
  const rng = random(SEED)
  const functions = contract.abi.filter((e) => e.type === 'function')
  const seen = {}
  for (let i = 0; i < CALLS; i++) {
    const f = rng.pick(functions)
    const args = f.inputs.map((input) => argument(rng, input))
    const who = rng.pick(accounts)
    const story = `SEED=${SEED} call ${i}: ${f.name}(${args.join(', ').slice(0, 300)})`
    const data = encodeFunctionData({ abi: contract.abi, functionName: f.name, args })
    const refusal = await registry.refusalOf(who.address, data)
    if (refusal) assert.ok(named.has(refusal.name), `${story} → ${refusal.name}`)
    else if (f.stateMutability === 'nonpayable') await registry.call(who, f.name, ...args)
    seen[refusal?.name ?? f.name] = (seen[refusal?.name ?? f.name] ?? 0) + 1
  }
  // The walk got somewhere: most functions worked, most rules refused.
  assert.ok(Object.keys(seen).length >= 24, JSON.stringify(seen))
})

test('after all that, every head is still the replay of its logs', async () => {
  const count = await registry.read('productCount')
  for (let i = 0n; i < count; i++) {
    const id = await registry.read('ids', i)
    const logs = await registry.history(id)
    const product = await registry.product(id)
    assert.equal(logs.reduce(extendHead, '0x' + '00'.repeat(32)), product.head)
    assert.equal(logs.length, product.entries)
  }
})
