// What keeps a release from being published, each with its exit status and its message; and that nothing was sent then.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { encodeFunctionData } from 'viem'
import { program } from '../support/gateway.mjs'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { deadUrl } from '../support/ports.mjs'
import { startServer } from '../support/process.mjs'
import { EXIT, gatepost, makeDesk } from '../support/publisher.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'

const t = { after: (fn) => cleanups.push(fn) }
const cleanups = []
const PRODUCT = 'acme/thermostat'
let desk, ipfs, key, id, image, out
before(async () => {
  desk = await makeDesk(t)
  ipfs = await startJsIpfs(t)
  key = await desk.key('signer')
  id = await desk.register(PRODUCT, [key])
  image = await desk.file('image.bin', randomBytes(2500000))
  out = desk.path('export')
})
after(async () => { for (const fn of cleanups.reverse()) await fn() })

// Another version each time: the newest release, once more, would not be sent again.
let version = 0
const publish = (...more) => ['publish', '--product', PRODUCT, '--version', `1.${++version}`, '--image', image, '--signing-key', key.path, ...more]

/** Runs, expects the status and the message, and that the chain is where it was. */
async function refused(args, code, message) {
  const before = await desk.chain.number()
  const r = await gatepost(...args)
  assert.equal(r.code, code, `${args.join(' ')}\n${r.stderr}`)
  assert.match(r.stderr, message)
  assert.equal(r.stdout, '')
  assert.equal(await desk.chain.number(), before)
  return r
}

