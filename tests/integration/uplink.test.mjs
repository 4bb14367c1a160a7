// uplink.test.mjs: the way out: an outbound proxy, an authority of one's own, keys in URLs, a provider that becomes another, and
// what all of that does to freshness. Real daemon, real chain.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { startAnvil } from '../support/anvil.mjs'
import { makeAuthority } from '../support/certificates.mjs'
import { program } from '../support/gateway.mjs'
import { PROXY_ADDRESS, startProxy } from '../support/proxy.mjs'
import { startTamperProxy as startFront } from '../support/tamper-proxy.mjs'
import { run } from '../support/process.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const sha256hex = (bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
const network = (settings) => ['[network]', ...Object.entries(settings).map(([k, v]) => `${k} = ${v}`), ''].join('\n')

/** A world with one final release. */
async function makeStory(t, options) {
  const world = await makeWorld(t, options)
  world.first = await world.publish()
  await world.finalize()
  return world
}

/** Waits until each named provider has failed as its expression wants. */
const waitSaid = (gateway, expected, state = /./) => waitFor(`errors of ${Object.keys(expected)}`, async () => {
  const { providers } = await gateway.status()
  for (const [name, error] of Object.entries(expected)) {
    const p = providers.find((one) => one.name === name)
    if (!state.test(p.state) || !error.test(p.last_error)) throw new Error(`${name} ${p.state}: ${p.last_error}`)
  }
  return true
})

/** And is down. */
const waitErrors = (gateway, expected) => waitSaid(gateway, expected, /^down$/)

async function assertServed(gateway, release) {
  const image = await gateway.get(`/fw/${PRODUCT}/image`)
  assert.equal(image.status, 200)
  assert.equal(sha256hex(await image.arrayBuffer()), release.sha256)
}

/** The methods of JSON-RPC that a front was asked for. */
const methodsOf = (front) => new Set(front.requests.flatMap(({ body }) => JSON.parse(body)).map(({ method }) => method))

// What proxies, providers and sources are told, and nobody else: each with a character that others may write in another way.
const KEYS = {
  user: 'user-4f1c', password: 'pass-9Be2/x', path: 'path-Kq7sLm20Zz', query: 'query-8fTj31Pw', token: 'token-Yd5rN6', source: 'source-Wb3kV9',
  proxyUser: 'gate-keeper7', proxyPassword: 'proxy:Hd3@4s',
}
const keyed = (url) => `${url.replace('://', `://${KEYS.user}:${encodeURIComponent(KEYS.password)}@`)}/v2/${KEYS.path}/rpc?apikey=${KEYS.query}`
const base64 = (user, password) => Buffer.from(`${user}:${password}`).toString('base64')
const BASIC = base64(KEYS.user, KEYS.password)
const FORMS = [...Object.values(KEYS), ...Object.values(KEYS).map(encodeURIComponent), BASIC, base64(KEYS.proxyUser, KEYS.proxyPassword)]

/** Every text that must not hold a key does not; the beginning of one is one too. */
function assertNoKeys(text, where) {
  const low = text.toLowerCase()
  for (const key of FORMS) {
    const at = low.indexOf(key.slice(0, 8).toLowerCase())
    assert.ok(at < 0, `${where}: ${text.slice(Math.max(0, at - 100), at + 60)}`)
  }
}

/** The least of it: status and log. */
async function assertQuiet(gateway) {
  assertNoKeys(JSON.stringify(await gateway.status()), 'status')
  assertNoKeys(gateway.lines().join('\n'), 'log')
}

