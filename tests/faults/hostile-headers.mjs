// hostile-headers.mjs: blocks that were tampered with and hash right all the same.
import { RLP } from '@ethereumjs/rlp'
import { keccak256 } from 'viem'

/** A header's fields in the order of its RLP, from Frontier to Prague. */
const FIELDS = [
  'parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom', 'difficulty', 'number', 'gasLimit',
  'gasUsed', 'timestamp', 'extraData', 'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed', 'excessBlobGas',
  'parentBeaconBlockRoot', 'requestsHash',
]
const NUMBERS = new Set(['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas', 'blobGasUsed', 'excessBlobGas'])
/** What a header object has not, and a block object has. */
const BODY = ['transactions', 'uncles', 'withdrawals', 'size', 'totalDifficulty']

export const quantity = (n) => `0x${BigInt(n).toString(16)}`
const even = (digits) => (digits.length % 2 ? `0${digits}` : digits)
const bytesOf = (name, hex) => (NUMBERS.has(name) && BigInt(hex) === 0n ? new Uint8Array() : Buffer.from(even(hex.slice(2)), 'hex'))

/** The block with `changes` and the hash that belongs to it. `extra`: values of fields that a later fork would append. */
export function seal(block, changes = {}, extra = []) {
  const changed = { ...block, ...changes }
  const fields = FIELDS.filter((name) => changed[name] !== undefined).map((name) => bytesOf(name, changed[name]))
  return { ...changed, hash: keccak256(RLP.encode([...fields, ...extra.map((hex) => Buffer.from(hex.slice(2), 'hex'))])) }
}

/** What eth_getHeaderByNumber gives of a block. */
export const headerOf = (block) => block && Object.fromEntries(Object.entries(block).filter(([name]) => !BODY.includes(name)))

/**
 * A chain that leaves the real one after block `last`: each later block is the real one with change(block) and the parent that this
 * chain has. Its states are the real ones, so every real proof holds in it.
 */
export class Shadow {
  constructor(realBlock, last, change) {
    Object.assign(this, { realBlock, last, change, sealed: new Map() })
  }

  async block(number) {
    if (number <= this.last) return this.realBlock(number)
    if (!this.sealed.has(number)) this.sealed.set(number, this.#seal(number))
    return this.sealed.get(number)
  }

  async #seal(number) {
    const [parent, real] = [await this.block(number - 1), await this.realBlock(number)]
    return parent && real && seal(real, { parentHash: parent.hash, ...this.change(real) })
  }
}
