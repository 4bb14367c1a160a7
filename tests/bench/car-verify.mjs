// car-verify.mjs: how fast one CAR is verified: our verifier, raw SHA-256, and what the JavaScript world has, on the same bytes.
//
//	GATEPOST_BUILD=… node tests/bench/car-verify.mjs [MiB] [rounds]
//
// Medians of the rounds; ours is best of the same number in one process (tests/integration/car_verify.c). Build without --enable-sanitize.
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CarBlockIterator } from '@ipld/car/iterator'
import * as dagPB from '@ipld/dag-pb'
import { Blocks, carOf } from '../support/ipfs-blocks.mjs'
import { run } from '../support/process.mjs'
import { random } from '../support/random.mjs'

const MIB = 1024 * 1024
const size = Number(process.argv[2] ?? 64) * MIB
const rounds = Number(process.argv[3] ?? 5)
const build = process.env.GATEPOST_BUILD ?? fileURLToPath(new URL('../../build', import.meta.url))
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1]
const rate = (seconds) => size / seconds / 1e6

async function timed(fn) {
  const times = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await fn()
    times.push((performance.now() - start) / 1000)
  }
  return rate(median(times))
}

/** What a careful JavaScript client does: read, hash each block, walk depth first, count the bytes. */
async function verifyInNode(car, root) {
  async function* chunks() { for (let at = 0; at < car.length; at += 65536) yield car.subarray(at, at + 65536) }
  const expected = [root]
  let bytes = 0
  for await (const { cid, bytes: block } of await CarBlockIterator.fromIterable(chunks())) {
    const want = expected.pop()
    if (!want.equals(cid)) throw new Error(`expected ${want}`)
    if (!createHash('sha256').update(block).digest().equals(cid.multihash.digest)) throw new Error(`hash of ${cid}`)
    if (cid.code === dagPB.code) expected.push(...dagPB.decode(block).Links.map((link) => link.Hash).reverse())
    bytes += block.length
  }
  if (expected.length) throw new Error('short')
  return bytes
}

const dir = await mkdtemp(join(tmpdir(), 'gatepost-bench-'))
const bytes = Buffer.from(random(1).bytes(size))
const ipfsCar = join(dirname(createRequire(import.meta.url).resolve('ipfs-car/package.json')), 'bin.js')
const table = []
for (const profile of ['unixfs-v1-2025', 'unixfs-v0-2015']) {
  const blocks = new Blocks()
  const cid = await blocks.add(bytes, { profile })
  const car = await carOf(cid, blocks.walk(cid))
  const path = join(dir, `${profile}.car`)
  await writeFile(path, car)
  const ours = await run(join(build, 'tests/integration/car_verify'), ['-r', String(rounds), String(cid), String(size)],
    { input: car, deadline_ms: 600_000 })
  if (ours.code) throw new Error(ours.stderr)
  const { verify_mb_s, sha256_mb_s, ratio } = JSON.parse(ours.stdout)
  const node = await timed(() => verifyInNode(car, cid))
  const unpack = await timed(async () => {
    const out = join(dir, 'out')
    await rm(out, { recursive: true, force: true })
    const { code, stderr } = await run(process.execPath, [ipfsCar, 'unpack', path, '--root', String(cid), '--output', out],
      { deadline_ms: 600_000 })
    if (code) throw new Error(`ipfs-car: ${stderr}`)
  })
  const stream = await timed(async () => {
    const { code } = await run(join(build, 'tests/integration/car_verify'), ['-o', join(dir, 'out'), String(cid), String(size)], { input: car })
    if (code) throw new Error('car_verify')
  })
  table.push({ profile, 'sha256 MB/s': sha256_mb_s, 'verifier MB/s': verify_mb_s, 'of raw hash': ratio,
    'as a process, to a file': Math.round(stream), '@ipld/car + node:crypto': Math.round(node), 'ipfs-car unpack': Math.round(unpack) })
}
await rm(dir, { recursive: true })
console.table(table)
