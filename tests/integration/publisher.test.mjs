// The publisher's tool against a real node and a real IPFS node: what it sends, what it stores, what others make of it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CarReader } from '@ipld/car/reader'
import { MemoryBlockstore } from 'blockstore-core/memory'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { keccak256 } from 'viem'
import { foundry, privateKey } from '../support/anvil.mjs'
import { decode } from '../support/cbor.mjs'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { run } from '../support/process.mjs'
import { EXIT, gatepost, makeDesk } from '../support/publisher.mjs'
import { contract, extendHead, hex } from '../support/registry.mjs'
import { sha256 } from '../support/suit.mjs'

const t = { after: (fn) => cleanups.push(fn) }
const cleanups = []
let desk, ipfs
before(async () => {
  desk = await makeDesk(t)
  ipfs = await startJsIpfs(t)
})
after(async () => { for (const fn of cleanups.reverse()) await fn() })

const PROFILES = {
  'unixfs-v1-2025': { cidVersion: 1, rawLeaves: true, chunk: 1048576, width: 1024 },
  'unixfs-v0-2015': { cidVersion: 0, rawLeaves: false, chunk: 262144, width: 174 },
}

/** The CID that the JavaScript importer gives. */
async function importedCid(bytes, profile) {
  const { cidVersion, rawLeaves, chunk, width } = PROFILES[profile]
  const options = {
    cidVersion, rawLeaves, reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: chunk }), layout: balanced({ maxChildrenPerNode: width }),
  }
  let last
  for await (last of importer([{ content: [bytes] }], new MemoryBlockstore(), options));
  return last.cid.toString()
}

const manifestOf = (envelope) => decode(decode(envelope).value.get(3))

let named = 0
const newName = () => `acme/thermostat-${++named}`

describe('keygen', () => {
  for (const [type, alg] of [['es256', 2], ['ed25519', 1], ['es256k', 2]]) {
    test(`${type}: a private file, and the public key that goes on chain`, async () => {
      const out = desk.path(`new-${type}.pem`)
      const { code, json } = await gatepost('keygen', '--type', type, '--out', out, '--json')
      assert.equal(code, EXIT.done)
      assert.equal((await stat(out)).mode & 0o777, 0o600)
      const key = decode(Buffer.from(json.cose_key, 'hex'))
      assert.equal(key.get(1), alg)
      assert.equal(json.thumbprint, sha256(Buffer.from(json.cose_key, 'hex')).toString('hex'))
      // Another implementation reads the file and finds the same point.
      const { createPublicKey } = await import('node:crypto')
      const jwk = createPublicKey(await readFile(out, 'utf8')).export({ format: 'jwk' })
      assert.deepEqual(key.get(-2), Buffer.from(jwk.x, 'base64url'))
      if (jwk.y) assert.deepEqual(key.get(-3), Buffer.from(jwk.y, 'base64url'))
    })
  }

  test('never writes over a key', async () => {
    const out = await desk.file('precious.pem', 'the only copy')
    const { code, stderr } = await gatepost('keygen', '--out', out)
    assert.equal(code, EXIT.refused)
    assert.match(stderr, /is there already/)
    assert.equal((await desk.read('precious.pem')).toString(), 'the only copy')
  })
})

describe('registry deploy', () => {
  test('puts the published code on the chain', async () => {
    const wallet = await desk.wallet(desk.bob)
    const { code, json } = await gatepost('registry', 'deploy', '--wallet', wallet, '--rpc', desk.chain.url, '--json')
    assert.equal(code, EXIT.done)
    const deployed = await desk.registry.client.getCode({ address: json.registry })
    assert.equal(keccak256(deployed), contract.codeHash)
    assert.equal(json.code_hash, contract.codeHash)
  })
})

