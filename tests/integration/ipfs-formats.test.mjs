// Our verifier and our tree builder against the JavaScript libraries, a whole js-ipfs node and Debian's ipfs-cid.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CarReader } from '@ipld/car/reader'
import { Blocks, carOf } from '../support/ipfs-blocks.mjs'
import { faults } from '../support/ipfs-faults.mjs'
import { startGateway } from '../support/ipfs-gateway.mjs'
import { dagCid, verifyCar } from '../support/ipfs-verify.mjs'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { run } from '../support/process.mjs'
import { random } from '../support/random.mjs'
import { tempDir } from '../support/temp.mjs'

const KIB = 1024
const MIB = 1024 * 1024
const file = (size, seed = size) => Buffer.from(random(seed).bytes(size))
const padded = (size) => Buffer.concat([file(size >> 2), Buffer.alloc(size - (size >> 2), 0xff)])
const accept = (dups) => ({ accept: `application/vnd.ipld.car; version=1; order=dfs; dups=${dups}` })
const getCar = async (gateway, cid, dups = 'y') => {
  const reply = await fetch(`${gateway.url}/ipfs/${cid}?format=car`, { headers: accept(dups) })
  assert.equal(reply.status, 200)
  return Buffer.from(await reply.arrayBuffer())
}

// As importers really write files.
const layouts = {
  'unixfs-v1-2025': [3 * MIB + 17, {}],
  'unixfs-v0-2015': [3 * MIB + 17, { profile: 'unixfs-v0-2015' }],
  'one raw block': [1000, {}],
  'one File block': [1000, { profile: 'unixfs-v0-2015' }],
  'one byte': [1, {}],
  'exactly one chunk': [MIB, {}],
  'one byte more than a chunk': [MIB + 1, {}],
  'dag-pb leaves under version 1': [1 * MIB + 5, { rawLeaves: false, chunk: 50_000 }],
  'leaves of type raw': [1 * MIB + 5, { rawLeaves: false, leafType: 'raw', chunk: 50_000 }],
  'trickle': [1 * MIB + 5, { layout: 'trickle', chunk: 5_000 }],
  'trickle, version 0': [1 * MIB + 5, { profile: 'unixfs-v0-2015', layout: 'trickle', chunk: 5_000 }],
  'width 2, depth 9': [512 * 100, { chunk: 100, width: 2 }],
  'flat, 2000 links': [2000 * 64, { chunk: 64, layout: 'flat' }],
  'with mode and mtime': [1 * MIB + 5, { chunk: 100_000, mode: 0o644, mtime: { secs: 1_750_000_000n, nsecs: 500 } }],
  'one block with mode and mtime': [100, { mode: 0o644, mtime: { secs: 1_750_000_000n } }],
  'dag-pb leaves with a mode': [200_000, { rawLeaves: false, chunk: 50_000, mode: 0o600 }],
}

describe('layouts of the JavaScript importer', () => {
  for (const [name, [size, options]] of Object.entries(layouts)) {
    for (const [kind, bytes] of [['random', file(size)], ['padded', padded(size)]]) {
      test(`${name}, ${kind}`, async (t) => {
        const gateway = await startGateway(t)
        const cid = await gateway.add(bytes, options)
        for (const [dups, order] of [['y', 'dfs'], ['n', 'any']]) {
          const got = await verifyCar(t, await getCar(gateway, cid, dups), cid, size, { order })
          assert.equal(got.result, 'done', `dups=${dups}: ${got.why}`)
          assert.ok(got.bytes.equals(bytes))
          assert.equal(got.strays, 0)
        }
      })
    }
  }

  test('a directory is refused by its name', async (t) => {
    const { importDirectory } = await import('ipfs-unixfs-importer')
    const blocks = new Blocks()
    const { cid } = await importDirectory({ path: 'a' }, blocks)
    const got = await verifyCar(t, await carOf(cid, blocks.walk(cid)), cid, 100)
    assert.equal(got.result, 'bad-dag')
    assert.match(got.why, /a directory, not a file/)
  })
})

describe('the tree builder', () => {
  const sizes = [1, 1000, 256 * KIB, 256 * KIB + 1, MIB, MIB + 1, 3 * MIB + 17]
  for (const profile of ['unixfs-v1-2025', 'unixfs-v0-2015']) {
    for (const size of sizes) {
      test(`${profile}, ${size} bytes: the importer's CID`, async () => {
        const cid = await new Blocks().add(file(size), { profile })
        assert.equal(await dagCid(file(size), profile), cid.toString())
      })
    }
  }

  // Debian's ipfs-cid knows the old profile.
  for (const size of [...sizes, 45 * MIB, 45 * MIB + 300]) {
    test(`${size} bytes: the CID of ipfs_cid`, async (t) => {
      const path = join(await tempDir(t), 'file')
      await writeFile(path, file(size))
      const { stdout } = await run('ipfs_cid', [path])
      assert.equal(await dagCid(file(size), 'unixfs-v0-2015'), JSON.parse(stdout).CIDv0)
    })
  }
})

test('a whole js-ipfs node: what it adds, it exports, and we verify', async (t) => {
  const node = await startJsIpfs(t)
  for (const query of [{}, { 'cid-version': '1', 'raw-leaves': 'true' }, { trickle: 'true' }]) {
    const bytes = padded(2 * MIB + 3)
    const cid = await node.add(bytes, query)
    const reply = await node.call(`dag/export?arg=${cid}&progress=false`)
    assert.equal(reply.status, 200)
    const got = await verifyCar(t, Buffer.from(await reply.arrayBuffer()), cid, bytes.length, { order: 'any' })
    assert.equal(got.result, 'done', got.why)
    assert.ok(got.bytes.equals(bytes))
    const block = await node.call(`block/get?arg=${cid}`)
    assert.equal(block.status, 200)
    assert.ok((await block.arrayBuffer()).byteLength > 0)
  }
})

// What a hostile source's CAR comes to. What happens on the wire (stalls, resets, statuses) is the keeper's to see.
describe('faults of a source', () => {
  const bytes = file(700_000)
  for (const [name, fault] of Object.entries(faults).filter(([, f]) => (f.blocks || f.body) && !f.isEndless)) {
    test(name, async (t) => {
      const gateway = await startGateway(t)
      const cid = await gateway.add(bytes, { chunk: 20_000, width: 8 })
      gateway.fault = name
      const got = await verifyCar(t, await getCar(gateway, cid), cid, bytes.length)
      assert.equal(got.result, fault.ends, got.why)
      assert.ok(got.bytes.subarray(0, got.contiguous).equals(bytes.subarray(0, got.contiguous)))
      if (name !== 'flip-root') assert.ok(got.result === 'done' || got.missing > 0)
      gateway.fault = null
      const honest = await verifyCar(t, await getCar(gateway, cid), cid, bytes.length)
      assert.ok(honest.bytes.equals(bytes))
    })
  }
})

test('what @ipld/car writes, block for block', async (t) => {
  const blocks = new Blocks()
  const bytes = file(300_000)
  const cid = await blocks.add(bytes, { chunk: 10_000, width: 7 })
  const car = await carOf(cid, blocks.walk(cid))
  const got = await verifyCar(t, car, cid, bytes.length)
  const reader = await CarReader.fromBytes(car)
  let count = 0
  for await (const _ of reader.blocks()) count++
  assert.equal(got.blocks, count)
})
