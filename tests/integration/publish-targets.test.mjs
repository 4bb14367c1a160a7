// Several upload targets at once: a js-ipfs node, directories, pinning services; each reported, none given the image twice, and one
// transaction a release, wherever a run is cut off.
import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { encodeFunctionData } from 'viem'
import { program } from '../support/gateway.mjs'
import { Blocks } from '../support/ipfs-blocks.mjs'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { startPinningService } from '../support/pinning-service.mjs'
import { deadUrl } from '../support/ports.mjs'
import { run, startServer } from '../support/process.mjs'
import { EXIT, gatepost, makeDesk } from '../support/publisher.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'

const t = { after: (fn) => cleanups.push(fn) }
const cleanups = []
const PRODUCT = 'acme/thermostat'
let desk, ipfs, key, id
before(async () => {
  desk = await makeDesk(t)
  ipfs = await startJsIpfs(t)
  key = await desk.key('signer')
  id = await desk.register(PRODUCT, [key])
})
after(async () => { for (const fn of cleanups.reverse()) await fn() })

let made = 0
/** A release nobody has seen: `publish(…targets, …)` runs it, `args` is its command without targets. */
async function newRelease(size = 1500000) {
  const version = `1.${++made}`
  const image = await desk.file(`image-${made}`, randomBytes(size))
  const args = ['publish', '--product', PRODUCT, '--version', version, '--image', image, '--signing-key', key.path]
  return { image, version, args, publish: async (...more) => gatepost(...args, ...more, ...await desk.to(), '--json') }
}
const sequence = async () => Number((await desk.registry.product(id)).sequence)
const states = (r) => r.json.targets.map((x) => x.state)
const newDir = () => `dir:${desk.path(`export-${++made}`)}`

