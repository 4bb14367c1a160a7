// lies/proofs.mjs: eth_getProof that proves something else, or nothing.
import { keccak256 } from 'viem'
import { errors, flipLast, method, proofs, quantity, word } from './answers.mjs'

const PROOF = method('eth_getProof')
const editAccount = (edit) => proofs((proof) => ({ ...proof, accountProof: edit(proof.accountProof) }))
const editWord = (edit) => proofs((proof) => proof.storageProof.length === 0 ? undefined
  : { ...proof, storageProof: [edit(proof.storageProof[0]), ...proof.storageProof.slice(1)] })
const older = (stage) => quantity(stage.before.latest)

/** Real nodes' refusals, by which node says them. */
const refusals = {
  reth: [-32602, 'distance to target block exceeds maximum proof window'],
  erigon: [-32000, 'requested block is too old, block must be within 1000 blocks of the head block number (currently 22237523)'],
  'tip-only': [-32000, "proofs are available only for the 'latest' block"],
  geth: [-32000, 'missing trie node 0b2c1e7f (path ) state 0x9f3a2b11 is not available'],
  'geth-path': [-32000, 'historical state 9f3a2b is not available'],
  nethermind: [-32002, 'No state available for block 21000000 (0x9f3a2b)'],
}

export const proofLies = [
  { name: 'proof-of-an-older-root', what: 'proves the registry as it was some blocks ago', tamper: proofs((proof, { keys }, stage) =>
    stage.ask('eth_getProof', stage.registry, keys, older(stage))), named: /a node is not the one that its parent names/ },
  { name: 'proof-of-another-account', what: 'proves another account in the right state', tamper: proofs(async (proof, { keys, number }, stage) =>
    ({ ...await stage.ask('eth_getProof', stage.owner, keys, quantity(number)), address: proof.address })), named: /lying: its proof at block \d+ does not hold: / },
  { name: 'proof-names-another-account', what: 'proves the registry and says that it is another account',
    tamper: proofs((proof, _, stage) => ({ ...proof, address: stage.owner })), named: /proof: of another account/ },
  { name: 'proof-truncated', what: 'leaves the last node out of the account\'s proof',
    tamper: editAccount((nodes) => nodes.slice(0, -1)),
    named: /proof: a node is missing/ },
  { name: 'proof-word-truncated', what: 'leaves the last node out of a word\'s proof',
    tamper: editWord((w) => ({ ...w, proof: w.proof.slice(0, -1) })),
    named: /proof: a node is missing/ },
  { name: 'proof-extra-nodes', what: 'adds a node that proves nothing',
    tamper: editAccount((nodes) => [...nodes, nodes[0]]),
    named: /nodes that prove nothing/ },
  { name: 'proof-node-edited', what: 'changes a byte of the last node',
    tamper: editAccount((nodes) => [...nodes.slice(0, -1), flipLast(nodes.at(-1))]),
    named: /a node is not the one that its parent names/ },
  { name: 'proof-excludes-registry', what: 'says that the registry is not there, with an empty proof', tamper: proofs((proof) =>
    ({ ...proof, accountProof: [], storageProof: proof.storageProof.map((w) => ({ ...w, value: '0x0', proof: [] })) })),
    named: /proof: a node is missing/ },
  { name: 'proof-excludes-word', what: 'gives the real exclusion proof of an empty slot for one that is not empty',
    tamper: proofs(async (proof, { keys, number }, stage) => {
    if (keys.length === 0) return undefined
    const empty = (await stage.ask('eth_getProof', stage.registry, [keccak256('0x6e6f7468696e67')], quantity(number))).storageProof[0]
    return { ...proof, storageProof: [{ ...empty, key: keys[0] }, ...proof.storageProof.slice(1)] }
  }), named: /lying: its proof at block \d+ does not hold: / },
  { name: 'proof-word-edited', what: 'claims another value than the proof has',
    tamper: editWord((w) => ({ ...w, value: `0x${word(BigInt(w.value) ^ 1n)}` })),
    named: /claims another value than it proves/ },
  { name: 'storage-root-unchanged', what: 'claims the storage root of before, so that nothing would seem to have changed',
    tamper: proofs(async (proof, _, stage) =>
    ({ ...proof, storageHash: (await stage.ask('eth_getProof', stage.registry, [], older(stage))).storageHash })),
    named: /claims another storage root than it proves/ },
  { name: 'proof-of-another-key', what: 'answers for another storage key',
    tamper: editWord((w) => ({ ...w, key: flipLast(w.key) })),
    named: /of another storage key/ },
  { name: 'proof-of-fewer-keys', what: 'answers for one key less than it was asked for', tamper: proofs((proof) =>
    proof.storageProof.length ? { ...proof, storageProof: proof.storageProof.slice(1) } : undefined), named: /it has an account and 2 keys/ },
  { name: 'proof-of-65-nodes', what: 'gives a proof of more nodes than a path can have',
    tamper: editAccount((nodes) => Array.from({ length: 65 }, () => nodes[0])),
    named: /more than 64 nodes/ },
  { name: 'proof-huge-node', what: 'gives a node of half a megabyte',
    tamper: editAccount((nodes) => [...nodes.slice(0, -1), `0x${'ab'.repeat(512 * 1024)}`]),
    named: /more than 1024 bytes/ },
  { name: 'proof-not-hex', what: 'gives a node that is not hex', tamper: editAccount((nodes) => [...nodes.slice(0, -1), '0xnode']), named: /hex/ },
  { name: 'no-getproof', what: 'does not know eth_getProof', tamper: errors(-32601, 'the method eth_getProof does not exist/is not available', PROOF),
    named: /unsupported: error -32601/, isAskedNoMore: 'eth_getProof' },
  ...Object.entries(refusals).map(([node, [code, message]]) => ({
    name: `proof-window-${node}`, what: `has no proof at that block, in the words of ${node}: "${message}"`,
    tamper: errors(code, message, PROOF), named: new RegExp(`pruned: error ${code}`),
  })),
]
