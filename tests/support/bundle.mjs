// bundle.mjs: bundles taken apart and put together again by other people's libraries, truthfully or not.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { CarBlockIterator, CarWriter } from '@ipld/car'
import * as dagpb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

const RAW = 0x55
const cidOf = (bytes, codec = RAW) => CID.createV1(codec, Digest.create(0x12, createHash('sha256').update(bytes).digest()))
const block = (bytes, codec) => ({ cid: cidOf(bytes, codec), bytes })

/** { roots, blocks, links: { name: CID }, part(name): bytes of a part that is one block }. */
export async function readBundle(file) {
  const iterator = await CarBlockIterator.fromBytes(await readFile(file))
  const roots = await iterator.getRoots()
  const blocks = []
  for await (const b of iterator) blocks.push(b)
  const directory = dagpb.decode(blocks[0].bytes)
  const links = Object.fromEntries(directory.Links.map((l) => [l.Name, l.Hash]))
  return { roots, blocks, links, directory, part: (name) => Buffer.from(blocks.find((b) => b.cid.equals(links[name])).bytes) }
}

/** Writes blocks as they are given, whatever their CIDs say. */
export async function writeCar(file, root, blocks) {
  const { writer, out } = await CarWriter.create([root])
  const pieces = []
  const gathered = (async () => { for await (const piece of out) pieces.push(piece) })()
  for (const b of blocks) await writer.put(b)
  await writer.close()
  await gathered
  await writeFile(file, Buffer.concat(pieces))
  return file
}

/**
 * The bundle with other bytes for some of its one-block parts, under a directory that names them: every hash fits. Other
 * image blocks by `image: { cid, blocks }`.
 */
export async function remakeBundle(file, to, changes) {
  const { links, directory, blocks } = await readBundle(file)
  const names = ['entries.jsonl', 'envelope.suit', 'eth-proof.json']
  const front = names.map((name) => changes[name] ? block(Buffer.from(changes[name])) : blocks.find((b) => b.cid.equals(links[name])))
  const image = changes.image ?? { cid: links['image.bin'], blocks: blocks.slice(4) }
  const cids = [...front.map((b) => b.cid), image.cid]
  const root = block(dagpb.encode({ ...directory, Links: directory.Links.map((l, i) => ({ ...l, Hash: cids[i], Tsize: front[i]?.bytes.length ?? l.Tsize })) }), 0x70)
  return writeCar(to, root.cid, [root, ...front, ...image.blocks])
}

export { block }
