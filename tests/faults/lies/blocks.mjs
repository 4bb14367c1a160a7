// lies/blocks.mjs: another chain, another height, another time, another final block; made so that the hashes are right.
import { Shadow, seal } from '../hostile-headers.mjs'
import { blocks, errors, flipLast, isBlockCall, isTag, method, quantity, withResult } from './answers.mjs'

const BILLION = 1_000_000_000
const TEN_YEARS = 10 * 365 * 86400
const isFinalTag = (which) => which === 'finalized' || which === 'safe'

/** Every block after `last(before)` is that of a shadow chain. */
const fork = (last, change) => (stage) => {
  const shadow = new Shadow(stage.block, last(stage.before), change)
  return blocks((block) => shadow.block(Number(block.number)))(stage)
}
const onlyTags = (edit) => blocks((block, which, stage) => isTag(which) ? edit(block, which, stage) : undefined)
const onlyNumbers = (edit) => blocks((block, which, stage) => isTag(which) ? undefined : edit(block, which, stage))

/** Every other answer about a block comes from `other(block, which, stage)`: a load balancer with two unlike nodes behind it. */
const everyOther = (other) => {
  let n = 0
  return blocks((block, which, stage) => n++ % 2 ? other(block, which, stage) : undefined)
}
/** What the tags meant when the lie was switched on. */
const asBefore = (block, which, { before, block: at }) =>
  which === 'latest' ? at(before.latest) : isFinalTag(which) ? at(before.final) : undefined
const mark = () => ({ extraData: '0x6d616c6c6f7279' })

