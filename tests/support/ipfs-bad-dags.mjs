// ipfs-bad-dags.mjs: what a hostile publisher may name by a valid CID: DAGs that break a rule, one row per attack of chapter 5's list.
//
// A row makes { root, blocks, size, says }: blocks as they stand in a depth-first CAR (without repetitions; with them, where it matters:
// `repeated()`), the size for the manifest, and the rule by which the release is rejected. `isNeverWhole`: it has a block that no honest
// source can hand over, so that nobody can tell whose fault it is: the release fails. `budget`: bytes it may cost.
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { random } from './random.mjs'
import { sha256 } from './suit.mjs'

const RAW = 0x55, DAG_PB = 0x70, SHA256 = 0x12
const MIB = 1024 * 1024

// --- protobuf by hand (protobuf.dev/programming-guides/encoding): what no library writes ---

const varint = (n) => {
  const out = []
  for (n = BigInt(n); n > 0x7fn; n >>= 7n) out.push(Number(n & 0x7fn) | 0x80)
  return Buffer.from([...out, Number(n)])
}
const number = (field, n) => Buffer.concat([varint(field << 3), varint(n)])
const bytes = (field, b) => Buffer.concat([varint(field << 3 | 2), varint(b.length), b])

const FILE = 2
/** A UnixFS message; `more` stands at its end. */
const unixfs = ({ type = FILE, data, filesize, sizes = [], more = Buffer.alloc(0) }) => Buffer.concat([
  number(1, type), ...data ? [bytes(2, data)] : [], ...filesize !== undefined ? [number(3, filesize)] : [],
  ...sizes.map((n) => number(4, n)), more,
])
const link = ({ cid, name = Buffer.from([0x12, 0]), tsize = 0, more = Buffer.alloc(0) }) =>
  bytes(2, Buffer.concat([bytes(1, Buffer.from(cid)), name, number(3, tsize), more]))
/** A dag-pb block: links, then the data, as the codec wants it; `more` at its end. */
const node = (links, data, more = Buffer.alloc(0)) => Buffer.concat([...links, ...data ? [bytes(1, data)] : [], more])

const block = (codec, b) => ({ cid: CID.createV1(codec, Digest.create(SHA256, sha256(b))), bytes: b })
const leaf = (n, seed = n) => block(RAW, random(seed).bytes(n))

/** Two leaves of 100 bytes and the root over them, of which a row spoils something. */
function pair({ sizes = [100, 100], filesize = 200, unixfsMore, nodeMore, linkMore, name, data, size = 200, says }) {
  const leaves = [leaf(100, 1), leaf(100, 2)]
  const links = leaves.map(({ cid }) => link({ cid: cid.bytes, name, more: linkMore }))
  const root = block(DAG_PB, node(links, data ?? unixfs({ filesize, sizes, more: unixfsMore }), nodeMore))
  return { root: root.cid, blocks: [root, ...leaves], size, says }
}

/** A root that is not even a file, or has one link that cannot be followed. */
const single = (b, says, size = 200) => ({ root: block(DAG_PB, b).cid, blocks: [block(DAG_PB, b)], size, says })
const linkTo = (cid, says) => single(node([link({ cid })], unixfs({ filesize: 200, sizes: [200] })), says)
const over = (child, size, n = 1) => block(DAG_PB, node(Array(n).fill(link({ cid: child.cid.bytes })), unixfs({ filesize: size * n, sizes: Array(n).fill(size) })))

function chain(levels) {
  const blocks = [leaf(200)]
  for (let i = 0; i < levels; i++) blocks.push(over(blocks.at(-1), 200))
  blocks.reverse()
  return { root: blocks[0].cid, blocks, size: 200, says: /deeper than 64 links/, budget: MIB / 4 }
}

/** 100 places for 100 places for … one byte: 100,000,000 of them in five blocks. */
function bomb() {
  const levels = [leaf(1)]
  for (let i = 0, size = 1; i < 4; i++, size *= 100) levels.push(over(levels.at(-1), size, 100))
  const walk = function* (level) {
    yield levels[level]
    for (let i = 0; level > 0 && i < 100; i++) yield* walk(level - 1)
  }
  const blocks = [...levels].reverse()
  return { root: levels[4].cid, blocks, repeated: () => take(walk(4), 60000), size: 100 ** 4,
    says: /more than 40798 nodes for 100000000 bytes/, budget: 4 * MIB }
}

function* take(list, n) {
  for (const item of list) {
    if (n-- === 0) return
    yield item
  }
}

/** One child of 3 MiB, which is more than a block may have. */
function wideLeaf(codec) {
  const size = 3 * MIB, content = Buffer.alloc(size, 7)
  const child = block(codec, codec === RAW ? content : node([], unixfs({ data: content, filesize: size })))
  const root = over(child, size)
  return { root: root.cid, blocks: [root, child], size }
}