/** All that an operator can see: every page of the API, every table, every line of the log (at its level debug), every file. */
async function assertNothingShows(gateway) {
  gateway.token ??= (await gateway.ask('token', 'new', 'reader', '--scope', 'read')).token
  const paths = ['/metrics', ...['status', 'products', `products/${PRODUCT}`, 'releases', 'alarms', 'images', 'devices', 'providers', 'sources', 'audit'].map((p) => `/api/v1/${p}`)]
  for (const path of paths) {
    const { status, body } = await gateway.api(path)
    assert.equal(status, 200, path)
    assertNoKeys(typeof body === 'string' ? body : JSON.stringify(body), path)
  }
  for (const words of [['status'], ['products'], ['releases'], ['providers'], ['sources'], ['alarms'], ['audit'], ['images'], ['status', '--json'], ['providers', '--json'], ['sources', '--json'], ['alarms', '--json']]) {
    const { code, stdout, stderr } = await gateway.cli(...words)
    assert.equal(code, 0, `${words}: ${stderr}`)
    assertNoKeys(stdout + stderr, words.join(' '))
  }
  for (const { parentPath, path, name } of (await readdir(gateway.stateDir, { recursive: true, withFileTypes: true })).filter((f) => f.isFile()))
    assertNoKeys((await readFile(join(parentPath ?? path, name))).toString('latin1'), name)
  assertNoKeys(gateway.lines().join('\n'), 'log')
}

test('outbound-proxy: everything goes through it, nothing while it refuses us or is down, and it goes on when it is back', async (t) => {
  const world = await makeStory(t)
  const authority = await makeAuthority(world.otherDir('ca'))
  const proxy = await startProxy(t, { user: KEYS.proxyUser, password: KEYS.proxyPassword })
  const plain = await startFront(t, world.chain.url)
  const secure = await startFront(t, world.chain.url, { tls: await authority.issue() })
  const source = await startFront(t, world.source.url)
  const config = (through) => ({ config: {
    providers: [{ name: 'plain', url: plain.url, operator: 'alpha' }, { name: 'secure', url: secure.url, operator: 'beta' }],
    sources: [{ name: 'own', url: source.url }],
    extra: network({ proxy: through, 'ca-file': authority.file }),
  } })
  const fronts = [plain, secure, source]
  const asked = () => fronts.map(({ requests, peers }) => [requests.length, peers.length])

  const stranger = proxy.url.replace(/%40.*@/, '@')
  assert.notEqual(stranger, proxy.url)
  const gateway = await world.gateway(config(stranger))
  await waitErrors(gateway, { plain: /HTTP status 407/, secure: /407/ })
  assert.deepEqual([asked(), proxy.seen], [[[0, 0], [0, 0], [0, 0]], []], 'nobody but the proxy was asked')
  await assertQuiet(gateway)

  await gateway.restart(world.config(config(proxy.url)))
  await gateway.waitRelease(PRODUCT, 1, 'active')

  await proxy.stop()
  const second = await world.publish()
  await world.finalize()
  const named = new RegExp(`through the proxy: .*127\\.0\\.0\\.1 port ${proxy.port}\\b`)
  await waitErrors(gateway, { plain: named, secure: named })
  assert.equal(await gateway.release(PRODUCT, 2), undefined)
  await assertServed(gateway, world.first)

  await proxy.start()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await assertServed(gateway, second)
  for (const front of fronts) {
    assert.ok(front.peers.length > 0)
    assert.deepEqual(front.peers.filter((address) => address !== PROXY_ADDRESS), [], `${front.url}: connections from elsewhere`)
  }
  assert.ok(proxy.seen.some(({ method, target }) => method === 'CONNECT' && secure.url.endsWith(target)))
  assert.ok(proxy.seen.some(({ method, target }) => method === 'POST' && target.startsWith(plain.url)))
  assert.ok(proxy.seen.some(({ method, target }) => method === 'GET' && target.startsWith(`${source.url}/ipfs/`)))

  // What it was told it may say to us: nobody else hears it.
  proxy.answer = (q) => refusal(`${q.headers['proxy-authorization']} of ${KEYS.proxyUser} with ${KEYS.proxyPassword}`)
  await waitSaid(gateway, { plain: /Basic \*\*\* of \*\*\* with \*\*\*/ })
  await assertNothingShows(gateway)
})