describe('publish', () => {
  for (const profile of Object.keys(PROFILES)) {
    test(`${profile}: stored, read back, on the chain, exported`, async () => {
      const key = await desk.key('signer')
      const name = newName()
      const id = await desk.register(name, [key])
      // Several leaves, the last one short, and padding that repeats, as in flash images.
      const image = Buffer.concat([randomBytes(2621440), Buffer.alloc(3000001, 0xff)])
      const file = await desk.file('image.bin', image)
      const out = desk.path(`export-${profile}`)
      const done = await desk.ok('publish', '--product', name, '--version', '1.4.2', '--image', file, '--signing-key', key.path,
        '--profile', profile, '--upload', `kubo:${ipfs.api}`, '--upload', `dir:${out}`)

      // The documented keys, and only those.
      assert.deepEqual(Object.keys(done), ['product', 'sequence', 'version', 'cid', 'sha256', 'size', 'manifest_bytes', 'tx', 'block', 'gas', 'targets'])
      assert.equal(done.cid, await importedCid(image, profile))
      assert.deepEqual([done.product, done.sequence, done.version, done.size, done.sha256],
        [name, 1, '1.4.2', image.length, sha256(image).toString('hex')])

      // The chain has it, as it was said.
      const logs = await desk.registry.history(id)
      const release = logs.at(-1)
      assert.equal(release.transactionHash, done.tx)
      assert.equal(Number(release.blockNumber), done.block)
      assert.equal(release.args.sequence, 1n)
      const envelope = Buffer.from(release.args.manifest.slice(2), 'hex')
      assert.equal(envelope.length, done.manifest_bytes)
      const manifest = manifestOf(envelope)
      assert.equal(manifest.get(2), 1)
      const install = decode(manifest.get(20))
      assert.equal(install[1].get(21), `ipfs://${done.cid}`)
      assert.ok(done.gas <= 52000)
      const transaction = await desk.registry.client.getTransaction({ hash: done.tx })
      assert.equal(transaction.type, 'eip1559')
      assert.equal(transaction.chainId, desk.chain.chainId)

      // The IPFS node has all of it, pinned.
      const cat = await ipfs.call(`cat?arg=${done.cid}`)
      assert.deepEqual(Buffer.from(await cat.arrayBuffer()), image)
      const pins = await (await ipfs.call(`pin/ls?arg=${done.cid}`)).json()
      assert.ok(JSON.stringify(pins).includes('recursive'))

      await checkExport(out, done, image, name, logs)
    })
  }

  /** What any web server would serve from a dir: export. */
  async function checkExport(out, done, image, name, logs) {
    assert.deepEqual(await readFile(join(out, 'image', done.sha256)), image)
    const blocks = new MemoryBlockstore()
    const reader = await CarReader.fromBytes(await readFile(join(out, 'car', `${done.cid}.car`)))
    assert.deepEqual((await reader.getRoots()).map(String), [done.cid])
    for await (const { cid, bytes } of reader.blocks()) await blocks.put(cid, bytes)
    const entry = await exporter(CID.parse(done.cid), blocks)
    const parts = []
    for await (const part of entry.content()) parts.push(part)
    assert.deepEqual(Buffer.concat(parts), image)

    const names = await readdir(join(out, 'blocks'))
    const inner = await CarReader.fromBytes(await readFile(join(out, 'inner', `${done.cid}.car`)))
    for await (const { cid, bytes } of inner.blocks()) {
      assert.equal(cid.code, 0x70)
      assert.deepEqual(await readFile(join(out, 'blocks', cid.toString())), Buffer.from(bytes))
    }
    assert.ok(names.includes(done.cid))

    const lines = (await readFile(join(out, 'entries', name), 'utf8')).trim().split('\n').map((l) => JSON.parse(l))
    assert.equal(lines.reduce(extendHead, '0x' + '00'.repeat(32)), logs.reduce(extendHead, '0x' + '00'.repeat(32)))
  }

  test('the CID is that of Debian’s ipfs_cid (old profile)', async () => {
    for (const size of [1, 262144, 262145, 5000000]) {
      const file = await desk.file('sized.bin', randomBytes(size))
      const oracle = JSON.parse((await run('ipfs_cid', [file])).stdout).CIDv0
      const { json } = await gatepost('inspect', file, '--json')
      assert.equal(json['unixfs-v0-2015'], oracle, `${size} bytes`)
    }
  })

  test('what the release says besides', async () => {
    const key = await desk.key('signer')
    const name = newName()
    const id = await desk.register(name, [key])
    const file = await desk.file('tiny.bin', 'tiny')
    await desk.ok('publish', '--product', name, '--version', '2.0.0-rc1', '--channel', 'beta', '--description', 'Fährt schneller hoch',
      '--hardware', 'rev-a', '--hardware', 'rev-b', '--urgent', '--image', file, '--signing-key', key.path)
    const envelope = Buffer.from((await desk.registry.history(id)).at(-1).args.manifest.slice(2), 'hex')
    const [[, text]] = decode(manifestOf(envelope).get(23)).get('en')
    assert.deepEqual(Object.fromEntries(text), {
      5: 'Fährt schneller hoch', 6: '2.0.0-rc1', '-256': 'beta', '-258': ['rev-a', 'rev-b'], '-259': true,
    })
    // A second release, for devices that have the first.
    const second = await desk.ok('publish', name, '--version', '2.0.0', '--from-sequence', 1, '--image', file, '--signing-key', key.path)
    assert.equal(second.sequence, 2)
  })

  test('--dry-run checks everything and sends nothing', async () => {
    const key = await desk.key('signer')
    const name = newName()
    const id = await desk.register(name, [key])
    const file = await desk.file('image.bin', randomBytes(1000))
    const out = desk.path('never')
    const block = await desk.chain.number()
    const dry = await desk.ok('publish', '--product', name, '--version', '1', '--image', file, '--signing-key', key.path,
      '--upload', `dir:${out}`, '--dry-run')
    assert.deepEqual([dry.tx, dry.block, dry.sequence], [null, null, 1])
    assert.equal(await desk.chain.number(), block)
    assert.equal(existsSync(out), false)
    const real = await desk.ok('publish', '--product', name, '--version', '1', '--image', file, '--signing-key', key.path)
    assert.equal(real.cid, dry.cid)
    // ECDSA signatures differ from run to run, and with them a few gas.
    assert.ok(Math.abs(real.gas - dry.gas) < 200, `${real.gas} ${dry.gas}`)
    assert.equal((await desk.registry.product(id)).sequence, 1n)
  })

  test('text for people: the same facts, one a line', async () => {
    const key = await desk.key('signer')
    const name = newName()
    await desk.register(name, [key])
    const file = await desk.file('image.bin', 'x')
    const { code, stdout } = await desk.cli('publish', '--product', name, '--version', '1', '--image', file, '--signing-key', key.path)
    assert.equal(code, EXIT.done)
    assert.match(stdout, /^sequence +1$/m)
    assert.match(stdout, /^tx +0x[0-9a-f]{64}$/m)
  })
})