/** `mine`: so many blocks pass before the release is seen. */
export const blockLies = [
  { name: 'wrong-chain', from: 'start', what: 'serves another chain id',
    tamper: () => ({ call: (call) => call.method === 'eth_chainId' ? withResult(call, '0x1') : undefined }),
    named: /chain id 1 instead of 31337/ },
  { name: 'wrong-genesis', from: 'start', what: 'has another genesis block under the right chain id',
    tamper: blocks((block, which) => which === '0x0' ? { ...block, hash: flipLast(block.hash) } : undefined),
    named: /genesis 0x[0-9a-f]{64} instead of 0x/ },
  { name: 'other-fork', mine: 4, what: 'is on a fork that left the chain before the final block, with hashes and parents in order',
    tamper: fork(({ final }) => final, mark), named: /says another final block \d+ than the quorum/ },
  { name: 'other-tip', what: 'is on a fork of the newest blocks, none of which is final yet',
    tamper: (stage) => {
      const shadow = new Shadow(stage.block, stage.before.latest, mark)
      return blocks((block) => Number(block.number) > stage.view().final ? shadow.block(Number(block.number)) : undefined)(stage)
    },
    named: /contradiction: gives another block \d+ than a quorum/ },
  { name: 'stale-head', mine: 40, what: 'stands still: its newest and its final block stay what they were',
    tamper: blocks(asBefore), named: /behind: (is|stands still) at block \d+, a quorum has/, state: 'behind' },
  { name: 'frozen-finalized', mine: 40, what: 'follows the head, and its final block stands still',
    tamper: blocks((block, which, { before, block: at }) => isFinalTag(which) ? at(before.final) : undefined),
    named: /behind: its final block stands still at \d+, a quorum has/ },
  { name: 'finalized-goes-back', mine: 10, what: 'says an earlier final block than it said before',
    tamper: blocks((block, which, { block: at }) => isFinalTag(which) ? at(1) : undefined),
    named: /contradiction: its final block went back from \d+ to 1/ },
  { name: 'head-flip-flop', mine: 40, what: 'is two nodes behind one address, one of which is 40 blocks behind, taking turns with every request',
    tamper: everyOther(asBefore),
    named: /contradiction: its final block|behind: (is at block|stands still|its final block)/ },
  { name: 'hash-flip-flop', mine: 4, what: 'gives the same block with two hashes, taking turns with every request',
    tamper: everyOther((block) => Number(block.number) === 0 ? undefined : seal(block, mark())),
    named: /says another final block|contradiction: gives another block/ },
  { name: 'altered-header', what: 'serves headers with another state root under the true hash',
    tamper: blocks((block, which) => which === '0x0' ? undefined : { ...block, stateRoot: flipLast(block.stateRoot) }),
    named: /its fields do not hash to its hash/ },
  { name: 'altered-hash', what: 'serves true headers with another hash',
    tamper: blocks((block, which) => which === '0x0' ? undefined : { ...block, hash: flipLast(block.hash) }),
    named: /its fields do not hash to its hash/ },
  { name: 'header-without-field', what: 'leaves the state root out of headers',
    tamper: blocks(({ stateRoot, ...block }, which) => which === '0x0' ? undefined : block), named: /stateRoot is missing/ },
  { name: 'header-with-leading-zero', what: 'writes numbers with leading zeros',
    tamper: onlyTags((block) => ({ ...block, number: `0x00${block.number.slice(2)}` })),
    named: /number has no leading zero/ },
  { name: 'new-fork', what: 'serves headers of a fork that appended a field',
    tamper: blocks((block, which) => which === '0x0' ? undefined : { ...seal(block, {}, ['0x2a']), quantumRoot: '0x2a' }),
    named: /new-fork: .*unknown ones are there \(quantumRoot\): a new fork/ },
  { name: 'strange-field', what: 'adds a field to blocks that their hash does not cover',
    tamper: blocks((block) => ({ ...block, l1BlockNumber: '0x1' })),
    tolerated: 'the hash is right without it; chains and providers add such fields' },
  { name: 'future-time', mine: 4, what: 'is on a fork whose timestamps are ten years ahead',
    tamper: fork(({ latest }) => latest, (block) => ({ timestamp: quantity(Number(block.timestamp) + TEN_YEARS) })),
    named: /says another final block \d+ than the quorum|with a time in the future/ },
  { name: 'future-tip', what: 'gives its newest block a timestamp ten years ahead',
    tamper: blocks((block, which) => which === 'latest' ? seal(block, { timestamp: quantity(Number(block.timestamp) + TEN_YEARS) }) : undefined),
    named: /contradiction: .* with a time in the future/ },
  { name: 'height-ahead', what: 'says that its newest block is 10^9',
    tamper: blocks((block, which) => which === 'latest' ? seal(block, { number: quantity(BILLION) }) : undefined),
    named: /odd: says block 1000000000, a quorum has/ },
  { name: 'final-ahead', what: 'says that block 10^9 is final',
    tamper: blocks((block, which) => isTag(which) ? seal(block, { number: quantity(BILLION) }) : undefined),
    named: /odd: says block 1000000000, a quorum has/ },
  { name: 'final-above-latest', what: 'says that a block above its newest is final',
    tamper: blocks((block, which, { before, block: at }) => which === 'latest' ? at(before.final - 1) : undefined), named: /contradiction: its final block \d+ is above its latest/ },
  { name: 'another-block', what: 'answers with the parent of the block that it was asked for',
    tamper: onlyNumbers((block, which, { block: at }) => Number(which) > 1 ? at(Number(which) - 1) : undefined),
    named: /another block than the one that was asked for/ },
  { name: 'block-not-there', what: 'says null for blocks that it must have',
    tamper: onlyNumbers((block, which) => which === '0x0' ? undefined : null),
    named: /block: not there/ },
  { name: 'latest-not-there', what: 'says null for its newest block',
    tamper: onlyTags((block, which) => which === 'latest' ? null : undefined),
    named: /block: not there/ },
  { name: 'no-finalized', what: 'does not know the tag "finalized"',
    tamper: errors(-39001, 'Unknown block', (call) => isBlockCall(call) && isFinalTag(call.params[0])), named: /error -39001: Unknown block/ },
  { name: 'no-header-method', what: 'does not know eth_getHeaderByNumber',
    tamper: errors(-32601, 'the method eth_getHeaderByNumber does not exist/is not available', method('eth_getHeaderByNumber')),
    tolerated: 'it is asked for whole blocks instead, as many nodes have to be' },
  { name: 'block-is-text', what: 'answers with a text instead of a block', tamper: onlyTags(() => 'soon'), named: /block: it is an object/ },
  { name: 'block-of-a-thousand-fields', what: 'fills blocks with a thousand fields',
    tamper: onlyTags((block) => ({ ...block, ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, '0x1'])) })),
    named: /more than 64 fields/ },
]
