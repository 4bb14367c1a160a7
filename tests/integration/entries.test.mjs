// entries.test.mjs: histories that outlive their pruning: every node has dropped the logs, and a peer, or a publisher's export,
// still has them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join, normalize } from 'node:path'
import { test } from 'node:test'
import { makeConfig, startGateway } from '../support/gateway.mjs'
import { makeDesk } from '../support/publisher.mjs'
import { extendHead } from '../support/registry.mjs'
import { startTamperProxy } from '../support/tamper-proxy.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const ENTRIES = `/entries/${PRODUCT}`
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const bodyOf = async (response) => Buffer.from(await response.arrayBuffer())
const parse = (bytes) => bytes.toString().trimEnd().split('\n').map((line) => JSON.parse(line))

/** An honest node behind `url`, until prune(): then its logs are gone (EIP-4444), and all else is there. */
async function startNode(t, upstream) {
  const node = { isPruned: false, refused: 0 }
  const gone = (call, answer) => {
    if (call.method !== 'eth_getLogs') return answer
    node.refused++
    return { jsonrpc: '2.0', id: call.id, error: { code: 4444, message: 'pruned history unavailable' } }
  }
  const proxy = await startTamperProxy(t, upstream, {
    tamper(request, reply) {
      if (!node.isPruned) return undefined
      const asked = JSON.parse(request.body), told = JSON.parse(reply.body)
      const body = Array.isArray(asked) ? asked.map((call) => gone(call, told.find((a) => a.id === call.id))) : gone(asked, told)
      return { ...reply, body: JSON.stringify(body) }
    },
  })
  return Object.assign(node, { url: proxy.url, prune() { node.isPruned = true } })
}

/** Two operators' nodes in front of the world's chain, and configurations that use them. */
async function makePrunedWorld(t) {
  const world = await makeWorld(t)
  const nodes = [await startNode(t, world.chain.url), await startNode(t, world.chain.url)]
  const providers = nodes.map((node, i) => ({ name: `node${i}`, operator: `operator${i}`, url: node.url }))
  return Object.assign(world, {
    nodes,
    prune: () => nodes.forEach((node) => node.prune()),
    follow: (name, sources = []) => world.gateway({
      dir: world.otherDir(name), product: { keep: 5 }, config: { providers, sources: [...sources, { name: 'own', url: world.source.url }] },
    }),
  })
}

/** What of the releases must be the same on every gateway. */
const told = async (gateway) => (await gateway.releases(PRODUCT)).map(({ product, sequence, state, version, sha256, cid, tx, signers, published_at }) =>
  ({ product, sequence, state, version, sha256, cid, tx, signers, published_at }))

test('peer: a new gateway comes to the same releases when every provider has pruned its logs', async (t) => {
  const world = await makePrunedWorld(t)
  for (let i = 0; i < 3; i++) await world.publish()
  await world.registry.call(world.owner, 'revoke', world.id, 1n, 'bad radio')
  await world.finalize()
  const a = await world.follow('a')
  await a.waitRelease(PRODUCT, 3, 'active')
  await a.waitRelease(PRODUCT, 1, 'revoked')

  // The file is the chain's history, in the format of eth_getLogs.
  const history = await world.registry.history(world.id)
  const served = await a.get(ENTRIES)
  assert.equal(served.status, 200)
  assert.equal(served.headers.get('content-type'), 'application/x-ndjson')
  const file = await bodyOf(served)
  assert.equal(served.headers.get('etag'), `"sha256-${sha256(file)}"`)
  const lines = parse(file)
  assert.equal(lines.length, history.length)
  const head = lines.reduce(extendHead, `0x${'00'.repeat(32)}`)
  assert.equal(head, (await world.registry.proof(world.id)).head)
  for (const [i, line] of lines.entries()) {
    assert.equal(BigInt(line.blockNumber), history[i].blockNumber)
    assert.equal(line.blockHash, history[i].blockHash)
    assert.equal(line.transactionHash, history[i].transactionHash)
    assert.equal(Number(line.logIndex), history[i].logIndex)
    assert.equal(line.address, world.registry.address.toLowerCase())
    assert.equal(line.removed, false)
  }
  const bare = await a.get(ENTRIES, { method: 'HEAD' })
  assert.equal(bare.headers.get('content-length'), String(file.length))
  assert.equal((await a.get('/entries/acme/other')).status, 404)

  // What is not final yet is not in it.
  await world.publish()
  await a.waitRelease(PRODUCT, 4, 'ready')
  assert.deepEqual(await bodyOf(await a.get(ENTRIES)), file)
  await world.finalize()
  await a.waitRelease(PRODUCT, 4, 'active')
  const longer = await waitFor('the new entry', async () => {
    const now = await bodyOf(await a.get(ENTRIES))
    return now.length > file.length && now
  })
  assert.deepEqual(longer.subarray(0, file.length), file)

  world.prune()
  const b = await world.follow('b', [{ name: 'a', kind: 'peer', url: a.http }])
  await b.waitRelease(PRODUCT, 4, 'active')
  await b.waitRelease(PRODUCT, 1, 'revoked')
  for (const gateway of [a, b]) for (const sequence of [2, 3]) await gateway.waitRelease(PRODUCT, sequence, 'superseded')
  assert.deepEqual(await told(b), await told(a))
  assert.ok(world.nodes.every((node) => node.refused > 0), 'the providers were asked first')
  const status = await b.status()
  assert.equal(status.trust, 'quorum')
  assert.deepEqual(status.alarms, [])
  assert.deepEqual(await bodyOf(await b.get(ENTRIES)), longer, 'and serves the next one')

  // A third, by way of the second alone.
  await a.stop()
  const c = await world.follow('c', [{ name: 'b', kind: 'peer', url: b.http }])
  await c.waitRelease(PRODUCT, 4, 'active')
})

