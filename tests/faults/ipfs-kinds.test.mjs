// ipfs-kinds.test.mjs: static archives, block directories, mirrors, nodes and peers that lie, break or never end: alone, before an honest
// source, and after one.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { faults } from '../support/ipfs-faults.mjs'
import { fileFaults, startFiles } from '../support/file-source.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { makeScope } from '../support/scope.mjs'
import { honestSource, image, makeCase, makeImageWorld } from './attack-case.mjs'

const MIB = 1024 * 1024
const scope = makeScope()
let world
before(async () => { world = await makeImageWorld(scope) })
after(() => scope.end())

/** A kind's settings for a server at this URL. */
const KINDS = {
  'car': (url) => ({ kind: 'car', url: `${url}/car/{cid}.car` }),
  'blocks': (url) => ({ kind: 'blocks', url: `${url}/blocks` }),
  'mirror': (url) => ({ kind: 'mirror', url: `${url}/image/{sha256}` }),
  'mirror without inner blocks': (url) => ({ kind: 'mirror', url: `${url}/image/{sha256}?` }),
  'kubo': (url) => ({ kind: 'kubo', url }),
}
const LIE = /the block's bytes are not what its CID says|no leaf of these bytes|another SHA-256 than the manifest/
const BROKE = /transfer closed with \d+ bytes remaining/
const LIE_OR_BROKE = new RegExp(`${LIE.source}|${BROKE.source}`)
const PART = /answers with another part than was asked for/
const UNASKED = /failed \(status 206\)/
const NO_PARTS = /does not give parts of it, or it has changed/
const TOO_MUCH = /sends more than \d+ bytes/

/** What it comes to: [rule, is it a lie]. */
const OUTCOMES = {
  'flipped byte': { default: [LIE, true] },
  'truncated': { default: [BROKE, false] },
  'wrong Content-Range': { 'car': [PART, false], 'mirror': [PART, false], 'mirror without inner blocks': [PART, false], 'default': [UNASKED, false] },
  // Where nothing can be continued, the honest one may have brought the rest before the lie is asked for.
  'changed between ranges': { 'kubo': [LIE_OR_BROKE, null], 'blocks': [LIE_OR_BROKE, null], 'default': [LIE, true] },
  // A mirror's reply is given up at the announced size; asked for the rest, it begins anew.
  'endless body': { 'blocks': [TOO_MUCH, false], 'mirror': [NO_PARTS, false], 'mirror without inner blocks': [NO_PARTS, false], 'default': [LIE, true] },
}

async function checkNamed(t, c, kind, fault) {
  const [rule, outcome] = OUTCOMES[fault][kind] ?? OUTCOMES[fault].default
  const s = await c.named('mallory', rule)
  const isLie = outcome ?? LIE.test(s.last_error)
  assert.equal(s.kind, kind.split(' ')[0])
  assert.deepEqual([s.state === 'quarantined', s.bad_blocks > 0], [isLie, isLie], JSON.stringify(s))
  assert.ok(s.bytes < 12 * (2 * MIB + MIB / 16), `${s.bytes} bytes`)
  t.diagnostic(`${s.bytes} bytes, ${c.ms} ms: ${s.last_error}`)
}

for (const kind of Object.keys(KINDS)) {
  describe(`a ${kind} source`, { concurrency: 5 }, () => {
    for (const fault of Object.keys(fileFaults)) {
      const mallory = async (t) => ({ name: 'mallory', ...KINDS[kind]((await startFiles(t, { ...world, image, fault })).url) })

      test(`${kind}: ${fault}, alone`, async (t) => {
        const c = await makeCase(t, world, [await mallory(t)])
        await checkNamed(t, c, kind, fault)
        await c.until(1, 'failed')
        await c.nothingCame()
      })

      for (const isFirst of [true, false]) {
        test(`${kind}: ${fault}, ${isFirst ? 'before' : 'after'} an honest source`, async (t) => {
          const honest = { name: 'honest', url: (await honestSource(t, world, { isLate: !isFirst })).url }
          const c = await makeCase(t, world, isFirst ? [await mallory(t), honest] : [honest, await mallory(t)])
          await c.arrives()
          // Files of which nothing can be checked but the whole are the last resort.
          if (kind === 'mirror without inner blocks') assert.equal((await c.source('mallory')).bytes, 0)
          else await checkNamed(t, c, kind, fault)
          assert.equal((await c.source('honest')).bad_blocks, 0)
        })
      }
    }
    test(`${kind}: an honest one brings it all`, async (t) => {
      const c = await makeCase(t, world, [{ name: 'files', ...KINDS[kind]((await startFiles(t, { ...world, image })).url) }])
      await c.arrives()
    })
  })
}

// The same protocol as a trustless gateway's, of which ipfs-attacks.test.mjs tries everything.
describe('a peer', { concurrency: 5 }, () => {
  for (const fault of ['flip-leaf', 'truncated', 'short-content-length', 'endless', 'reset-64k', 'html', '429-retry-year']) {
    for (const isFirst of [true, false]) {
      test(`peer: ${fault}, ${isFirst ? 'before' : 'after'} an honest source`, async (t) => {
        const hostile = await startSource(t, { blocks: world.blocks, fault }), honest = await honestSource(t, world, { isLate: !isFirst })
        hostile.hold()
        const sources = [{ name: 'mallory', kind: 'peer', url: hostile.url }, { name: 'honest', url: honest.url }]
        const c = await makeCase(t, world, isFirst ? sources : sources.reverse())
        await c.named('mallory', faults[fault].says)
        hostile.letGo()
        await c.arrives()
      })
    }
  }
})
