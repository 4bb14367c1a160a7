// answers.mjs: the answers that lies are made of.
import { quantity } from '../hostile-headers.mjs'

export const withResult = ({ id }, result) => ({ jsonrpc: '2.0', id, result })
export const withError = ({ id }, code, message) => ({ jsonrpc: '2.0', id, error: { code, message } })

/** The bytes of a hex text with the last one changed. */
export const flipLast = (hex) => hex.slice(0, -2) + (hex.endsWith('00') ? '01' : '00')
export const word = (n) => BigInt(n).toString(16).padStart(64, '0')
export const isBlockCall = ({ method }) => /^eth_get(Block|Header)ByNumber$/.test(method)
export const isTag = (which) => !which.startsWith('0x')

/** Lies about blocks: edit(block, which, stage) for every answer with a block; `which` is a tag or a number in hex. */
export const blocks = (edit) => (stage) => ({
  async call(call, honest) {
    if (!isBlockCall(call) || !honest.result) return undefined
    const other = await edit(honest.result, call.params[0], stage)
    return other === undefined ? undefined : withResult(call, sameForm(call, other))
  },
})

/** A header has no body, whatever the block was taken from. */
function sameForm(call, block) {
  if (!block || !call.method.includes('Header')) return block
  const { transactions, uncles, withdrawals, size, totalDifficulty, ...header } = block
  return header
}

/** Lies about log records: edit(rows, { isRange }, stage) for every answer with rows. */
export const logs = (edit) => (stage) => ({
  async call(call, honest) {
    if (call.method !== 'eth_getLogs' || !Array.isArray(honest.result) || honest.result.length === 0) return undefined
    const [{ fromBlock, toBlock }] = call.params
    const other = await edit(honest.result, { isRange: fromBlock !== toBlock }, stage)
    return other === undefined ? undefined : withResult(call, other)
  },
})

/** Lies about proofs: edit(proof, { keys, number }, stage) for every answer with one. */
export const proofs = (edit) => (stage) => ({
  async call(call, honest) {
    if (call.method !== 'eth_getProof' || !honest.result) return undefined
    const [, keys, block] = call.params
    const other = await edit(honest.result, { keys, number: Number(block) }, stage)
    return other === undefined ? undefined : withResult(call, other)
  },
})

/** An error instead of every answer that `applies(call)`. */
export const errors = (code, message, applies = () => true) => () => ({
  call: (call) => (applies(call) ? withError(call, code, message) : undefined),
})

export const method = (name) => (call) => call.method === name
export const isRange = (call) => call.method === 'eth_getLogs' && call.params[0].fromBlock !== call.params[0].toBlock
export { quantity }