describe('usage', () => {
  const rows = [
    ['a command is needed', [], /usage: gatepost/],
    ['commands have names', ['publsh'], /did you mean "publish"/],
    ['groups are followed by a word', ['product'], /followed by one of: register, signers/],
    ['options have names', ['publish', '--prodct', 'a/b'], /unknown option --prodct; did you mean --product/],
    ['options have values', ['publish', '--product'], /--product needs a value/],
    ['flags have none', ['publish', '--dry-run=yes'], /--dry-run takes no value/],
    ['options begin with two dashes', ['publish', '-p'], /unknown option/],
    ['once is enough', ['publish', '--product', 'a/b', '--product', 'a/c'], /--product: given twice/],
    ['numbers are numbers', ['publish', '--from-sequence', 'x'], /is not a number/],
    ['a product is needed', ['publish'], /a product is needed/],
    ['a product has two parts', ['publish', '--product', 'thermostat'], /is not a product/],
    ['an image is needed', ['publish', '--product', PRODUCT], /--image is needed/],
    ['a version is needed', ['publish', '--product', PRODUCT, '--image', 'x'], /--version is needed/],
    ['a key is needed', ['publish', '--product', PRODUCT, '--image', 'x', '--version', '1'], /--signing-key is needed/],
    ['profiles have names', ['publish', '--product', PRODUCT, '--profile', 'unixfs-v2'], /unixfs-v1-2025/],
    ['key types have names', ['keygen', '--type', 'rsa', '--out', 'x'], /es256, ed25519 or es256k/],
    ['keys go to a file', ['keygen'], /--out is needed/],
    ['words are counted', ['keygen', 'extra', '--out', 'x'], /one word too many/],
    ['a manifest says it all', ['publish', '--product', PRODUCT, '--manifest', 'x', '--version', '1'], /--manifest says all/],
    ['one of two', ['product', 'publisher', PRODUCT, '0x' + '11'.repeat(20)], /--allow and --refuse/],
    ['an address has 40 digits', ['product', 'publisher', PRODUCT, '0x11', '--allow'], /0x11/],
    ['a sequence is a number', ['revoke', PRODUCT, 'first'], /is not a sequence number/],
    ['merging takes two', ['manifest', 'merge', 'x', '--out', 'y'], /two or more/],
    ['a threshold has its signers', ['product', 'register', PRODUCT, '--signer', 'a4010220012158200f562240d75391d024c21a8271fddac998293069b8724d0be06ea854189c771c2258201d9fffd21c5ce9f3c9afe79315de120ff4d16bcbcd58d2841dd169c179365a55', '--threshold', '2'], /2 of 1/],
    ['a thing to inspect is there', ['inspect', '/nonexistent'], /neither a file/],
  ]
  for (const [rule, args, message] of rows) {
    test(rule, async () => {
      const r = await gatepost(...args)
      assert.equal(r.code, EXIT.usage, r.stderr)
      assert.match(r.stderr, message)
    })
  }

  const files = [
    ['the image', () => ['publish', '--product', PRODUCT, '--version', '1', '--image', '/nonexistent', '--signing-key', key.path], /image \/nonexistent/],
    ['the signing key', () => ['publish', '--product', PRODUCT, '--version', '1', '--image', image, '--signing-key', '/nonexistent'], /signing key \/nonexistent/],
    ['the token of a target', () => publish('--upload', 'kubo:http://127.0.0.1:1#/nonexistent'), /token file \/nonexistent/],
    ['the kind of a target', () => publish('--upload', 's3:bucket'), /kubo:URL.*pinning:URL.* or dir:PATH/],
    ['the directory of an export', () => publish('--upload', 'dir:/nonexistent/below'), /nonexistent/],
  ]
  for (const [what, args, message] of files) {
    test(`${what} has to be there`, async () => {
      await refused([...args(), ...await desk.to()], EXIT.usage, message)
    })
  }

  test('what a transaction needs', async () => {
    const [, wallet, , rpc, , registry] = await desk.to()
    const all = { '--wallet': wallet, '--rpc': rpc, '--registry': registry }
    for (const missing of Object.keys(all)) {
      const rest = Object.entries(all).filter(([k]) => k !== missing).flat()
      await refused([...publish(), ...rest], EXIT.usage, new RegExp(missing))
    }
    await refused([...publish(), '--wallet', wallet, '--rpc', rpc, '--registry', registry.slice(0, -1)], EXIT.usage, /--registry/)
    // EIP-55: mixed case that is wrong is a typo.
    const typo = registry.replace(/[a-f]/i, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
    await refused([...publish(), '--wallet', wallet, '--rpc', rpc, '--registry', typo], EXIT.usage, /--registry/)
  })
})

describe('rules', () => {
  test('the product is registered', async () => {
    await refused(['publish', '--product', 'acme/no-such', ...publish().slice(3), ...await desk.to()], EXIT.refused, /unknown product/)
    // Another wallet's product of the same name is another product.
    await refused([...publish(), ...await desk.to(desk.bob)], EXIT.refused, /unknown product/)
  })
  test('the wallet may publish', async () => {
    await refused([...publish(), ...await desk.to(desk.bob), '--registrant', desk.owner.address], EXIT.refused, /is not a publisher of acme\/thermostat/)
  })
  test('the key is a signer of the product', async () => {
    const stranger = await desk.key('stranger')
    await refused(['publish', '--product', PRODUCT, '--version', '1', '--image', image, '--signing-key', stranger.path, '--upload', `dir:${out}`,
      ...await desk.to()], EXIT.refused, /signed by 0 of the 1/)
    assert.equal(existsSync(out), false)
  })
  test('a key signs once', async () => {
    await refused([...publish('--signing-key', key.path), ...await desk.to()], EXIT.refused, /signed already/)
  })
  test('an image has bytes', async () => {
    const empty = await desk.file('empty.bin', '')
    await refused(['publish', '--product', PRODUCT, '--version', '1', '--image', empty, '--signing-key', key.path, ...await desk.to()],
      EXIT.refused, /at least 1 byte/)
  })
  test('texts fit the manifest’s rules', async () => {
    const to = await desk.to()
    const say = (...about) => ['publish', '--product', PRODUCT, '--image', image, '--signing-key', key.path, ...about, ...to]
    await refused(say('--version', 'v'.repeat(33)), EXIT.refused, /at most 32 bytes/)
    await refused(say('--version', '1\n2'), EXIT.refused, /version/)
    await refused(say('--version', '1', '--channel', 'Beta'), EXIT.refused, /channel/)
    await refused(say('--version', '1', '--hardware', 'rev A'), EXIT.refused, /hardware/)
    await refused(say('--version', '1', '--from-sequence', '1'), EXIT.refused, /from-sequence/)
  })
  test('there is a registry, and it is one that we know', async () => {
    const [, wallet, , rpc] = await desk.to()
    const nothing = '0x' + '22'.repeat(20)
    await refused([...publish(), '--wallet', wallet, '--rpc', rpc, '--registry', nothing], EXIT.refused, /there is no contract/)
    const other = '0x' + '33'.repeat(20)
    await desk.chain.rpc('anvil_setCode', other, '0x60006000f3')
    await refused([...publish(), '--wallet', wallet, '--rpc', rpc, '--registry', other], EXIT.refused, /not the registry that this gatepost knows/)
  })
  test('a manifest made elsewhere is for this product, this sequence, this image', async () => {
    const make = async (name, product, sequence, file = image) => {
      const path = desk.path(name)
      const r = await gatepost('manifest', 'new', '--product', product, '--version', '1', '--sequence', sequence, '--image', file,
        '--signing-key', key.path, '--out', path)
      assert.equal(r.code, EXIT.done, r.stderr)
      return path
    }
    const to = await desk.to()
    const send = (manifest, ...more) => ['publish', '--product', PRODUCT, '--manifest', manifest, ...more, ...to]
    const other = await desk.file('other.bin', randomBytes(2500000))
    await refused(send(await make('lamp', 'acme/lamp', 1)), EXIT.refused, /it is for acme\/lamp/)
    await refused(send(await make('gap', PRODUCT, 7)), EXIT.refused, /its sequence is 7, the next one .* is 1/)
    await refused(send(await make('image', PRODUCT, 1), '--image', other), EXIT.refused, /not the one of the manifest/)
    await refused(send(await make('no-image', PRODUCT, 1), '--upload', `dir:${out}`), EXIT.usage, /no image to upload/)
    await refused(send(await desk.file('broken', 'not a manifest')), EXIT.refused, /manifest/)
    await refused(send(await desk.file('large', Buffer.alloc(4097, 0xd8))), EXIT.refused, /4096/)
  })
  test('a wallet without funds', async () => {
    const { generatePrivateKey, privateKeyToAccount } = await import('viem/accounts')
    const secret = generatePrivateKey()
    const poor = privateKeyToAccount(secret)
    await desk.ok('product', 'publisher', PRODUCT, poor.address, '--allow')
    const wallet = await desk.file('poor', secret)
    await refused([...publish(), '--wallet', wallet, '--rpc', desk.chain.url, '--registry', desk.registry.address,
      '--registrant', desk.owner.address], EXIT.refused, /[Ii]nsufficient funds/)
  })
  test('each refusal of the contract is named', async () => {
    const to = await desk.to()
    for (const [args, message] of [
      [['product', 'register', PRODUCT, '--signer', key.hex], /AlreadyRegistered \(product 0x/],
      [['product', 'floor', PRODUCT, 9], /FloorTooHigh \(product 0x[0-9a-f]{64}, given 9, max 1\)/],
      [['product', 'floor', PRODUCT, 0], /FloorNotRaised/],
      [['revoke', PRODUCT, 9], /NoSuchRelease/],
      [['revoke', PRODUCT, 1, '--reason', 'x'.repeat(257)], /ReasonTooLong \(length 257, max 256\)/],
      [['product', 'publisher', PRODUCT, desk.mallory.address, '--refuse'], /PublisherUnchanged .* allowed false/],
      [['product', 'signers', PRODUCT, '--signer', key.hex, '--signer', key.path], /DuplicateSigner \(first 0, second 1\)/],
      [['product', 'owner', PRODUCT, '--accept'], /NotPendingOwner/],
    ]) {
      await refused([...args, ...to], EXIT.refused, message)
    }
    await refused(['product', 'signers', PRODUCT, '--signer', key.hex, ...await desk.to(desk.bob), '--registrant', desk.owner.address],
      EXIT.refused, /NotOwner/)
  })
})

describe('another publisher was faster', () => {
  test('between our question and our block: the block’s refusal is told', async () => {
    await desk.ok('product', 'publisher', PRODUCT, desk.bob.address, '--allow')
    const { sequence } = await desk.registry.product(id)
    await desk.chain.rpc('evm_setAutomine', false)
    try {
      const ours = gatepost(...publish(), ...await desk.to())
      await waitFor('our transaction to wait for a block', async () => (await desk.chain.rpc('txpool_status')).pending === '0x1')
      // Bob pays more, so his comes first in the block.
      await desk.registry.wallet.sendTransaction({
        account: desk.bob, to: desk.registry.address, gas: 200000n,
        maxPriorityFeePerGas: 50n * 10n ** 9n, maxFeePerGas: 100n * 10n ** 9n,
        data: encodeFunctionData({ abi: desk.registry.abi, functionName: 'publish', args: [id, sequence + 1n, '0x01'] }),
      })
      await desk.chain.mine()
      const r = await ours
      assert.equal(r.code, EXIT.refused, r.stderr)
      assert.match(r.stderr, /block \d+ has transaction 0x[0-9a-f]{64} without effect: the registry refuses: WrongSequence/)
    } finally {
      await desk.chain.rpc('evm_setAutomine', true)
    }
    assert.equal((await desk.registry.product(id)).sequence, sequence + 1n)
  })
})

describe('not reachable', () => {
  const via = async (url) => ['--wallet', await desk.wallet(desk.owner), '--rpc', url, '--registry', desk.registry.address]

  test('the node is down', async () => {
    await refused([...publish(), ...await via(await deadUrl())], EXIT.unreachable, /node: .*127\.0\.0\.1/)
  })
  test('the node’s URL is not told, since it may hold a key', async () => {
    const { stderr } = await refused([...publish(), ...await via(`${await deadUrl()}/v1/secret-key`)], EXIT.unreachable, /127\.0\.0\.1/)
    assert.doesNotMatch(stderr, /secret-key/)
  })
  test('nor is it told when the node itself does', async () => {
    const before = ({ url, body }) => ({ status: 401, headers: {}, body: JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(body).id, error: { code: -32001, message: `${url} is blocked` } }) })
    const proxy = await startTamperProxy(t, desk.chain.url, { before })
    const { stderr } = await refused([...publish(), ...await via(`${proxy.url}/v1/secret-key?key=other-secret`)], EXIT.refused, /the node refuses eth_chainId: \/v1\/\*\*\*\?key=\*\*\* is blocked/)
    assert.doesNotMatch(stderr, /secret-key|other-secret/)
  })
  test('what answers is no node', async () => {
    for (const reply of [
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
      { status: 502, headers: {}, body: 'bad gateway' },
      { status: 200, headers: {}, body: '{"jsonrpc":"2.0","id":77,"result":"0x1"}' },
      { status: 200, headers: {}, body: '{"jsonrpc":"2.0","id":1}' },
      { status: 200, headers: {}, body: '{"jsonrpc":"2.0","id":1,"result":"1"}' },
      { status: 302, headers: { location: desk.chain.url }, body: '' },
      { hangUp: true },
    ]) {
      const proxy = await startTamperProxy(t, desk.chain.url, { before: () => reply })
      await refused([...publish(), ...await via(proxy.url)], EXIT.unreachable, /node|eth_chainId/)
    }
  })
  test('the IPFS node is down: nothing is published', async () => {
    await refused([...publish('--upload', `kubo:${await deadUrl()}`), ...await desk.to()], EXIT.unreachable, /nothing was published: upload to kubo:/)
  })
  test('the node fails after it took the transaction: the receipt is waited for', async () => {
    let failures = 0
    const proxy = await startTamperProxy(t, desk.chain.url, {
      before: (q) => (/eth_getTransactionReceipt/.test(q.body) && failures++ < 3 ? { hangUp: true } : undefined),
    })
    const r = await gatepost(...publish(), ...await via(proxy.url))
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.ok(failures >= 4, `${failures} questions`)
  })
})