test('peer behind, and then lying: it moves nothing, is named, and helps once it is honest', async (t) => {
  const world = await makePrunedWorld(t)
  await world.publish()
  await world.publish()
  await world.finalize()
  const a = await world.follow('a')
  await a.waitRelease(PRODUCT, 2, 'active')
  world.prune()
  const edit = (body, change) => { const lines = parse(body); change(lines); return lines.map((l) => `${JSON.stringify(l)}\n`).join('') }
  const moods = [
    [/does not have this product's entries/, () => ({ status: 404, headers: {}, body: '' })],
    [/as the block before it/, (body) => ({ status: 200, headers: {}, body: edit(body, (l) => l.splice(-2, 1)) })],
    [/do not replay/, (body) => ({ status: 200, headers: {}, body: edit(body, (l) => { l[2].data = l[2].data.slice(0, -1) + '7' }) })],
    [/order of the chain/, (body) => ({ status: 200, headers: {}, body: edit(body, (l) => l.reverse()) })],
    [/status 302/, () => ({ status: 302, headers: { location: `${a.http}${ENTRIES}` }, body: '' })],
  ]
  let mood = 0
  const crooked = await startTamperProxy(t, a.http, {
    tamper: (request, reply) => (request.url.startsWith('/entries/') && moods[mood] ? moods[mood][1](reply.body.toString()) : undefined),
  })
  const b = await world.follow('b', [{ name: 'a', kind: 'peer', url: crooked.url }])
  for (; mood < moods.length; mood++) {
    await waitFor(`the source to be said to fail: ${moods[mood][0]}`, async () => {
      const { sources } = await b.status()
      return moods[mood][0].test(sources.find((s) => s.name === 'a').last_error)
    })
    assert.deepEqual(await b.releases(PRODUCT), [])
    assert.ok((await b.status()).alarms.some((alarm) => alarm.code === 'history-incomplete'))
  }
  await b.waitRelease(PRODUCT, 2, 'active')
  await waitFor('the alarm to end', async () => (await b.status()).alarms.length === 0)
  for (const gateway of [a, b]) await gateway.waitRelease(PRODUCT, 1, 'superseded')
  assert.deepEqual(await told(b), await told(a))
})

test('export: a plain web server with what `gatepost publish --upload dir:` wrote is enough', async (t) => {
  const desk = await makeDesk(t)
  await desk.chain.mine(1)
  const key = await desk.key('signer')
  const id = await desk.register(PRODUCT, [key])
  const out = desk.path('export')
  for (const version of ['1', '2']) {
    const image = await desk.file(`image-${version}`, Buffer.alloc(50000, version))
    await desk.ok('publish', PRODUCT, '--version', version, '--image', image, '--signing-key', key.path, '--upload', `dir:${out}`)
  }
  await desk.chain.finalize()
  assert.ok(id)

  // Files, and the archives under the path that IPFS clients ask for.
  const asked = []
  const web = createServer(async (request, reply) => {
    const { pathname } = new URL(request.url, 'http://x')
    const cid = /^\/ipfs\/(\w+)$/.exec(pathname)?.[1]
    asked.push(pathname)
    try {
      const body = await readFile(join(out, cid ? `car/${cid}.car` : normalize(pathname)))
      reply.writeHead(200, { 'content-type': cid ? 'application/vnd.ipld.car' : 'text/plain' }).end(body)
    } catch {
      reply.writeHead(404).end()
    }
  })
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  t.after(() => new Promise((resolve) => { web.close(resolve); web.closeAllConnections() }))
  const url = `http://127.0.0.1:${web.address().port}`

  const node = await startNode(t, desk.chain.url)
  node.prune()
  const dir = desk.path('gateway')
  const gateway = await startGateway(t, { dir, conf: makeConfig({
    dir, registry: desk.registry.address, providers: [{ name: 'one', url: node.url, operator: 'alpha' }],
    sources: [{ name: 'web', url, entries: `${url}/entries/{vendor}/{model}` }],
    products: { [PRODUCT]: { registrant: desk.owner.address } },
  }) })
  await gateway.waitRelease(PRODUCT, 2, 'active')
  assert.ok(node.refused > 0)
  assert.equal(asked.filter((path) => path === ENTRIES).length, 1)
  // The same history, though the node's own words beside it (transactionIndex) are not kept.
  const exported = parse(await readFile(join(out, 'entries', PRODUCT)))
  const served = parse(await bodyOf(await gateway.get(ENTRIES)))
  assert.deepEqual(served.map((l) => [l.topics, l.data, l.blockNumber, l.transactionHash]),
    exported.map((l) => [l.topics, l.data, l.blockNumber, l.transactionHash]))
})

test('bit rot in the file: noticed, mended, and no wrong byte leaves', async (t) => {
  const world = await makeWorld(t)
  await world.publish()
  await world.finalize()
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const right = await bodyOf(await gateway.get(ENTRIES))
  const file = join(gateway.stateDir, 'entries', world.id.slice(2))
  assert.deepEqual(await readFile(file), right)
  const damages = [
    (bytes) => { bytes[100] ^= 4; return bytes }, (bytes) => bytes.subarray(0, 300), () => Buffer.alloc(right.length), () => null,
  ]
  for (const damage of damages) {
    const rotten = damage(Buffer.from(right))
    await (rotten ? writeFile(file, rotten) : rm(file))
    // A new server reads the file again; the one before had it in memory, checked.
    process.kill((await gateway.children())['gatepost-server'], 'SIGKILL')
    const first = await waitFor('an answer', () => gateway.get(ENTRIES, { headers: { connection: 'close' } }))
    assert.equal(first.status, 503)
    assert.ok(Number(first.headers.get('retry-after')) > 0)
    await waitFor('the file to be mended', async () => {
      const now = await gateway.get(ENTRIES, { headers: { connection: 'close' } })
      const body = await bodyOf(now)
      if (now.status !== 200) return false
      assert.deepEqual(body, right)
      return true
    })
    assert.deepEqual(await readFile(file), right)
  }
})

test('database lost, and every provider has pruned its logs: our own file is a source like others', async (t) => {
  const world = await makePrunedWorld(t)
  await world.publish()
  await world.publish()
  await world.registry.call(world.owner, 'revoke', world.id, 1n, 'bad radio')
  await world.finalize()
  const a = await world.follow('a')
  await a.waitRelease(PRODUCT, 2, 'active')
  const right = await bodyOf(await a.get(ENTRIES))
  await a.stop()
  world.prune()
  for (const suffix of ['', '-wal', '-shm']) await rm(`${a.stateDir}/gatepost.db${suffix}`, { force: true })
  await a.start()
  await a.waitRelease(PRODUCT, 2, 'active')
  await a.waitRelease(PRODUCT, 1, 'revoked')
  assert.deepEqual(await bodyOf(await a.get(ENTRIES)), right)
  assert.deepEqual((await a.status()).alarms.map((alarm) => alarm.code).filter((code) => code === 'history-incomplete'), [])
})

test('restart without uplink and without database: the last catalog serves it', async (t) => {
  const world = await makePrunedWorld(t)
  await world.publish()
  await world.finalize()
  const a = await world.follow('a')
  await a.waitRelease(PRODUCT, 1, 'active')
  const right = await bodyOf(await a.get(ENTRIES))
  await a.stop()
  await world.chain.stop()
  for (const suffix of ['', '-wal', '-shm']) await rm(`${a.stateDir}/gatepost.db${suffix}`, { force: true })
  await a.start()
  const served = await a.get(ENTRIES)
  assert.equal(served.status, 200)
  assert.deepEqual(await bodyOf(served), right)
})