test('own-authority: https by ca-file works; without it, expired, of another host, or of an old TLS, it does not, and says why', async (t) => {
  const world = await makeStory(t)
  const authority = await makeAuthority(world.otherDir('ca'))
  const front = (tls) => startFront(t, world.chain.url, { tls })
  const good = await front(await authority.issue())
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const bad = {
    expired: [await front(await authority.issue({ days: -1 })), /expired/],
    elsewhere: [await front(await authority.issue({ name: 'DNS:rpc.example' })), /127\.0\.0\.1/],
    stranger: [await front(await (await makeAuthority(world.otherDir('other'))).issue()), /certificate/],
    old: [await front({ ...await authority.issue(), ...old }), /protocol version/],
  }
  // The old one does speak, with whom takes it.
  const client = connectTls({ port: bad.old[0].port, host: '127.0.0.1', rejectUnauthorized: false, ...old, minVersion: 'TLSv1' })
  await once(client, 'secureConnect')
  assert.equal(client.getProtocol(), 'TLSv1.1')
  client.destroy()

  const provider = (name, { url }) => ({ name, url, operator: name })
  const badOnes = Object.entries(bad).map(([name, [one]]) => provider(name, one))
  const options = { sources: [{ name: 'own', url: world.source.url }], chain: { anchor: 'quorum:1' } }
  const trusting = { ...options, extra: network({ 'ca-file': authority.file }) }
  const gateway = await world.gateway({ config: { ...options, providers: [provider('good', good)] } })
  await waitErrors(gateway, { good: /certificate/ })
  assert.equal(good.requests.length, 0)

  await gateway.restart(world.config({ config: { ...trusting, providers: badOnes } }))
  await waitErrors(gateway, Object.fromEntries(Object.entries(bad).map(([name, [, error]]) => [name, error])))
  assert.deepEqual(await gateway.releases(PRODUCT), [])
  for (const [name, [one]] of Object.entries(bad)) assert.equal(one.requests.length, 0, name)

  await gateway.restart(world.config({ config: { ...trusting, providers: [...badOnes, provider('good', good)] } }))
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await waitErrors(gateway, Object.fromEntries(Object.entries(bad).map(([name, [, error]]) => [name, error])))
  for (const [name, [one]] of Object.entries(bad)) assert.equal(one.requests.length, 0, name)
})

const escaped = (text) => [...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
const percent = (text) => [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')
const everything = ({ url, headers }) => `${url} ${decodeURIComponent(url)} ${headers.authorization} ${KEYS.user} ${KEYS.password}`
const html = (status, headers = {}) => (q) => ({ status, headers: { 'content-type': 'text/html', ...headers }, body: `<p>${everything(q)}</p>` })
/** The message is JSON text already: it may have escapes. */
const saying = (message, code = -32000) => (q) => {
  const asked = JSON.parse(q.body)
  const one = ({ id }) => `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":"${message(q)}"}}`
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Array.isArray(asked) ? `[${asked.map(one)}]` : one(asked) }
}
/** The same to whatever was asked. */
const refusal = (message) => JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } })
/** Blocks with a field of a name that may be a key. */
const withField = (name) => (q, reply) => {
  const said = JSON.parse(reply.body)
  for (const { result } of [said].flat())
    if (result?.stateRoot) Object.assign(result, { [name]: '0x1', gasUsed: '0x1' })
  return { ...reply, body: JSON.stringify(said) }
}
const results = (result) => (q) => {
  const asked = JSON.parse(q.body)
  const one = ({ id }) => ({ jsonrpc: '2.0', id, result })
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(Array.isArray(asked) ? asked.map(one) : one(asked)) }
}

