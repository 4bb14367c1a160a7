// ipfs-blocks.mjs: IPFS blocks in memory, made and walked by the JavaScript reference libraries.
import * as dagPB from '@ipld/dag-pb'
import { CarWriter } from '@ipld/car/writer'
import { importFile } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, flat, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { base58btc } from 'multiformats/bases/base58'
import { identity } from 'multiformats/hashes/identity'

const layouts = { balanced, flat, trickle }
const key = (cid) => base58btc.encode(cid.multihash.bytes)

/** A blockstore that names blocks by multihash, so that any version and codec of a CID finds them. */
export class Blocks {
  #blocks = new Map()

  put(cid, bytes) { this.#blocks.set(key(cid), bytes); return cid }
  has(cid) { return cid.multihash.code === identity.code || this.#blocks.has(key(cid)) }
  get(cid) { return cid.multihash.code === identity.code ? cid.multihash.digest : this.#blocks.get(key(cid)) }
  delete(cid) { this.#blocks.delete(key(cid)) }
  get count() { return this.#blocks.size }

  /**
   * Imports a file and returns its CID. `profile` is one of IPIP-0499 ("unixfs-v1-2025" unless said otherwise);
   * `chunk`, `width`, `layout` (balanced, flat, trickle), `rawLeaves`, `cidVersion`, `leafType`, `mode`, `mtime` override it.
   */
  async add(bytes, { profile = 'unixfs-v1-2025', chunk, width, layout, mode, mtime, ...rest } = {}) {
    const options = { profile, ...rest }
    if (chunk) options.chunker = fixedSize({ chunkSize: chunk })
    if (width || layout) options.layout = layouts[layout ?? 'balanced'](width ? { maxChildrenPerNode: width } : {})
    const { cid } = await importFile({ content: bytes, mode, mtime }, this, options)
    return cid
  }

  /** The blocks under a root, depth first; with dups each as often as the file has it. Identity blocks are left out. */
  *walk(root, { dups = true } = {}) {
    const seen = new Set()
    const stack = [root]
    while (stack.length) {
      const cid = stack.pop()
      if (!dups && seen.has(key(cid))) continue
      seen.add(key(cid))
      const bytes = this.get(cid)
      if (!bytes) throw new Error(`no block ${cid}`)
      if (cid.multihash.code !== identity.code) yield { cid, bytes }
      if (cid.code === dagPB.code) stack.push(...dagPB.decode(bytes).Links.map((link) => link.Hash).reverse())
    }
  }
}

/** Blocks as one CARv1, by @ipld/car: a Buffer. */
export async function carOf(root, blocks) {
  const { writer, out } = CarWriter.create([root])
  const chunks = []
  const reading = (async () => { for await (const chunk of out) chunks.push(chunk) })()
  for (const block of blocks) await writer.put(block)
  await writer.close()
  await reading
  return Buffer.concat(chunks)
}

export const readCid = (text) => CID.parse(text)