describe('signing apart from sending', () => {
  test('two of three: made, signed on two desks, merged, checked, published', async () => {
    const keys = [await desk.key('k1'), await desk.key('k2', 'ed25519'), await desk.key('k3', 'es256k')]
    const name = newName()
    const id = await desk.register(name, keys, 2)
    const file = await desk.file('image.bin', randomBytes(300000))
    const [made, one, two, both] = ['made', 'one', 'two', 'both'].map((n) => desk.path(`${n}.suit`))
    const run = async (...args) => {
      const r = await gatepost(...args, '--json')
      assert.equal(r.code, EXIT.done, r.stderr)
      return r.json
    }
    await run('manifest', 'new', '--product', name, '--version', '3.1', '--sequence', 1, '--image', file, '--out', made)
    assert.equal((await run('manifest', 'sign', made, '--signing-key', keys[0].path, '--out', one)).signatures, 1)
    await run('manifest', 'sign', made, '--signing-key', keys[2].path, '--out', two)
    assert.equal((await run('manifest', 'merge', one, two, '--out', both)).signatures, 2)

    const signers = keys.flatMap((k) => ['--signer', k.hex])
    const checked = await run('manifest', 'check', both, '--image', file, ...signers, '--threshold', 2)
    assert.deepEqual(checked.signed_by.sort(), [keys[0].thumbprint, keys[2].thumbprint].sort())
    const asked = await desk.ok('manifest', 'check', both)
    assert.deepEqual([asked.threshold, asked.version], [2, '3.1'])

    // One signature is not enough: for the check, and for publishing, which uploads nothing then.
    const short = await gatepost('manifest', 'check', one, ...signers, '--threshold', 2)
    assert.equal(short.code, EXIT.refused)
    assert.match(short.stderr, /1 of the 2/)
    const out = desk.path('not-uploaded')
    const early = await desk.cli('publish', '--product', name, '--manifest', one, '--image', file, '--upload', `dir:${out}`)
    assert.equal(early.code, EXIT.refused)
    assert.equal(existsSync(out), false)

    const done = await desk.ok('publish', '--product', name, '--manifest', both, '--image', file, '--upload', `dir:${desk.path('uploaded')}`)
    assert.equal(done.sequence, 1)
    const [log] = (await desk.registry.history(id)).slice(-1)
    assert.equal(log.args.manifest, hex(await readFile(both)))
  })

  test('several --signing-key at once', async () => {
    const keys = [await desk.key('k1'), await desk.key('k2', 'es256k')]
    const name = newName()
    await desk.register(name, keys, 2)
    const file = await desk.file('image.bin', 'x')
    const args = ['publish', '--product', name, '--version', '1', '--image', file, '--signing-key', keys[0].path]
    assert.equal((await desk.cli(...args)).code, EXIT.refused)
    await desk.ok(...args, '--signing-key', keys[1].path)
  })

  test('the sequence is asked of the registry when none is given', async () => {
    const key = await desk.key('k')
    const name = newName()
    await desk.register(name, [key])
    const file = await desk.file('image.bin', 'x')
    const out = desk.path('asked.suit')
    await desk.ok('publish', name, '--version', '1', '--image', file, '--signing-key', key.path)
    await desk.ok('manifest', 'new', name, '--version', '2', '--image', file, '--signing-key', key.path, '--out', out)
    assert.equal((await gatepost('inspect', out, '--json')).json.sequence, 2)
  })
})

