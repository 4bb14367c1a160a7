// operator.test.mjs: the operator's listener: who may ask at all, and what the server answers without its keeper.
import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { raw, startStand } from '../support/http-stand.mjs'
import { waitFor } from '../support/wait.mjs'

const GOOD = { Authorization: 'Bearer good' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

async function serve(t, settings) {
  const stand = await startStand(t, settings)
  await stand.publish(Buffer.from('image'))
  await stand.start()
  return stand
}

/** fetch() chooses Host and Origin itself; this does not. */
function ask(stand, path, { method = 'GET', headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: stand.operatorPort, path, method, headers, agent }, (response) => {
      const parts = []
      response.on('data', (part) => parts.push(part))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

function assertProblem(reply, status) {
  assert.equal(reply.status, status)
  assert.equal(reply.headers['content-type'], 'application/problem+json')
  const problem = JSON.parse(reply.text)
  assert.equal(problem.status, status)
  assert.ok(problem.type && problem.title && problem.detail)
}

test('calls reach the keeper as they are, and its answers come back', async (t) => {
  const stand = await serve(t)
  const get = await ask(stand, '/api/v1/x/echo?a=%41&b', { headers: GOOD })
  assert.equal(get.status, 200)
  const echo = await ask(stand, '/api/v1/echo', { headers: GOOD })
  assert.deepEqual(JSON.parse(echo.text), { method: 1, path: '/api/v1/echo', address: '127.0.0.1', body: '' })
  assert.equal(echo.headers['content-type'], 'application/json')
  assert.equal(echo.headers['cache-control'], 'no-store')
  assert.equal(JSON.parse(get.text).path, '/api/v1/x/echo?a=%41&b', 'the query undecoded')
  const post = await ask(stand, '/api/v1/echo', { method: 'POST', headers: { ...GOOD, ...JSON_TYPE }, body: '{"x":1}' })
  assert.deepEqual(JSON.parse(post.text), { method: 3, path: '/api/v1/echo', address: '127.0.0.1', body: '{"x":1}' })
  for (const [method, number] of [['PUT', 4], ['DELETE', 5]]) {
    const headers = { ...GOOD, ...JSON_TYPE, 'Content-Length': 2 } // node frames a DELETE's body only when told its length
    const reply = await ask(stand, '/api/v1/echo', { method, headers, body: '{}' })
    assert.equal(JSON.parse(reply.text).method, number)
  }
  assert.equal((await ask(stand, '/metrics', { headers: GOOD })).status, 200)
  const large = await ask(stand, '/api/v1/large', { headers: GOOD })
  assert.equal(large.text, 'x'.repeat(100000), 'by memfd')
  const readOnly = await ask(stand, '/api/v1/read-only', { headers: GOOD })
  assert.equal(readOnly.status, 405)
  assert.equal(readOnly.headers.allow, 'GET')
})

test('no token, a wrong one, ten wrong ones; a good one always passes', async (t) => {
  const stand = await serve(t)
  const none = await ask(stand, '/api/v1/echo')
  assert.equal(none.status, 401)
  assert.equal(none.headers['www-authenticate'], 'Bearer')
  for (let i = 0; i < 10; i++) {
    const wrong = await ask(stand, '/api/v1/echo', { headers: { Authorization: `Bearer wrong${i}` } })
    assert.equal(wrong.status, 401, `${i}`)
    assert.equal(wrong.headers['www-authenticate'], 'Bearer')
  }
  const limited = await ask(stand, '/api/v1/echo', { headers: { Authorization: 'Bearer wrong' } })
  assertProblem(limited, 429)
  assert.ok(Number(limited.headers['retry-after']) > 0 && Number(limited.headers['retry-after']) <= 60)
  assert.equal((await ask(stand, '/api/v1/echo', { headers: GOOD })).status, 200)
  assert.equal((await ask(stand, '/api/v1/echo')).status, 401, 'no token is no guess')
  assert.equal((await ask(stand, '/api/v1/echo', { headers: { Authorization: 'Basic Z29vZA==' } })).status, 401)
  assert.equal((await ask(stand, '/api/v1/echo', { headers: { Authorization: `Bearer ${'x'.repeat(3000)}` } })).status, 429)
})

test('a Host that is not ours: 421', async (t) => {
  const stand = await serve(t, { 'operator.hosts': 'gatepost.lan porch' })
  const port = stand.operatorPort
  for (const host of [`127.0.0.1:${port}`, '127.0.0.1', `localhost:${port}`, 'gatepost.lan', `Porch:${port}`]) {
    assert.equal((await ask(stand, '/healthz', { headers: { Host: host } })).status, 200, host)
  }
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.2', '10.0.0.1', '[::1]', 'localhost.evil.example', '']) {
    for (const path of ['/healthz', '/', '/api/v1/echo']) {
      const { text } = await raw(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer good\r\n\r\n`)
      assert.match(text, /^HTTP\/1\.1 421 /, `${host} ${path}`)
    }
  }
  const absolute = await raw(port, 'GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(absolute.text, /^HTTP\/1\.1 421 /, 'the target\'s authority counts, not Host (RFC 9112, 3.2.2)')
  assert.match((await raw(port, 'GET /healthz HTTP/1.0\r\n\r\n')).text, /^HTTP\/1\.1 421 /)
})

test('sent by another page: 403', async (t) => {
  const stand = await serve(t)
  const own = `http://127.0.0.1:${stand.operatorPort}`
  const from = (headers) => ask(stand, '/api/v1/echo', { headers: { ...GOOD, ...headers } })
  assert.equal((await from({ Origin: own })).status, 200)
  assert.equal((await from({ 'Sec-Fetch-Site': 'same-origin' })).status, 200)
  assertProblem(await from({ Origin: 'http://evil.example' }), 403)
  assertProblem(await from({ Origin: 'null' }), 403)
  assertProblem(await from({ 'Sec-Fetch-Site': 'cross-site' }), 403)
  assertProblem(await from({ Origin: own, 'Sec-Fetch-Site': 'cross-site' }), 403)
})

test('bodies: JSON, and 64 KiB at the most', async (t) => {
  const stand = await serve(t)
  const post = (headers, body) => ask(stand, '/api/v1/echo', { method: 'POST', headers: { ...GOOD, ...headers }, body })
  assertProblem(await post({ 'Content-Type': 'text/plain' }, '{}'), 415)
  assertProblem(await post({ 'Content-Type': 'application/x-www-form-urlencoded' }, 'a=b'), 415)
  assertProblem(await post({}, '{}'), 415)
  assert.equal((await post({ 'Content-Type': 'application/json; charset=utf-8' }, '{}')).status, 200)
  assert.equal((await post(JSON_TYPE, `"${'x'.repeat(65534)}"`)).status, 200)
  assertProblem(await post(JSON_TYPE, `"${'x'.repeat(65535)}"`), 413)
  assertProblem(await post({ ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }, `"${'x'.repeat(65535)}"`), 413)
})

test('what is not there, and methods', async (t) => {
  const stand = await serve(t)
  assertProblem(await ask(stand, '/nothing'), 404)
  assertProblem(await ask(stand, '/api/v2/status'), 404)
  assertProblem(await ask(stand, '/fw/acme/lamp'), 404)
  const post = await ask(stand, '/healthz', { method: 'POST', headers: JSON_TYPE, body: '{}' })
  assertProblem(post, 405)
  assert.equal(post.headers.allow, 'GET, HEAD')
  assertProblem(await ask(stand, '/api/v1/echo', { method: 'PATCH', headers: { ...GOOD, ...JSON_TYPE }, body: '{}' }), 405)
  const page = await ask(stand, '/')
  assert.equal(page.status, 200)
  assert.match(page.headers['content-type'], /^text\/html/)
  assert.match(page.headers['content-security-policy'], /default-src 'none'/)
  assert.equal((await ask(stand, '/', { method: 'HEAD' })).text, '')
})

test('the device listener has none of it', async (t) => {
  const stand = await serve(t)
  for (const path of ['/api/v1/status', '/healthz', '/metrics', '/']) {
    assert.equal((await fetch(stand.url + path, { headers: GOOD })).status, 404, path)
  }
})

test('healthz and readyz', async (t) => {
  const stand = await startStand(t)
  await stand.start()
  assert.equal((await ask(stand, '/healthz')).status, 200)
  assertProblem(await ask(stand, '/readyz'), 503)
  await stand.publish(Buffer.from('image'))
  await stand.until('ack')
  assert.equal((await ask(stand, '/readyz')).status, 200)
})

test('the keeper is down: 503, and a status from the server itself', async (t) => {
  const stand = await serve(t, { 'gateway.clock': 'trusted' })
  const waiting = ask(stand, '/api/v1/mute', { headers: GOOD })
  await ask(stand, '/api/v1/echo', { headers: GOOD }) // the keeper has the first one by now
  stand.say('keeper off')
  assertProblem(await waiting, 503)
  assertProblem(await ask(stand, '/api/v1/products', { headers: GOOD }), 503)
  const status = await ask(stand, '/api/v1/status')
  assertProblem(status, 503)
  assert.match(status.headers['retry-after'], /^\d+$/)
  const known = JSON.parse(status.text)
  assert.equal(known.name, 'stand')
  assert.equal(known.freshness, 'fresh')
  assert.equal(known.trust, 'quorum')
  assert.equal(known.chain.verified.number, 5)
  assert.equal(known.alarms[0].code, 'keeper-down')
  assert.deepEqual(known.listeners.http, [`127.0.0.1:${stand.port}`])
  assert.equal(typeof known.sandbox.seccomp, 'boolean')
  assert.equal((await fetch(`${stand.url}/fw/acme/lamp`)).status, 200, 'devices are served on')
  assert.equal((await ask(stand, '/readyz')).status, 200)
  stand.say('keeper on')
  await waitFor('the keeper answers again', async () => (await ask(stand, '/api/v1/echo', { headers: GOOD })).status === 200)
})

test('a flood of devices does not lock the operator out', async (t) => {
  const stand = await serve(t)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
  t.after(() => agent.destroy())
  let over = false
  const flood = Array.from({ length: 16 }, async () => {
    while (!over) await new Promise((resolve) => http.get({ host: '127.0.0.1', port: stand.port, path: '/fw/acme/lamp', agent }, (r) => r.resume().on('end', resolve)).on('error', resolve))
  })
  for (let i = 0; i < 20; i++) assert.equal((await ask(stand, '/api/v1/echo', { headers: GOOD })).status, 200)
  over = true
  await Promise.all(flood)
})