describe('an IPFS node that does not keep its word', () => {
  // An image that the node has not seen: it would not be sent what it has.
  const through = async (options) => {
    const proxy = await startTamperProxy(t, ipfs.api, options)
    const fresh = await desk.file('fresh.bin', randomBytes(2500000))
    return { proxy, args: ['publish', '--product', PRODUCT, '--version', '1', '--image', fresh, '--signing-key', key.path,
      '--upload', `kubo:${proxy.url}`, ...await desk.to()] }
  }
  const on = (path, fn) => (q, a) => (q.url.includes(path) ? fn(a) : undefined)
  const json = (status, value) => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
  const rows = [
    ['takes another root', on('dag/import', () => json(200, { Root: { Cid: { '/': 'bafkqaaa' }, PinErrorMsg: '' } })), EXIT.refused, /dag\/import: it took bafkqaaa, not baf/],
    ['names no root', on('dag/import', () => json(200, { Stats: {} })), EXIT.unreachable, /names no root/],
    ['does not import', on('dag/import', () => json(500, { Message: 'no space left' })), EXIT.unreachable, /dag\/import: HTTP status 500: no space left/],
    ['wants a token', on('dag/import', () => json(401, {})), EXIT.refused, /401: it wants another token/],
    ['wants a token to say what it has', on('pin/ls', () => json(401, { Message: 'who are you?' })), EXIT.refused, /pin\/ls: HTTP status 401: it wants another token: who are you/],
    ['pins something else', on('pin/add', () => json(200, { Pins: ['bafkqaaa'] })), EXIT.refused, /pin\/add: it took/],
    ['pins nothing', on('pin/add', () => json(200, {})), EXIT.unreachable, /pin\/add: the answer names no CID/],
    ['flips a byte', on('dag/export', (a) => { a.body[a.body.length - 100] ^= 1; return a }), EXIT.refused, /does not give back what it was given/],
    ['has a damaged block, asked for alone', (q, a) => {
      if (q.url.includes('dag/export')) return { ...a, body: a.body.subarray(0, a.body.length - 500000) }
      if (q.url.includes('block/get')) a.body[7] ^= 1
      return a
    }, EXIT.refused, /does not give back/],
    ['gives a page instead', on('dag/export', () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>sorry</html>' })),
      EXIT.refused, /does not give back/],
    ['has lost it', (q) => (/dag\/export|block\/get/.test(q.url) ? json(500, { Message: 'block was not found locally' }) : undefined),
      EXIT.unreachable, /reading back/],
  ]
  for (const [what, tamper, code, message] of rows) {
    test(what, async () => {
      const { args } = await through({ tamper })
      await refused(args, code, message)
    })
  }

  test('a short archive is filled up block by block', async () => {
    const { proxy, args } = await through({
      tamper: on('dag/export', (a) => ({ ...a, body: a.body.subarray(0, a.body.length - 300000) })),
    })
    const r = await gatepost(...args)
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.equal(proxy.requests.filter((q) => q.url.includes('block/get')).length, 1)
  })

  test('one that gives no archives is asked for blocks', async () => {
    const { proxy, args } = await through({ before: (q) => (q.url.includes('dag/export') ? { status: 405, headers: {}, body: '' } : undefined) })
    const r = await gatepost(...args)
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.equal(proxy.requests.filter((q) => q.url.includes('block/get')).length, 4)
  })

  test('the token goes along with every call, and nowhere else', async () => {
    const token = await desk.file('token', 's3cret.token\n')
    const proxy = await startTamperProxy(t, ipfs.api)
    const r = await gatepost(...publish('--upload', `kubo:${proxy.url}#${token}`), ...await desk.to())
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.ok(proxy.requests.length >= 3)
    for (const q of proxy.requests) assert.equal(q.headers.authorization, 'Bearer s3cret.token', q.url)
    assert.doesNotMatch(r.stderr + r.stdout, /s3cret/)
  })
})

describe('a node that lies about the registry', () => {
  test('other signers than the history has would not be noticed here, but missing records are', async () => {
    const proxy = await startTamperProxy(t, desk.chain.url, {
      before: (q) => (/eth_getLogs/.test(q.body) ? { status: 200, headers: {}, body: JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(q.body).id, result: [] }) } : undefined),
    })
    await refused([...publish(), '--wallet', await desk.wallet(desk.owner), '--rpc', proxy.url, '--registry', desk.registry.address],
      EXIT.unreachable, /no records of a block that has some/)
  })

  test('nodes that refuse long ranges are walked block by block', async () => {
    const proxy = await startTamperProxy(t, desk.chain.url, {
      before: (q) => {
        if (!/eth_getLogs/.test(q.body)) return undefined
        const { id: number, params: [filter] } = JSON.parse(q.body)
        return filter.fromBlock === filter.toBlock ? undefined
          : { status: 200, headers: {}, body: JSON.stringify({ jsonrpc: '2.0', id: number, error: { code: -32005, message: 'range too large' } }) }
      },
    })
    const r = await gatepost(...publish('--upload', `dir:${out}`), '--wallet', await desk.wallet(desk.owner), '--rpc', proxy.url, '--registry', desk.registry.address)
    assert.equal(r.code, EXIT.done, r.stderr)
  })
})

describe('signals', () => {
  test('a pipe that closes early is an error, not a crash', async () => {
    const server = await startServer('sh', ['-c', `'${program('gatepost')}' help; '${program('gatepost')}' inspect '${image}' --json >&-; echo status $?`],
      { ready: (line) => /^status (\d+)/.exec(line)?.[1] })
    assert.equal(server.up, String(EXIT.internal))
    await server.gone
  })
})

test('every error is one line, and says which command failed', async () => {
  const { stderr } = await gatepost('inspect', 'QmNotACid')
  assert.match(stderr, /^gatepost inspect: .*\n/)
})