function manyLinks() {
  const child = leaf(1), root = over(child, 1, 8193)
  return { root: root.cid, blocks: [root, child], size: 8193, says: /more than 8192 links/, dups: false }
}

export const badDags = {
  'blocksize-too-large': () => pair({ sizes: [101, 100], filesize: 201, size: 201, says: /has 100 bytes of the file, its parent says 101/ }),
  'blocksize-too-small': () => pair({ sizes: [99, 100], filesize: 199, size: 199, says: /has 100 bytes of the file, its parent says 99/ }),
  'blocksizes-overflow': () => pair({ sizes: [2n ** 64n - 1n, 201], says: /blocksizes do not fit 64 bits/ }),
  'blocksizes-missing': () => pair({ sizes: [200], says: /1 blocksizes for 2 links/ }),
  'filesize-too-large': () => pair({ filesize: 201, says: /filesize says 201, its parts have 200/ }),
  'filesize-1-tib': () => pair({ sizes: [2 ** 39, 2 ** 39], filesize: 2 ** 40, says: /names a file of 1099511627776 bytes, announced are 200/ }),
  'raw-leaf-3-mib': () => ({ ...wideLeaf(RAW), says: /a raw block of 3145728 bytes/ }),
  'wrapped-leaf-3-mib': () => ({ ...wideLeaf(DAG_PB), says: /at most 20\d+|more than 2097152 bytes|announces/, isNeverWhole: true }),
  'chain-5000': () => chain(5000),
  'bomb': bomb,
  'zero-length-child': () => pair({ sizes: [200, 0], says: /child 1 has no bytes/ }),
  'too-many-links': manyLinks,
  'overlong-varint-in-block': () => pair({ unixfsMore: Buffer.from([0x38, 0x81, 0x00]), says: /varint is overlong/ }),
  'trailing-bytes-in-block': () => pair({ nodeMore: Buffer.from([0x0a]), says: /dag-pb: a varint is cut/ }),
  'type-twice': () => pair({ unixfsMore: number(1, FILE), says: /Type twice/ }),
  'filesize-twice': () => pair({ unixfsMore: number(3, 200), says: /filesize twice/ }),
  'data-twice': () => pair({ nodeMore: bytes(1, unixfs({ filesize: 0 })), says: /Data twice/ }),
  'hash-twice': () => pair({ name: bytes(1, Buffer.from(leaf(9).cid.bytes)), says: /field 1 twice/ }),
  'unknown-unixfs-field': () => pair({ unixfsMore: number(9, 1), says: /unixfs: unknown field 9/ }),
  'unknown-node-field': () => pair({ nodeMore: bytes(3, Buffer.alloc(0)), says: /dag-pb: unknown field 3/ }),
  'unknown-link-field': () => pair({ linkMore: number(4, 1), says: /link 0: unknown field 4/ }),
  'named-link': () => pair({ name: bytes(2, Buffer.from('readme')), says: /link 0 of a file has a name/ }),
  'truncated-digest-in-link': () => linkTo([1, DAG_PB, SHA256, 16, ...Array(16).fill(9)], /must have 32 bytes, has 16/),
  'unknown-hash-in-link': () => linkTo([1, DAG_PB, 0x1b, 32, ...Array(32).fill(9)], /hash function 0x1b/),
  'unknown-codec-in-link': () => linkTo([1, 0x71, SHA256, 32, ...Array(32).fill(9)], /codec 0x71/),
  'identity-of-another-size': () => linkTo([1, RAW, 0, 10, ...Array(10).fill(9)], /has 10 bytes of the file, its parent says 200/),
  'directory': () => single(node([], unixfs({ type: 1 })), /a directory, not a file/),
  'hamt': () => single(node([], unixfs({ type: 5, more: Buffer.concat([number(5, 0x22), number(6, 256)]) })), /a HAMT directory, not a file/),
  'symlink': () => single(node([], unixfs({ type: 4, data: Buffer.from('/etc/passwd') })), /a symlink, not a file/),
  'no-unixfs': () => single(node([]), /without UnixFS data/),
  'not-announced': () => pair({ size: 201, says: /names a file of 200 bytes, announced are 201/ }),
}

/** Blocks of such a DAG as a gateway's: it hides nothing. */
export class BadBlocks {
  #blocks = new Map()
  #walks = new Map()

  add({ root, blocks, repeated }) {
    this.#walks.set(String(root), { blocks, repeated })
    for (const b of blocks) this.#blocks.set(String(b.cid.toV1()), b.bytes)
  }

  has(cid) { return this.#blocks.has(String(cid.toV1())) }
  get(cid) { return this.#blocks.get(String(cid.toV1())) }
  walk(root, { dups }) {
    const known = this.#walks.get(String(root))
    if (!known) return [{ cid: root, bytes: this.get(root) }]
    return dups && known.repeated ? known.repeated() : known.blocks
  }
}
