// registry.mjs: the contract as a test sees it: deployed, called, refused, and its history replayed without our C code.
import { execFileSync } from 'node:child_process'
import {
  concat, createPublicClient, createWalletClient, decodeErrorResult, decodeEventLog, defineChain, encodeAbiParameters,
  encodeFunctionData, http, keccak256, numberToHex, pad,
} from 'viem'
import { waitFor } from './wait.mjs'

// In a process of its own: the compiler would leave 200 MB behind, which every later fork of this one would have to map.
const COMPILE = `
  import { compile } from ${JSON.stringify(new URL('../../contracts/compile.mjs', import.meta.url))}
  process.stdout.write(JSON.stringify(compile(process.env.REGISTRY_SOURCE)))`

// REGISTRY_SOURCE: another source to test, as tests/faults/contract-mutants.long.test.mjs does.
export const contract = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', COMPILE], { maxBuffer: 1 << 26 }))

/** keccak256(abi.encode(registrant, name)). */
export function productId(registrant, name) {
  return keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'string' }], [registrant, name]))
}

/** The storage keys that prove a history: [head, packed word]. */
export function productSlots(id, slot = 0) {
  const first = keccak256(concat([id, pad(numberToHex(slot))]))
  return [first, numberToHex(BigInt(first) + 1n, { size: 32 })]
}

/** What a log makes of a head. */
export function extendHead(head, log) {
  return keccak256(concat([head, ...log.topics, keccak256(log.data)]))
}

/** The packed second word of a product, taken apart from its low end. */
export function unpackWord(hex) {
  let rest = BigInt(hex)
  const take = (bits) => {
    const value = rest & ((1n << BigInt(bits)) - 1n)
    rest >>= BigInt(bits)
    return value
  }
  return {
    sequence: take(64), floor: take(64), lastBlock: take(64), entries: take(32), threshold: take(16), epoch: take(16),
  }
}

/**
 * Deploys a registry (by accounts[0], who gets no rights by that) and gives its handle:
 *   call(account, fn, …args)     sends, waits, returns { hash, gas, block, logs: [{ event, args, topics, data }] }
 *   refusal(account, fn, …args)  eth_call that has to fail: { name, args }; name 'bare' for a revert without data
 *   read(fn, …args), product(id), history(id), receipt(hash), register/publish helpers
 * An object of options may follow the account's place in call(): { value, gas }.
 */
export async function deployRegistry(chain, { account = chain.accounts[0] } = {}) {
  const viemChain = defineChain({
    id: chain.chainId, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [chain.url] } },
  })
  const transport = http(chain.url, { retryCount: 0 })
  const client = createPublicClient({ chain: viemChain, transport, pollingInterval: 10, cacheTime: 0 })
  const wallet = createWalletClient({ chain: viemChain, transport })
  const { abi } = contract
  // viem's own wait asks again only when there is a new block; on a busy machine anvil tells of a receipt later than of its block.
  const receipt = (hash) => waitFor(`the receipt of ${hash}`, () => client.getTransactionReceipt({ hash }), { deadline_ms: 60000, every_ms: 2 })

  const created = await receipt(await wallet.deployContract({ account, abi, bytecode: contract.bytecode }))
  const address = created.contractAddress
  const decode = (log) => ({ ...log, ...pick(decodeEventLog({ abi, topics: log.topics, data: log.data, strict: true })) })

  const call = async (who, functionName, ...args) => {
    const hash = await wallet.writeContract({ account: who, address, abi, functionName, args })
    const r = await receipt(hash)
    if (r.status !== 'success') throw new Error(`${functionName}: reverted`)
    return { hash, gas: Number(r.gasUsed), block: r.blockNumber, logs: r.logs.map(decode) }
  }

  const refusalOf = async (from, data, value = 0n) => {
    try {
      await chain.rpc('eth_call', { from, to: address, data, value: numberToHex(value) }, 'latest')
    } catch (error) {
      if (error.code !== 3) throw error
      if (error.data === undefined || error.data === '0x') return { name: 'bare', args: [] }
      const { errorName, args } = decodeErrorResult({ abi, data: error.data })
      return { name: errorName, args: args ?? [] }
    }
    return undefined
  }

  const read = (functionName, ...args) => client.readContract({ address, abi, functionName, args })

  return {
    address,
    abi,
    client,
    wallet,
    receipt,
    deployed: { block: created.blockNumber, gas: Number(created.gasUsed) },
    call,
    read,
    refusal: (who, functionName, ...args) =>
      refusalOf(who.address, encodeFunctionData({ abi, functionName, args })),
    refusalOf,
    product: (id) => read('product', id),

    /** All of a product's log records, oldest first. */
    async history(id) {
      const logs = await client.getLogs({ address, fromBlock: 0n, toBlock: 'latest' })
      return logs.filter((l) => l.topics[1] === id).map(decode)
    },

    /** The head and packed word as eth_getProof shows them. */
    async proof(id, block = 'latest') {
      const keys = productSlots(id)
      const proof = await chain.rpc('eth_getProof', address, keys, block)
      const values = proof.storageProof.map((p) => pad(p.value, { size: 32 }))
      return { ...proof, head: values[0], word: values[1] }
    },

    /** Registers name for `who`; signers are those of suit.mjs. Returns the product's id. */
    async register(who, name, { threshold = 1, signers }) {
      await call(who, 'register', name, threshold, signers.map((s) => hex(s.coseKey)))
      return productId(who.address, name)
    },
    publish: (who, id, sequence, envelope) => call(who, 'publish', id, BigInt(sequence), hex(envelope)),
  }
}

export const hex = (bytes) => '0x' + Buffer.from(bytes).toString('hex')

const pick = ({ eventName, args }) => ({ event: eventName, args })
