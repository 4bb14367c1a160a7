// lies/logs.mjs: eth_getLogs that leaves out, adds, edits, moves. Logs are hints: whatever does not replay to the proven head shows.
import { errors, flipLast, logs, method, quantity, withResult, word } from './answers.mjs'

const last = (rows) => rows[rows.length - 1]
const editLast = (edit) => logs((rows) => [...rows.slice(0, -1), { ...last(rows), ...edit(last(rows)) }])
const OTHERS = '0x00000000000000000000000000000000000000ff'
const foreign = /gave log records that are not the chain's/

/** `releases`: so many are published at once; four make the daemon ask for a range. */
export const logLies = [
  { name: 'log-omitted-in-block', what: 'leaves the newest record out when it is asked for a single block',
    tamper: logs((rows, { isRange }) => isRange ? rows : rows.slice(0, -1)), named: /records left out: no record in block \d+/ },
  { name: 'log-omitted-in-range', releases: 4, what: 'leaves a record out of wide ranges only',
    tamper: logs((rows, { isRange }) => isRange ? rows.filter((_, i) => i !== 1) : rows),
    named: /records left out: the range's records do not replay/ },
  { name: 'log-omitted-always', releases: 4, what: 'has no records at all, as a node whose index lost them',
    tamper: logs(() => []), named: /records left out: no record in block \d+/ },
  { name: 'log-range-cut', releases: 5, what: 'cuts a range off after three records, without saying so',
    tamper: logs((rows, { isRange }) => isRange ? rows.slice(0, 3) : rows),
    named: /records left out: the range's records do not replay/ },
  { name: 'log-added', what: 'adds a record that never was',
    tamper: logs((rows) => [...rows, { ...last(rows), logIndex: quantity(Number(last(rows).logIndex) + 1), data: flipLast(last(rows).data) }]),
    named: foreign },
  { name: 'log-data-edited', what: 'changes a byte of a release\'s manifest',
    tamper: editLast(({ data }) => ({ data: data.slice(0, 500) + flipLast(data.slice(500, 560)) + data.slice(560) })), named: foreign },
  { name: 'log-topics-edited', what: 'gives a release another sequence number',
    tamper: editLast(({ topics }) => ({ topics: [topics[0], topics[1], `0x${word(77)}`, ...topics.slice(3)] })), named: foreign },
  { name: 'log-event-edited', what: 'makes a release another kind of record',
    tamper: editLast(({ topics }) => ({ topics: [flipLast(topics[0]), ...topics.slice(1)] })), named: foreign },
  { name: 'log-reordered', releases: 4, what: 'gives the records of a range newest first',
    tamper: logs((rows) => [...rows].reverse()), named: /rows stand in the order of the chain/ },
  { name: 'log-relabelled', releases: 4, what: 'swaps what two records say and leaves their places',
    tamper: logs((rows) => rows.length < 2 ? rows
      : [{ ...rows[0], data: rows[1].data, topics: rows[1].topics }, { ...rows[1], data: rows[0].data, topics: rows[0].topics }, ...rows.slice(2)]),
    named: /the range's records do not replay|not the chain's/ },
  { name: 'log-twice', what: 'gives a record twice', tamper: logs((rows) => [...rows, last(rows)]), named: /rows stand in the order of the chain/ },
  { name: 'log-of-another-address', what: 'gives a record of another contract',
    tamper: editLast(() => ({ address: OTHERS })), named: /a row of another address/ },
  { name: 'log-of-another-product', what: 'gives a record of a product that was not asked for',
    tamper: editLast(({ topics }) => ({ topics: [topics[0], flipLast(topics[1]), ...topics.slice(2)] })), named: /a row of another product/ },
  { name: 'log-of-another-block', what: 'gives a record of a block that was not asked for',
    tamper: editLast(({ blockNumber }) => ({ blockNumber: quantity(Number(blockNumber) + 1) })), named: /a row of another block/ },
  { name: 'log-removed', what: 'gives rows of an abandoned block, marked removed: true',
    tamper: editLast(() => ({ removed: true })), named: /a removed row/ },
  { name: 'log-prev-block-nowhere', releases: 2, what: 'gives a record whose prevBlock points into the future',
    tamper: editLast(({ data }) => ({ data: `0x${word(2 ** 40)}${data.slice(66)}` })), named: /prevBlock 1099511627776 .* points nowhere/ },
  { name: 'log-prev-block-itself', releases: 2, what: 'gives a record whose prevBlock is its own block, so that a walk would never end',
    tamper: editLast(({ data, blockNumber }) => ({ data: `0x${word(blockNumber)}${data.slice(66)}` })), named: /prevBlock \d+ .* points nowhere/ },
  { name: 'log-flood', what: 'answers one block with 2,001 rows',
    tamper: logs((rows) => Array.from({ length: 2001 }, (_, i) => ({ ...rows[0], logIndex: quantity(i), data: '0x' }))),
    named: /logs: more than 2000 rows/ },
  { name: 'log-huge', what: 'gives a record with a megabyte of data',
    tamper: editLast(() => ({ data: `0x${'ab'.repeat(1024 * 1024)}` })), named: /more than 8192 bytes/ },
  { name: 'log-not-hex', what: 'gives data that is not hex', tamper: editLast(({ data }) => ({ data: `${data.slice(0, -2)}zz` })), named: /hex/ },
  { name: 'log-null', what: 'answers null instead of rows',
    tamper: () => ({ call: (call) => method('eth_getLogs')(call) ? withResult(call, null) : undefined }), named: /logs: they are an array/ },
  { name: 'log-pruned', what: 'has dropped its logs, with the code of EIP-4444',
    tamper: errors(4444, 'Pruned history unavailable', method('eth_getLogs')), named: /pruned: error 4444/ },
  { name: 'log-unsupported', what: 'does not know eth_getLogs',
    tamper: errors(-32601, 'the method eth_getLogs does not exist/is not available', method('eth_getLogs')), named: /unsupported: error -32601/ },
]