describe('wallets', () => {
  test('a keystore made by another tool opens with its password, and only with it', async () => {
    const made = await run(foundry('cast'), ['wallet', 'import', 'owner', '--keystore-dir', desk.dir, '--unsafe-password', 'correct horse',
      '--private-key', privateKey(desk.owner)])
    assert.equal(made.code, 0, made.stderr)
    const key = await desk.key('signer')
    const args = (password) => ['product', 'register', newName(), '--signer', key.hex, '--wallet', desk.path('owner'), '--password-file', password,
      '--rpc', desk.chain.url, '--registry', desk.registry.address]
    const right = await gatepost(...args(await desk.file('right', 'correct horse\n')))
    assert.equal(right.code, EXIT.done, right.stderr)
    const wrong = await gatepost(...args(await desk.file('wrong', 'correct mule\n')))
    assert.equal(wrong.code, EXIT.refused)
    assert.match(wrong.stderr, /wrong password/)
    assert.equal((await gatepost(...args(desk.path('missing')))).code, EXIT.usage)
  })

  test('a key file that others may read is refused', async () => {
    const wallet = await desk.file('open-wallet', privateKey(desk.owner), 0o644)
    const key = await desk.key('signer')
    const r = await gatepost('product', 'register', newName(), '--signer', key.hex, '--wallet', wallet, '--rpc', desk.chain.url,
      '--registry', desk.registry.address)
    assert.equal(r.code, EXIT.refused)
    assert.match(r.stderr, /mode 0644.*chmod 600/)
    assert.doesNotMatch(r.stderr, new RegExp(privateKey(desk.owner).slice(2)))
  })
})