/** How a provider can fail while it holds a key, and what is to be seen of it all the same. */
const FAILURES = {
  500: [html(500), /status 500/],
  401: [(q) => html(401, { 'www-authenticate': `Basic realm="${KEYS.path}"` })(q), /status 401/],
  429: [html(429, { 'retry-after': '1' }), /status 429/],
  redirect: [(q) => html(302, { location: q.url })(q), /status 302/],
  page: [html(200), /JSON/],
  word: [() => ({ status: 200, headers: {}, body: KEYS.path }), /JSON/],
  echo: [saying(everything), /error -32000: .*\*\*\*/],
  escapes: [saying(() => `no ${escaped(KEYS.path)}!`), /error -32000: no \*\*\*!/],
  parts: [saying(() => `${percent(KEYS.path)} begins with ${KEYS.path.slice(0, 9)} and ends`), /: \*\*\* begins with \*\*\* and/],
  cut: [saying(() => `${'x'.repeat(110)}${KEYS.path}`), /x\*\*\*$/],
  login: [saying((q) => `bad ${q.headers.authorization} of ${KEYS.user} ${KEYS.password} ${encodeURIComponent(KEYS.password)}`),
    /bad Basic \*\*\* of \*\*\* \*\*\* \*\*\*$/],
  results: [results(KEYS.path), /garbage/],
}