describe('a pinning service', () => {
  test('is asked for a copy of what a node has, and is waited for', async () => {
    const token = await desk.file('token', 's3cret.token\n')
    const service = await startPinningService(t, { token: 's3cret.token' })
    const { publish, version } = await newRelease()
    const running = publish('--upload', `pinning:${service.url}#${token}`, '--upload', `kubo:${ipfs.api}`)
    await service.asked(/GET \/pins\/req-1/, running)
    service.settle('pinning')
    await service.asked(/GET \/pins\/req-1/, running, 3)
    service.settle('pinned')
    const r = await running
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.deepEqual(r.json.targets.map((x) => [x.target, x.state, x.ok, x.verified, x.error]), [
      [`pinning:${service.url}`, 'pinned', true, false, null], [`kubo:${ipfs.api}`, 'uploaded', true, true, null],
    ])
    const [pin] = service.pins()
    assert.equal(pin.pin.cid, r.json.cid)
    assert.equal(pin.pin.name, `${PRODUCT} ${version}`)
    assert.deepEqual(pin.pin.meta, { product: PRODUCT, version, sha256: r.json.sha256 })
    assert.match(service.requests[0], new RegExp(`^GET /pins\\?cid=${r.json.cid}`))
    assert.doesNotMatch(r.stderr + r.stdout, /s3cret/)
  })

  test('that was asked already is not asked again; nor is anything else done twice', async () => {
    const service = await startPinningService(t)
    const { publish } = await newRelease()
    const targets = ['--upload', `kubo:${ipfs.api}`, '--upload', newDir(), '--upload', `pinning:${service.url}`]
    const first = publish(...targets)
    await service.asked(/GET \/pins\/req-1/, first)
    service.settle('pinned')
    const [a, b] = [await first, await publish(...targets)]
    assert.deepEqual([a.code, b.code], [EXIT.done, EXIT.done], a.stderr + b.stderr)
    assert.deepEqual([states(a), states(b)], [['uploaded', 'uploaded', 'pinned'], ['present', 'present', 'pinned']])
    assert.deepEqual(b.json.targets.map((x) => [x.verified, x.bytes]), [[true, 0], [true, 0], [false, 0]])
    assert.equal(service.requests.filter((r) => r.startsWith('POST')).length, 1)
    assert.deepEqual([b.json.tx, b.json.block, b.json.sequence, b.json.gas], [a.json.tx, a.json.block, a.json.sequence, null])
    assert.equal(await sequence(), a.json.sequence)
  })

  test('too slow: nothing is published; the next run finds the copy made', async () => {
    const service = await startPinningService(t)
    const { publish } = await newRelease()
    const before = await sequence()
    const targets = ['--upload', newDir(), '--upload', `pinning:${service.url}`, '--pin-wait', '1']
    const slow = await publish(...targets)
    assert.equal(slow.code, EXIT.unreachable)
    assert.match(slow.stderr, /nothing was published: upload to pinning:\S+: after 1 s it is still queued; .*the same command looks again/)
    assert.deepEqual([states(slow), slow.json.tx], [['uploaded', 'failed'], null])
    assert.equal(await sequence(), before)
    service.settle('pinned')
    const again = await publish(...targets)
    assert.deepEqual([again.code, ...states(again)], [EXIT.done, 'present', 'pinned'], again.stderr)
    assert.equal(service.requests.filter((r) => r.startsWith('POST')).length, 1)
    assert.equal(await sequence(), before + 1)
  })

  test('that fails keeps the release back, in its own words, unless --need says what suffices', async () => {
    const service = await startPinningService(t)
    const { publish } = await newRelease()
    const before = await sequence()
    const targets = ['--upload', newDir(), '--upload', `pinning:${service.url}`]
    const fail = async (...more) => {
      const running = publish(...targets, ...more)
      const asked = service.requests.filter((r) => /GET \/pins\/req/.test(r)).length
      await service.asked(/GET \/pins\/req/, running, asked + 1)
      service.settle('failed', { status_details: 'no provider has it\u001b[2J' })
      return running
    }
    const strict = await fail()
    assert.equal(strict.code, EXIT.refused)
    assert.match(strict.stderr, /it failed to pin: no provider has it\?\[2J/)
    assert.equal(await sequence(), before)
    // The mock keeps a failed pin, and gives it back when asked anew; then it is queued again.
    const borne = await fail('--need', '1')
    assert.deepEqual([borne.code, ...states(borne)], [EXIT.done, 'present', 'failed'], borne.stderr)
    assert.match(borne.json.targets[1].error, /it failed to pin/)
    assert.equal(await sequence(), before + 1)
  })

  test('is told where a node that has the image can be reached, but not of its private addresses', async () => {
    const service = await startPinningService(t)
    const there = ['/ip4/1.1.1.1/tcp/4001/p2p/12D3KooWKkBTnsqP8AxDcwoaX89FopGoKWi3vsBhXjQkM6d3cvjW', '/dns4/node.example/tcp/4001', '/ip6/2606:4700::1/udp/4001/quic-v1']
    const node = await startTamperProxy(t, ipfs.api, {
      before: (q) => (q.url.endsWith('/id') ? {
        status: 200, headers: {},
        body: JSON.stringify({ Addresses: ['/ip4/127.0.0.1/tcp/4001', '/ip4/192.168.1.4/tcp/4001', 7, '/ip6/::1/tcp/1', '/unix/x', '/dns4/' + 'x'.repeat(300), ...there] }),
      } : undefined),
    })
    const { publish } = await newRelease()
    const running = publish('--upload', `pinning:${service.url}`, '--upload', `kubo:${node.url}`)
    await service.asked(/GET \/pins\/req-1/, running)
    service.settle('pinned')
    const r = await running
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.deepEqual(service.pins()[0].pin.origins, there)
  })

  test('alone is no place to read back from', async () => {
    const { publish } = await newRelease()
    const r = await publish('--upload', 'pinning:http://127.0.0.1:1')
    assert.equal(r.code, EXIT.usage)
    assert.match(r.stderr, /fetches the image from others; name a kubo: or dir: target too/)
  })

  test('is not asked for what nobody has', async () => {
    const service = await startPinningService(t)
    const { publish } = await newRelease()
    const r = await publish('--upload', `kubo:${await deadUrl()}`, '--upload', `pinning:${service.url}`)
    assert.equal(r.code, EXIT.unreachable)
    assert.match(r.stderr, /2 of 2 targets failed: upload to kubo:/)
    assert.match(r.json.targets[1].error, /not asked: no target has the image/)
    assert.deepEqual(service.requests, [])
  })

  test('wants another token', async () => {
    const service = await startPinningService(t, { token: 'right' })
    const { publish } = await newRelease()
    const r = await publish('--upload', newDir(), '--upload', `pinning:${service.url}#${await desk.file('wrong', 'wrong-token')}`)
    assert.equal(r.code, EXIT.refused)
    assert.match(r.stderr, /HTTP status 401, it wants another token/)
    assert.doesNotMatch(r.stderr, /wrong-token/)
  })

  test('a token file that others may read is named', async () => {
    const { publish } = await newRelease()
    const r = await publish('--upload', newDir(), '--upload', `pinning:http://127.0.0.1:1#${await desk.file('open', 'x', 0o644)}`)
    assert.equal(r.code, EXIT.unreachable)
    assert.match(r.stderr, /warning: token file of pinning:http\S+: mode 0644 lets others at it/)
  })

  test('version 0: it is asked under both names, and may answer with the other one', async () => {
    const service = await startPinningService(t)
    const proxy = await startTamperProxy(t, service.url, {
      tamper: (q, a) => ({ ...a, body: a.body.toString().replace(/Qm[1-9A-HJ-NP-Za-km-z]{44}/, (v0) => asV1(v0)) }),
    })
    const { CID } = await import('multiformats/cid')
    const asV1 = (text) => CID.parse(text).toV1().toString()
    const { publish } = await newRelease()
    const running = publish('--upload', newDir(), '--upload', `pinning:${proxy.url}`, '--profile', 'unixfs-v0-2015')
    await service.asked(/GET \/pins\/req-1/, running)
    service.settle('pinned')
    const r = await running
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.match(r.json.cid, /^Qm/)
    assert.ok(service.requests[0].includes(`cid=${r.json.cid},${asV1(r.json.cid)}&`), service.requests[0])
  })
})

describe('a pinning service that does not keep its word', () => {
  const json = (status, value) => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
  const error = (status, reason, details) => json(status, { error: { reason, details } })
  const post = (reply) => (q) => (q.method === 'POST' ? reply(JSON.parse(q.body)) : undefined)
  const poll = (reply) => (q) => (q.url.startsWith('/pins/') ? reply() : undefined)
  const pin = (cid, more = {}) => ({ requestid: 'a', status: 'queued', created: '2026-01-01T00:00:00Z', pin: { cid }, delegates: [], ...more })
  const rows = [
    ['pins something else', post(() => json(202, pin('bafkqaaa'))), EXIT.refused, /it took bafkqaaa, not baf/],
    ['pins no CID at all', post(() => json(202, pin('x'))), EXIT.unreachable, /the answer names no CID/],
    ['wants money', post(() => error(409, 'INSUFFICIENT_FUNDS', 'the account is empty')), EXIT.refused, /HTTP status 409, it refuses: INSUFFICIENT_FUNDS: the account is empty/],
    ['forbids', post(() => error(403, 'FORBIDDEN')), EXIT.refused, /403, it wants another token: FORBIDDEN/],
    ['finds the request bad', post(() => error(400, 'BAD_REQUEST', 'no')), EXIT.refused, /400, it refuses: BAD_REQUEST: no/],
    ['breaks down', post(() => error(500, 'INTERNAL_SERVER_ERROR')), EXIT.unreachable, /HTTP status 500: INTERNAL_SERVER_ERROR/],
    ['breaks down when its list is asked for', (q) => (q.url.startsWith('/pins?') ? json(500, {}) : undefined), EXIT.unreachable, /HTTP status 500/],
    ['answers with a page', post(() => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' })), EXIT.unreachable, /no JSON object/],
    ['sends us elsewhere', post(() => ({ status: 307, headers: { location: `${elsewhere}/pins` }, body: '' })), EXIT.unreachable, /307, a redirect, which is not followed/],
    ['never stops talking', post((p) => json(202, pin(p.cid, { info: { x: 'x'.repeat(300000) } }))), EXIT.unreachable, /262144/],
    ['has a status of its own', post((p) => json(202, pin(p.cid, { status: 'done' }))), EXIT.unreachable, /none of queued, pinning, pinned and failed/],
    ['gives no id', post((p) => json(202, pin(p.cid, { requestid: undefined }))), EXIT.unreachable, /no requestid/],
    ['gives an id that is a path', post((p) => json(202, pin(p.cid, { requestid: '..' }))), EXIT.unreachable, /no requestid/],
    ['gives an endless id', post((p) => json(202, pin(p.cid, { requestid: 'x'.repeat(300) }))), EXIT.unreachable, /no requestid/],
    ['pins something else after all', poll(() => json(200, pin('bafkqaaa', { status: 'pinned' }))), EXIT.refused, /it took bafkqaaa/],
    ['forgets the request', poll(() => error(404, 'NOT_FOUND')), EXIT.refused, /404, it refuses: NOT_FOUND/],
    ['stalls', poll(() => ({ stall: true })), EXIT.unreachable, /after 1 s it is still queued, and last: /],
    ['tells our token', post(() => error(400, 'BAD', 'Bearer s3cret.token at /base-with-key')), EXIT.refused, /BAD: Bearer \*\*\* at \/\*\*\*/],
  ]
  let elsewhere, visits
  before(async () => {
    const proxy = await startTamperProxy(t, 'http://127.0.0.1:1', { before: () => json(202, {}) })
    elsewhere = proxy.url
    visits = proxy.requests
  })
  for (const [what, answer, code, message] of rows) {
    test(what, async () => {
      const service = await startPinningService(t)
      const proxy = await startTamperProxy(t, service.url, {
        before: (q) => answer({ ...q, url: q.url.replace('/base-with-key', '') }), rewrite: (url) => url.replace('/base-with-key', ''),
      })
      const { publish } = await newRelease(1000)
      const before = await desk.chain.number()
      const token = await desk.file('token', 's3cret.token')
      const began = Date.now()
      const r = await publish('--upload', newDir(), '--upload', `pinning:${proxy.url}/base-with-key#${token}`, '--pin-wait', '1')
      assert.ok(Date.now() - began < 25000, '--pin-wait bounds every question too: the connection’s own limit is 30 s')
      assert.equal(r.code, code, r.stderr)
      assert.match(r.stderr, message)
      assert.doesNotMatch(r.stderr + r.stdout, /s3cret|base-with-key/)
      assert.equal(r.json.tx, null)
      assert.equal(await desk.chain.number(), before)
      assert.deepEqual(visits, [])
    })
  }

  test('an id is no part of a path', async () => {
    const service = await startPinningService(t)
    const proxy = await startTamperProxy(t, service.url, {
      before: (q) => (q.method === 'POST' ? json(202, pin(JSON.parse(q.body).cid, { requestid: 'a/../b?c#d%' }))
        : q.url.startsWith('/pins/') ? json(200, pin(wanted, { status: 'pinned' })) : undefined),
    })
    const { publish, image } = await newRelease(1000)
    const wanted = (await gatepost('inspect', image, '--json')).json['unixfs-v1-2025']
    const r = await publish('--upload', newDir(), '--upload', `pinning:${proxy.url}`)
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.equal(proxy.requests.at(-1).url, '/pins/a%2F..%2Fb%3Fc%23d%25')
  })

  test('one that breaks down in the middle is asked again', async () => {
    const service = await startPinningService(t)
    let broken = 0
    const proxy = await startTamperProxy(t, service.url, {
      before: poll(() => (broken++ < 3 ? [json(500, {}), { hangUp: true }, json(429, {})][broken - 1] : void service.settle('pinned'))),
    })
    const { publish } = await newRelease(1000)
    const r = await publish('--upload', newDir(), '--upload', `pinning:${proxy.url}`)
    assert.deepEqual([r.code, ...states(r)], [EXIT.done, 'uploaded', 'pinned'], r.stderr)
    assert.equal(broken, 4)
  })

  test('pins of others in its list are not taken for ours', async () => {
    const service = await startPinningService(t)
    const proxy = await startTamperProxy(t, service.url, {
      before: (q) => (q.url.startsWith('/pins?') ? json(200, { count: 1, results: [pin('bafkqaaa', { status: 'pinned' })] }) : undefined),
    })
    const { publish } = await newRelease(1000)
    const running = publish('--upload', newDir(), '--upload', `pinning:${proxy.url}`)
    await service.asked(/GET \/pins\/req-1/, running)
    service.settle('pinned')
    const r = await running
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.equal(service.pins()[0].pin.cid, r.json.cid)
  })
})

describe('several targets', () => {
  test('one that is down does not keep the others from being tried; what they took is not sent again', async () => {
    const { publish } = await newRelease()
    const [dead, dir, before] = [await deadUrl(), newDir(), await sequence()]
    const targets = ['--upload', `kubo:${dead}`, '--upload', `kubo:${ipfs.api}`, '--upload', dir]
    const r = await publish(...targets)
    assert.equal(r.code, EXIT.unreachable)
    assert.match(r.stderr, new RegExp(`nothing was published: upload to kubo:${dead}`))
    assert.deepEqual([states(r), r.json.tx], [['failed', 'uploaded', 'uploaded'], null])
    assert.ok(r.json.targets[0].error.includes(dead) && r.json.targets[1].error === null)
    assert.equal(await sequence(), before)
    const short = await publish(...targets, '--need', '3')
    assert.equal(short.code, EXIT.unreachable)
    const enough = await publish(...targets, '--need', '2')
    assert.deepEqual([enough.code, ...states(enough)], [EXIT.done, 'failed', 'present', 'present'], enough.stderr)
    assert.equal(await sequence(), before + 1)
    // Without --need a later run still says that one is missing.
    const later = await publish(...targets)
    assert.equal(later.code, EXIT.unreachable)
    assert.match(later.stderr, /the release is published, but not everywhere/)
    assert.equal(later.json.tx, enough.json.tx)
  })

  test('more than there are cannot be needed', async () => {
    const { publish } = await newRelease(1000)
    const r = await publish('--upload', newDir(), '--upload', 'pinning:http://127.0.0.1:1', '--need', '2')
    assert.equal(r.code, EXIT.usage)
    assert.match(r.stderr, /--need: 2 of 1 targets that can give the image back/)
  })

  test('for people: a line each', async () => {
    const { args } = await newRelease(1000)
    const [dead, dir] = [await deadUrl(), newDir()]
    const r = await gatepost(...args, '--upload', dir, '--upload', `kubo:${dead}`, '--need', '1', ...await desk.to())
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.match(r.stdout, /^targets +uploaded dir:.*\n +failed   kubo:http:.*: \S/m)
    assert.match(r.stderr, /^failed: kubo:http/m)
    assert.match(r.stderr, /^reading back: dir:/m)
  })

  /** A server that answers every question with `answer(socket, bytes so far)`, as soon as something comes. */
  async function rudeNode(answer) {
    const server = createServer((socket) => {
      let seen = 0
      socket.on('data', (chunk) => { seen += chunk.length; answer(socket, seen, String(chunk)) }).on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    return `http://127.0.0.1:${server.address().port}`
  }
  const notPinned = (socket, text) => text.includes('pin/ls') && socket.end('HTTP/1.1 500 Not Pinned\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  const rude = [
    ['hangs up in the middle of the archive', (socket, seen) => seen > 500000 && socket.destroy(), /upload to kubo:/],
    ['answers in the middle of the archive that it is too large',
      (socket, seen) => seen > 500000 && !socket.writableEnded && socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'), /upload to kubo:/],
  ]
  for (const [what, answer, message] of rude) {
    test(`a node that ${what}: the others are served`, async () => {
      const url = await rudeNode((socket, seen, text) => notPinned(socket, text) || answer(socket, seen))
      const { publish } = await newRelease(3000000)
      const before = await sequence()
      const dir = newDir()
      const r = await publish('--upload', `kubo:${url}`, '--upload', dir)
      assert.deepEqual([r.code, ...states(r)], [EXIT.unreachable, 'failed', 'uploaded'], r.stderr)
      assert.match(r.stderr, message)
      assert.equal(await sequence(), before)
      const again = await publish('--upload', `kubo:${ipfs.api}`, '--upload', dir)
      assert.deepEqual([again.code, ...states(again)], [EXIT.done, 'uploaded', 'present'], again.stderr)
    })
  }

  test('a node that says it has the image, and has not, is sent it', async () => {
    const { publish } = await newRelease()
    const proxy = await startTamperProxy(t, ipfs.api, {
      before: (q) => (q.url.includes('pin/ls') ? { status: 200, headers: {}, body: '{"Keys":{}}' } : undefined),
      tamper: (q, a) => {
        if (q.url.includes('dag/export') && ++exports === 1) a.body[a.body.length - 9] ^= 1
        return a
      },
    })
    let exports = 0
    const r = await publish('--upload', `kubo:${proxy.url}`)
    assert.deepEqual([r.code, ...states(r)], [EXIT.done, 'uploaded'], r.stderr)
    assert.equal(exports, 2)
  })

  test('a file of an export that was cut short is written again, the others are not', async () => {
    const { publish } = await newRelease()
    const dir = newDir()
    const r = await publish('--upload', dir)
    const car = join(dir.slice(4), 'car', `${r.json.cid}.car`)
    const size = (await readFile(car)).length
    await truncate(car, 1000)
    const again = await publish('--upload', dir)
    assert.deepEqual([again.code, again.json.targets[0].bytes], [EXIT.done, size], again.stderr)
  })
})

describe('cut off', () => {
  /** What a proxy sees, as a word of the rows below. */
  const word = (q) => (q.url.includes('/api/v0/') ? q.url.match(/v0\/(\w+\/\w+)/)[1] : JSON.parse(q.body).method)
  // Where, and whether before or after the peer has done it.
  const rows = [
    ['dag/import', 'before'], ['dag/import', 'after'], ['pin/add', 'before'], ['pin/add', 'after'], ['dag/export', 'after'],
    ['eth_estimateGas', 'after'], ['eth_sendRawTransaction', 'before'], ['eth_sendRawTransaction', 'after'],
    ['eth_getTransactionReceipt', 'before'], ['eth_getTransactionReceipt', 'after'],
  ]
  for (const [where, when] of rows) {
    test(`${when} ${where}: the next run takes it up`, async () => {
      let victim
      const passed = []
      const cut = (q) => {
        if (!victim || word(q) !== where) return undefined
        victim.kill('SIGKILL')
        victim = undefined
        return { hangUp: true }
      }
      const hooks = {
        before: (q) => {
          const reply = when === 'before' ? cut(q) : undefined
          if (!reply) passed.push(word(q))
          return reply
        },
        tamper: (q) => (when === 'after' ? cut(q) : undefined),
      }
      const node = await startTamperProxy(t, ipfs.api, hooks)
      const rpc = await startTamperProxy(t, desk.chain.url, hooks)
      const { args } = await newRelease(3000000)
      const dir = newDir()
      const all = [...args, '--upload', `kubo:${node.url}`, '--upload', dir, '--wallet', await desk.wallet(desk.owner), '--rpc', rpc.url,
        '--registry', desk.registry.address]
      const before = await sequence()
      const first = await startServer(program('gatepost'), all, { ready: (line) => /reading the image/.test(line) })
      victim = first
      await first.gone
      assert.equal(victim, undefined, 'it was cut off')
      const r = await gatepost(...all, '--json')
      assert.equal(r.code, EXIT.done, r.stderr)
      assert.equal(await sequence(), before + 1)
      assert.equal(r.json.sequence, before + 1)
      assert.equal(passed.filter((w) => w === 'eth_sendRawTransaction').length, 1)
      assert.equal(passed.filter((w) => w === 'dag/import').length, 1)
      // Its entries are exported, whichever run sent the transaction.
      const entries = await readFile(join(dir.slice(4), 'entries', ...PRODUCT.split('/')), 'utf8')
      assert.ok(entries.includes(r.json.tx))
    })
  }

  test('while the transaction waits for a block: it is waited for, and no second one is sent', async () => {
    const { args, publish } = await newRelease(1000)
    const before = await sequence()
    await desk.chain.rpc('evm_setAutomine', false)
    try {
      const first = await startServer(program('gatepost'), [...args, ...await desk.to()], { ready: (line) => /waiting for a block: (0x\w+)/.exec(line)?.[1] })
      first.kill('SIGKILL')
      await first.gone
      const second = await startServer(program('gatepost'), [...args, ...await desk.to()], { ready: (line) => /an earlier transaction/.test(line) })
      assert.equal((await desk.chain.rpc('txpool_status')).pending, '0x1')
      await desk.chain.mine()
      assert.deepEqual(await second.gone, { code: EXIT.done, signal: null })
      assert.ok(second.lines.includes(`published already, by transaction: ${first.up}`), second.lines.join('\n'))
    } finally {
      await desk.chain.rpc('evm_setAutomine', true)
    }
    assert.equal(await sequence(), before + 1)
    assert.equal((await publish()).json.sequence, before + 1)
  })

  test('the answer to the transaction is lost: it is known by its hash', async () => {
    const { args } = await newRelease(1000)
    const before = await sequence()
    const rpc = await startTamperProxy(t, desk.chain.url, { tamper: (q) => (/sendRaw/.test(q.body) ? { hangUp: true } : undefined) })
    const r = await gatepost(...args, '--json', '--wallet', await desk.wallet(desk.owner), '--rpc', rpc.url, '--registry', desk.registry.address)
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.equal(await sequence(), before + 1)
  })

  test('and nobody says whether it was taken: the message has its hash', async () => {
    const { args, publish } = await newRelease(1000)
    const before = await sequence()
    const rpc = await startTamperProxy(t, desk.chain.url, { tamper: (q) => (/sendRaw|ByHash/.test(q.body) ? { hangUp: true } : undefined) })
    const r = await gatepost(...args, '--wallet', await desk.wallet(desk.owner), '--rpc', rpc.url, '--registry', desk.registry.address)
    assert.equal(r.code, EXIT.unreachable)
    const [, tx] = /transaction (0x[0-9a-f]{64}) may be on its way/.exec(r.stderr)
    const again = await publish()
    assert.deepEqual([again.code, again.json.tx, again.json.sequence], [EXIT.done, tx, before + 1], again.stderr)
  })
})

describe('the newest release', () => {
  test('is published again once it was revoked', async () => {
    const { publish } = await newRelease(1000)
    const first = await publish()
    await desk.ok('revoke', PRODUCT, first.json.sequence, '--reason', 'a mistake')
    const second = await publish()
    assert.deepEqual([second.code, second.json.sequence], [EXIT.done, first.json.sequence + 1], second.stderr)
    await desk.ok('product', 'floor', PRODUCT, second.json.sequence + 1)
    assert.equal((await publish()).json.sequence, second.json.sequence + 1)
  })

  test('is another one when anything that is signed differs', async () => {
    const { publish } = await newRelease(1000)
    const first = await publish()
    const other = await publish('--channel', 'beta')
    assert.deepEqual([other.code, other.json.sequence], [EXIT.done, first.json.sequence + 1], other.stderr)
  })

  /** Sends an envelope as it is, past all our checks. */
  async function force(envelope, next) {
    const hash = await desk.registry.wallet.sendTransaction({
      account: desk.owner, to: desk.registry.address, gas: 200000n,
      data: encodeFunctionData({ abi: desk.registry.abi, functionName: 'publish', args: [id, BigInt(next), `0x${(await readFile(envelope)).toString('hex')}`] }),
    })
    await desk.registry.receipt(hash)
  }

  test('that gateways reject, for another product or number, is told apart', async () => {
    const { image } = await newRelease(1000)
    const at = await sequence() + 1
    const envelope = async (product, number) => {
      const out = desk.path(`odd-${number}.suit`)
      const r = await gatepost('manifest', 'new', product, '--version', '9', '--sequence', number, '--image', image, '--signing-key', key.path, '--out', out)
      assert.equal(r.code, EXIT.done, r.stderr)
      return out
    }
    const [lamp, odd] = [await envelope('acme/lamp', at), await envelope(PRODUCT, at + 7)]
    await force(lamp, at)
    assert.match((await desk.cli('publish', PRODUCT, '--manifest', lamp)).stderr, /it is for acme\/lamp/)
    await force(odd, at + 1)
    assert.match((await desk.cli('publish', PRODUCT, '--manifest', odd)).stderr, new RegExp(`its sequence is ${at + 7}, the next one`))
  })

  test('that says the same, but is not signed, is not taken for it', async () => {
    const { image, version, publish } = await newRelease(1000)
    const next = await sequence() + 1
    const forged = desk.path('unsigned.suit')
    const made = await gatepost('manifest', 'new', PRODUCT, '--version', version, '--sequence', next, '--image', image, '--signing-key', (await desk.key('stranger')).path, '--out', forged)
    assert.equal(made.code, EXIT.done, made.stderr)
    await force(forged, next)
    const r = await publish()
    assert.deepEqual([r.code, r.json.sequence], [EXIT.done, next + 1], r.stderr)
  })

  test('made elsewhere: the same file again is the same release', async () => {
    const { image, version } = await newRelease(1000)
    const made = desk.path('again.suit')
    await gatepost('manifest', 'new', PRODUCT, '--version', version, '--sequence', await sequence() + 1, '--image', image, '--signing-key', key.path, '--out', made)
    const args = ['publish', PRODUCT, '--manifest', made, '--image', image, '--upload', newDir()]
    const [a, b] = [await desk.ok(...args), await desk.ok(...args)]
    assert.deepEqual([b.tx, b.targets[0].state], [a.tx, 'present'])
  })
})

describe('only the image', () => {
  test('--only-upload: no wallet, no registry, no transaction', async () => {
    const { image } = await newRelease()
    const block = await desk.chain.number()
    const args = ['publish', '--only-upload', '--image', image, '--upload', `kubo:${ipfs.api}`, '--json']
    const [a, b] = [await gatepost(...args), await gatepost(...args)]
    assert.deepEqual([a.code, ...states(a), b.code, ...states(b)], [EXIT.done, 'uploaded', EXIT.done, 'present'], a.stderr + b.stderr)
    assert.deepEqual(Object.keys(a.json), ['cid', 'sha256', 'size', 'targets'])
    assert.deepEqual(Buffer.from(await (await ipfs.call(`cat?arg=${a.json.cid}`)).arrayBuffer()), await readFile(image))
    assert.equal(await desk.chain.number(), block)
    const failed = await gatepost(...args, '--upload', `kubo:${await deadUrl()}`)
    assert.deepEqual([failed.code, ...states(failed)], [EXIT.unreachable, 'present', 'failed'])
    for (const [more, message] of [[['--manifest', 'x'], /--manifest/], [['--only-car'], /one of them/]]) {
      const r = await gatepost(...args, ...more)
      assert.equal(r.code, EXIT.usage)
      assert.match(r.stderr, message)
    }
    assert.match((await gatepost('publish', '--only-upload', '--image', image)).stderr, /--upload is needed/)
  })

  test('--only-car: an archive that a node imports under the same CID', async () => {
    for (const profile of ['unixfs-v1-2025', 'unixfs-v0-2015']) {
      const { image } = await newRelease(2500000)
      const out = desk.path(`${profile}.car`)
      const r = await gatepost('publish', '--only-car', '--image', image, '--out', out, '--profile', profile, '--json')
      assert.equal(r.code, EXIT.done, r.stderr)
      const car = await readFile(out)
      assert.equal(r.json.car_bytes, car.length)
      const form = new FormData()
      form.append('file', new Blob([car]))
      const reply = await (await ipfs.call('dag/import', { body: form })).text()
      assert.equal(JSON.parse(reply.split('\n')[0]).Root.Cid['/'], r.json.cid)
      assert.equal(String(await new Blocks().add(await readFile(image), { profile })), r.json.cid)
    }
    const usage = await gatepost('publish', '--only-car', '--image', 'x', '--out', 'y', '--upload', newDir())
    assert.equal(usage.code, EXIT.usage)
    assert.match((await gatepost('publish', '--only-car', '--image', 'x')).stderr, /--out is needed/)
  })

  test('the CIDs of the profiles’ vectors, and of ipfs_cid', async () => {
    const rows = (await readFile(new URL('../vectors/ipfs/ipip-0499.txt', import.meta.url), 'utf8')).split('\n')
      .filter((line) => line && !line.startsWith('#')).map((line) => line.split(' '))
    for (const [profile, size, seed, cid] of rows.filter(([, size]) => size < 1e8)) {
      const stream = createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
      const image = await desk.file('vector', seed.startsWith('=') ? seed.slice(1).replace(/_/g, ' ') : stream.update(Buffer.alloc(Number(size))))
      const out = desk.path('vector.car')
      const r = await gatepost('publish', '--only-car', '--image', image, '--out', out, '--profile', profile, '--json')
      assert.equal(r.json?.cid, cid, r.stderr)
      if (profile === 'unixfs-v0-2015') assert.equal(JSON.parse((await run('ipfs_cid', [image])).stdout).CIDv0, cid)
      await rm(out)
    }
  })
})