describe('a product’s life', () => {
  test('publishers, revocation, floor, signers, owner', async () => {
    const [key, other] = [await desk.key('k1'), await desk.key('k2', 'ed25519')]
    const name = newName()
    const id = await desk.register(name, [key])
    const file = await desk.file('image.bin', 'x')
    const publish = ['publish', '--product', name, '--version', '1', '--image', file, '--signing-key', key.path]
    const bobTo = [...await desk.to(desk.bob), '--registrant', desk.owner.address]

    const early = await gatepost(...publish, ...bobTo)
    assert.equal(early.code, EXIT.refused)
    assert.match(early.stderr, /is not a publisher of/)
    await desk.ok('product', 'publisher', name, desk.bob.address, '--allow')
    assert.equal((await gatepost(...publish, ...bobTo)).code, EXIT.done)
    await desk.ok('product', 'publisher', name, desk.bob.address, '--refuse')
    assert.equal((await gatepost(...publish, ...bobTo)).code, EXIT.refused)

    const revoked = await desk.ok('revoke', name, 1, '--reason', 'bricks rev C')
    assert.equal(revoked.sequence, 1)
    await desk.ok('product', 'floor', name, 2, '--reason', 'all of them')
    await desk.ok('product', 'signers', name, '--signer', other.path, '--signer', key.hex, '--threshold', 2)
    const shown = await desk.ok('product', 'signers', name)
    assert.deepEqual([shown.threshold, shown.signers.map((s) => s.thumbprint)], [2, [other.thumbprint, key.thumbprint]])

    await desk.ok('product', 'owner', name, desk.bob.address)
    await desk.ok('product', 'owner', name, '--withdraw')
    const refused = await desk.as(desk.bob, 'product', 'owner', name, '--accept')
    assert.equal(refused.code, EXIT.refused)
    assert.match(refused.stderr, /NotPendingOwner/)
    await desk.ok('product', 'owner', name, desk.bob.address)
    assert.equal((await desk.as(desk.bob, 'product', 'owner', name, '--accept')).code, EXIT.done)

    assert.deepEqual((await desk.registry.history(id)).map((l) => l.event), [
      'ProductRegistered', 'PublisherChanged', 'SignersChanged', 'PublisherChanged', 'ReleasePublished', 'PublisherChanged',
      'ReleaseRevoked', 'FloorRaised', 'SignersChanged', 'OwnershipTransferred', 'PublisherChanged',
    ])
    const product = await desk.registry.product(id)
    assert.deepEqual([product.owner, product.floor, product.threshold], [desk.bob.address, 2n, 2])
  })
})

describe('inspect', () => {
  test('names each kind of thing', async () => {
    const key = await desk.key('k')
    const image = await desk.file('image.bin', Buffer.from('7f454c46' + '00'.repeat(60), 'hex'))
    const manifest = desk.path('m.suit')
    await gatepost('manifest', 'new', 'acme/lamp', '--version', '1', '--sequence', 4, '--image', image, '--out', manifest)
    const out = desk.path('inspected')
    const name = newName()
    await desk.register(name, [key])
    const done = await desk.ok('publish', name, '--version', '1', '--image', image, '--signing-key', key.path, '--upload', `dir:${out}`)
    const kinds = {
      [image]: { kind: 'image', format: 'elf', size: 64, 'unixfs-v1-2025': done.cid },
      [manifest]: { kind: 'manifest', product: 'acme/lamp', sequence: 4, signatures: [] },
      [key.path]: { kind: 'signing key', type: 'es256', thumbprint: key.thumbprint, cose_key: key.hex },
      [join(out, 'car', `${done.cid}.car`)]: { kind: 'car', blocks: 1, first: done.cid, damaged: 0 },
      [done.cid]: { kind: 'cid', version: 1, codec: 'raw', hash: 'sha2-256', digest: done.sha256 },
      QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n: { kind: 'cid', version: 0, codec: 'dag-pb', v1: 'bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' },
    }
    for (const [what, expected] of Object.entries(kinds)) {
      const { code, json, stderr } = await gatepost('inspect', what, '--json')
      assert.equal(code, EXIT.done, stderr)
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((k) => [k, json[k]])), expected)
    }
    const car = await readFile(join(out, 'car', `${done.cid}.car`))
    car[car.length - 1] ^= 1
    const damaged = await gatepost('inspect', await desk.file('damaged.car', car))
    assert.equal(damaged.code, EXIT.refused)
  })
})
