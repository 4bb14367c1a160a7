// chain-proof.mjs: the proof of a product's two words and the replay of its 1,000 entries: ours (chain_proof.c) beside
// @ethereumjs/mpt, on the same real history and the same proof from anvil. Both prove the registry's account and both words, hash
// each record into the head and compare it with the proven one. CPU time of the process, medians. Run by scripts/bench.
//
// mpt hashes with @noble/hashes unless it is told otherwise; js-sha3 is the faster one, so it is measured as well.
import { join } from 'node:path'
import { MerklePatriciaTrie, verifyMerkleProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { hexToBytes, setLengthLeft } from '@ethereumjs/util'
import sha3 from 'js-sha3'
import { startAnvil } from '../support/anvil.mjs'
import { buildDir } from '../support/gateway.mjs'
import { makeHistory } from '../support/history.mjs'
import { run } from '../support/process.mjs'
import { deployRegistry, productSlots } from '../support/registry.mjs'
import { waitFor } from '../support/wait.mjs'

const ENTRIES = 1000
const ACCOUNTS = 300 // others in the state, so that the account's proof is not a single node
const ROUNDS = 3 // theirs; each is a tenth of a second
const OWN_ROUNDS = 100
const RUNS = Number(process.env.ROUNDS ?? 15) // many short ones, in turn: what else the machine does falls on both
const CID = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** A registry with one product of ENTRIES entries: { registry, product, stateRoot, proof, logs }, as a node gives them. */
async function makeJob() {
  const chain = await startAnvil()
  await chain.mine(1) // genesis has a wrong state root in anvil
  for (let i = 1; i <= ACCOUNTS; i++) await chain.rpc('anvil_setBalance', '0x' + i.toString(16).padStart(40, '5'), '0x1')
  const registry = await deployRegistry(chain)
  const image = (name, sequence) => ({ cid: CID, bytes: Buffer.from(`${name} ${sequence}`) })
  const { products: [{ id }] } = await makeHistory({ chain, registry, owner: chain.accounts[1], entries: ENTRIES, blocks: ENTRIES, image })
  const history = () => chain.rpc('eth_getLogs', { address: registry.address, fromBlock: '0x0', toBlock: 'latest', topics: [null, id] })
  await waitFor('the last entry', async () => (await history()).length === ENTRIES)
  const block = await chain.rpc('eth_getBlockByNumber', 'latest', false)
  const proof = await chain.rpc('eth_getProof', registry.address, productSlots(id), block.number)
  const logs = await history()
  await chain.stop()
  return { registry: registry.address, product: id, stateRoot: block.stateRoot, proof, logs }
}

/* --- the peer --- */

const bytesOf = ({ proof, logs }) => ({
  accountProof: proof.accountProof.map(hexToBytes),
  words: proof.storageProof.map((p) => p.proof.map(hexToBytes)),
  records: logs.map(({ topics, data }) => ({ topics: topics.map(hexToBytes), data: hexToBytes(data) })),
})

const equal = (a, b) => Buffer.compare(a, b) === 0

async function prove(job, { accountProof, words }, keccak) {
  const options = (root) => ({ root, useKeyHashing: true, useKeyHashingFunction: keccak })
  const account = RLP.decode(await verifyMerkleProof(hexToBytes(job.registry), accountProof, options(hexToBytes(job.stateRoot))))
  const keys = productSlots(job.product).map(hexToBytes)
  return Promise.all(keys.map(async (key, i) => setLengthLeft(RLP.decode(await verifyMerkleProof(key, words[i], options(account[2]))), 32)))
}

function replay(records, keccak) {
  let head = new Uint8Array(32)
  for (const { topics, data } of records) {
    const all = new Uint8Array(64 + 32 * topics.length)
    all.set(head)
    topics.forEach((topic, i) => all.set(topic, 32 + 32 * i))
    all.set(keccak(data), all.length - 32)
    head = keccak(all)
  }
  return head
}

async function fromBytes(job, bytes, keccak) {
  const [head] = await prove(job, bytes, keccak)
  if (!equal(head, replay(bytes.records, keccak))) throw new Error('the records do not replay to the proven head')
}

const fromText = (job, { proof, logs }, keccak) => fromBytes(job, bytesOf({ proof: JSON.parse(proof), logs: JSON.parse(logs) }), keccak)

async function medianMicroseconds(work) {
  const took = []
  for (let i = 0; i < ROUNDS; i++) {
    const from = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(from)
    took.push(user + system)
  }
  return median(took)
}

async function theirs(job, keccak) {
  const bytes = bytesOf(job)
  const text = { proof: JSON.stringify(job.proof), logs: JSON.stringify(job.logs) }
  for (let i = 0; i < 3; i++) await fromText(job, text, keccak) // compiled by then
  return {
    prove: await medianMicroseconds(() => prove(job, bytes, keccak)),
    bytes: await medianMicroseconds(() => fromBytes(job, bytes, keccak)),
    text: await medianMicroseconds(() => fromText(job, text, keccak)),
  }
}

async function ours(job) {
  const r = await run(join(buildDir, 'tests/bench/chain_proof'), [String(OWN_ROUNDS)], { input: JSON.stringify(job), deadline_ms: 300_000 })
  if (r.code !== 0) throw new Error(r.stderr)
  return JSON.parse(r.stdout)
}

const job = await makeJob()
const trie = new MerklePatriciaTrie()
const peers = {
  '@ethereumjs/mpt as it comes': (bytes) => trie.hash(bytes),
  '@ethereumjs/mpt with js-sha3': (bytes) => new Uint8Array(sha3.keccak_256.arrayBuffer(bytes)),
}
const us = []
const them = Object.fromEntries(Object.keys(peers).map((name) => [name, []]))
for (let i = 0; i < RUNS; i++) {
  us.push(await ours(job))
  for (const [name, keccak] of Object.entries(peers)) them[name].push(await theirs(job, keccak))
}
const of = (list, what) => median(list.map((r) => r[what]))
const size = job.logs.reduce((sum, { data }) => sum + (data.length - 2) / 2, 0)
console.log(`${job.logs.length} entries of one product, ${(size / 1e3).toFixed(0)} kB of data; proof: ${job.proof.accountProof.length} nodes of the account, ` +
  `${job.proof.storageProof.map((p) => p.proof.length).join(' and ')} of the words. Medians of ${RUNS} runs of ${OWN_ROUNDS} (ours) and ${ROUNDS} (theirs).\n`)
console.log('| CPU ms | gatepost | ' + Object.keys(peers).join(' | ') + ' | ratio | goal 20 |\n|---|---|---|---|---|---|')
for (const [what, title] of [['prove', 'the proof alone'], ['bytes', 'proof and replay'], ['text', 'proof and replay, from JSON text']]) {
  const own = of(us, what)
  const other = Object.keys(peers).map((name) => of(them[name], what))
  const ratios = other.map((v) => (v / own).toFixed(1))
  console.log(`| ${title} | ${(own / 1e3).toFixed(3)} | ${other.map((v) => (v / 1e3).toFixed(2)).join(' | ')} | ${ratios.join(', ')} | ` +
    `${what === 'bytes' ? (other[0] >= 20 * own ? 'met' : '**missed**') : ''} |`)
}
process.exit(0)