test('keys-in-urls: providers and sources get them, and however they fail nobody sees them', async (t) => {
  const world = await makeStory(t)
  const front = (before, upstream = world.chain.url, options = {}) => startFront(t, upstream, { before, ...options })
  const honest = await front(() => undefined, world.chain.url, { rewrite: () => '/' })
  const source = await front(() => undefined, world.source.url, { rewrite: (url) => url.replace(`/${KEYS.source}`, '') })
  const echoing = await front((q) => ({ status: 200, headers: { 'content-type': `${KEYS.source}/${q.headers.authorization.split(' ')[1]}` }, body: q.url }))
  const failing = await Promise.all(Object.entries(FAILURES).map(async ([name, [before]]) => ({ name, url: (await front(before)).url })))
  const fork = await front(() => undefined, world.chain.url, { rewrite: () => '/', tamper: withField(KEYS.path) })
  const filed = await front(saying((q) => `sorry, ${q.url}`))
  await writeFile(world.otherDir('filed.url'), `${keyed(filed.url)}\n`)
  const providers = [
    { name: 'honest', url: honest.url }, { name: 'fork', url: fork.url }, ...failing,
    { name: 'refused', url: 'http://127.0.0.1:1' },
  ].map(({ name, url }) => ({ name, url: keyed(url), operator: name }))
  const gateway = await world.gateway({ config: {
    providers, chain: { anchor: 'quorum:1' },
    sources: [
      { name: 'echoing', url: `${echoing.url}/${KEYS.source}`, token: KEYS.token, priority: 1 },
      { name: 'own', url: `${source.url}/${KEYS.source}`, token: KEYS.token, priority: 2 },
    ],
    extra: `[provider filed]\nurl-file = filed.url\noperator = filed\n`,
  } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const [asked] = honest.requests
  assert.equal(asked.url, `/v2/${KEYS.path}/rpc?apikey=${KEYS.query}`)
  assert.equal(asked.headers.authorization, `Basic ${BASIC}`)
  assert.equal(source.requests[0].headers.authorization, `Bearer ${KEYS.token}`)

  const expected = { ...Object.fromEntries(Object.entries(FAILURES).map(([name, [, seen]]) => [name, seen])),
    refused: /127\.0\.0\.1/, fork: /unknown ones are there \(\*\*\*/, filed: /sorry, \/v2\/\*\*\*/ }
  await waitSaid(gateway, expected)
  const { alarms, sources: [first] } = await gateway.status()
  assert.match(alarms.find(({ code, subject }) => code === 'new-fork' && subject === 'fork').detail, /\(\*\*\*/)
  assert.match(first.last_error, /answers with \*\*\*\/\*\*\*/)
  await assertNothingShows(gateway)
  await gateway.restart()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  await assertNothingShows(gateway)
})

test('configuration-with-keys: what is wrong is said by its place, not by its text', async (t) => {
  const dir = await tempDir(t)
  const key = `${KEYS.user}:${KEYS.password}@rpc.example/${KEYS.path}`
  const wrong = [
    [`url = ftp://${key}`, /:2: url: must be a URL/],
    [`url = http://${key} ${KEYS.query}`, /:2: url: must be a URL/],
    [`urll = http://${key}`, /:2: unknown key "urll"/],
    [`http://${key}?apikey=${KEYS.query}`, /:2: a key is made of/],
    [`url-file = http://${key}`, /:2: url-file: must be the name of a file/],
    [`operator = a\n[network]\nproxy = http://${key}`, /:4: proxy: must be/],
    [`operator = a\n[network]\nproxy = socks5://${key}`, /:4: proxy: must be/],
    [`operator = a\n[source own]\nurl = http://rpc.example\ntoken = ${KEYS.token} x`, /:5: token: must be/],
    [`operator = a\n[source own]\nentries = http://${key}`, /:4: entries: must name/],
  ]
  for (const [line, says] of wrong) {
    const file = join(dir, 'gatepost.conf')
    await writeFile(file, `[provider one]\n${line}\n`)
    const { code, stdout, stderr } = await run(program('gatepostd'), ['-T', '-c', file])
    assert.notEqual(code, 0, line)
    assert.match(stderr, says)
    assertNoKeys(stdout + stderr, line)
  }
})

test('tls-failure-with-keys: a failed handshake does not show them', async (t) => {
  const world = await makeStory(t)
  const plain = await startFront(t, world.chain.url)
  const stranger = await startFront(t, world.chain.url, { tls: await (await makeAuthority(world.otherDir('other'))).issue() })
  const secure = (name, url) => ({ name, url: keyed(url.replace('http:', 'https:')), operator: name })
  const gateway = await world.gateway({ config: { chain: { anchor: 'quorum:1' },
    providers: [secure('plain', plain.url), secure('stranger', stranger.url)],
    sources: [{ name: 'own', url: world.source.url }] } })
  await waitErrors(gateway, { plain: /SSL|TLS/i, stranger: /certificate/ })
  await assertQuiet(gateway)
})

test('another-chain: a provider that becomes another is named, not used, and welcome when it is itself again', async (t) => {
  const world = await makeStory(t)
  const fives = await startAnvil({ chainId: 5 })
  const twin = await startAnvil({ args: ['--timestamp', '1600000000'] })
  for (const chain of [fives, twin]) t.after(() => chain.stop())
  const before = await startFront(t, world.chain.url)
  const gateway = await world.gateway({ config: { providers: [{ name: 'one', url: before.url, operator: 'alpha' }] } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const second = await world.publish()
  const codes = async () => (await gateway.status()).alarms.map(({ code }) => code)
  const identity = new Set(['eth_chainId', 'eth_getHeaderByNumber', 'eth_getBlockByNumber'])

  const become = async (front, chain) => {
    await front.stop()
    return startFront(t, chain.url, { port: front.port })
  }
  await before.stop()
  await waitErrors(gateway, { one: /./ })
  await world.finalize()
  const wrong = await become(before, fives)
  await waitFor('the alarm for the chain id', async () => (await codes()).includes('chain-id'))
  const [alarm] = (await gateway.status()).alarms.filter(({ code }) => code === 'chain-id')
  assert.equal(alarm.subject, 'one')
  assert.match(alarm.detail, /5 instead of 31337/)
  await assertServed(gateway, world.first)

  const other = await become(wrong, twin)
  await waitFor('the alarm for the genesis block', async () => (await codes()).includes('genesis'))
  assert.ok(!(await codes()).includes('chain-id'), 'its id is right')
  await assertServed(gateway, world.first)
  await gateway.restart()
  await waitFor('the same alarm after a restart', async () => (await codes()).includes('genesis'))
  await assertServed(gateway, world.first)
  assert.notEqual((await gateway.release(PRODUCT, 2))?.state, 'active')
  for (const front of [wrong, other])
    assert.deepEqual([...methodsOf(front)].filter((method) => !identity.has(method)), [], 'asked who it is, and nothing else')

  await become(other, world.chain)
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await assertServed(gateway, second)
  assert.deepEqual((await codes()).filter((code) => ['chain-id', 'genesis'].includes(code)), [])
})

test('freshness: fresh while proofs are young, stale when they are old, fresh again; no uplink and a restart change nothing', async (t) => {
  const world = await makeStory(t, { chain: { args: ['--timestamp', String(Math.floor(Date.now() / 1000) - 7200)] } })
  const front = await startFront(t, world.chain.url)
  const config = (maxAge) => ({ config: { chain: { 'max-age': maxAge }, providers: [{ name: 'one', url: front.url, operator: 'alpha' }] } })
  const gateway = await world.gateway(config('60m'))
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const is = (freshness) => waitFor(`everybody to say ${freshness}`, async () => {
    const seen = [(await gateway.status()).freshness, (await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-freshness')]
    if (seen.some((one) => one !== freshness)) throw new Error(seen.join(', '))
    return true
  })
  await is('stale')
  assert.ok((await gateway.status()).chain.verified.age_s > 3600)

  await world.chain.rpc('evm_setNextBlockTimestamp', Math.floor(Date.now() / 1000) - 600)
  const second = await world.publish()
  await world.finalize()
  await gateway.waitRelease(PRODUCT, 2, 'active')
  await is('fresh')
  await assertServed(gateway, second)

  // Ten minutes and a little are the proof's age, whoever may be asked now: that, and only that, decides.
  const proven = async () => (await gateway.status()).chain.verified.number
  const stored = await proven()
  await world.chain.mine(3)
  await waitFor('a proof in which nothing is new', async () => await proven() > stored)
  await front.stop()
  await waitErrors(gateway, { one: /./ })
  await is('fresh')
  const last = await proven()
  await gateway.restart()
  await is('fresh')
  assert.equal(await proven(), last, 'not the one that was stored with something new')
  await gateway.restart(world.config(config('10m')))
  await is('stale')
  await gateway.restart(world.config(config('15m')))
  await is('fresh')
})

test('freshness-passes: with the way out gone the same gateway becomes stale by itself, and fresh by the first proof when it is back', async (t) => {
  const world = await makeStory(t)
  const front = await startFront(t, world.chain.url)
  const gateway = await world.gateway({ config: { chain: { 'max-age': '3s' }, providers: [{ name: 'one', url: front.url, operator: 'alpha' }] } })
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const becomes = (freshness, probe = () => true) => waitFor(freshness, async () => {
    await probe()
    return (await gateway.status()).freshness === freshness
  })
  const proof = () => world.chain.mine(3) // what is final is two behind
  await becomes('fresh', proof)
  await front.stop()
  await becomes('stale')
  assert.equal((await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-freshness'), 'stale')
  await assertServed(gateway, world.first)
  await startFront(t, world.chain.url, { port: front.port })
  await becomes('fresh', proof)
})

test('freshness-future: blocks of days to come are believed to be final, never fresh', async (t) => {
  const world = await makeStory(t, { chain: { args: ['--timestamp', String(Math.floor(Date.now() / 1000) + 2 * 86400)] } })
  const gateway = await world.gateway()
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const status = await waitFor('a proof', async () => {
    const s = await gateway.status()
    return s.chain.products_proven === 1 && s
  })
  assert.equal(status.freshness, 'unknown')
  assert.equal((await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-freshness'), 'unknown')
  await assertServed(gateway, world.first)
  await gateway.restart()
  assert.equal((await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-freshness'), 'unknown')
})

test('freshness-clock: nobody vouches for the clock at boot, then the operator does', async (t) => {
  const world = await makeStory(t)
  const config = (clock) => ({ config: { gateway: { clock } } })
  const gateway = await world.gateway(config('kernel'))
  await gateway.waitRelease(PRODUCT, 1, 'active')
  const { clock, freshness } = await gateway.status()
  assert.equal(freshness, clock === 'synced' ? 'fresh' : 'unknown')
  await assertServed(gateway, world.first)
  await gateway.restart(world.config(config('trusted')))
  assert.equal((await gateway.status()).freshness, 'fresh')
  assert.equal((await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-freshness'), 'fresh')
})
