// The CoAP front under our own hand-made messages: blocks in any order, validation, addresses, groups, strangers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ACK, CON, NON, OPTION, POST, RST, block, codeName, encode, openClient, pathOptions, readUint, uint,
} from '../support/coap.mjs'
import { sha256, startCoapd } from '../support/coapd.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'

const IMAGE = '/fw/acme/lamp/image'
const MANIFEST = '/fw/acme/lamp'

async function client(t, port, options) {
  const c = await openClient(port, options)
  t.after(() => c.close())
  return c
}

test('blocks in random order, of every size, mixed within one transfer', async (t) => {
  const server = await startCoapd(t, { size: 70_001 })
  const c = await client(t, server.port)
  const rnd = random(7)
  const got = Buffer.alloc(server.image.length)
  const missing = new Set(Array.from({ length: Math.ceil(got.length / 16) }, (_, i) => i)) // in units of 16 bytes
  const etag = sha256(server.image).subarray(0, 8)
  while (missing.size) {
    const [first] = missing
    const szx = rnd.below(7)
    const unit = rnd.bool() ? rnd.below(Math.ceil(got.length / 16)) : first
    const number = Math.floor(unit / 2 ** szx)
    const offset = number * 16 * 2 ** szx
    const reply = await c.ask(IMAGE, { options: [[OPTION.BLOCK2, block(number, szx)]] })
    assert.equal(codeName(reply.code), '2.05')
    assert.deepEqual(reply.options.get(OPTION.ETAG), [etag])
    const expected = server.image.subarray(offset, offset + 16 * 2 ** szx)
    assert.ok(reply.payload.equals(expected), `block ${number} of szx ${szx}`)
    const answered = readUint(reply.options.get(OPTION.BLOCK2)[0])
    assert.equal(answered, number * 16 + szx + (offset + expected.length < got.length ? 8 : 0))
    reply.payload.copy(got, offset)
    for (let u = offset / 16; u * 16 < offset + expected.length; u++) missing.delete(u)
  }
  assert.ok(got.equals(server.image))
})

test('block numbers around 4095/4096 and 65535/65536', async (t) => {
  const server = await startCoapd(t, { size: 65537 * 16 + 5 })
  const c = await client(t, server.port)
  for (const number of [0, 15, 16, 4095, 4096, 65535, 65536, 65537]) {
    const reply = await c.ask(IMAGE, { options: [[OPTION.BLOCK2, block(number, 0)]] })
    assert.ok(reply.payload.equals(server.image.subarray(number * 16, number * 16 + 16)), `block ${number}`)
  }
  const past = await c.ask(IMAGE, { options: [[OPTION.BLOCK2, block(65538, 0)]] })
  assert.equal(codeName(past.code), '4.00')
})

test('an ETag that still stands is answered 2.03, another with the body', async (t) => {
  const server = await startCoapd(t)
  const c = await client(t, server.port)
  const first = await c.ask(IMAGE)
  const [etag] = first.options.get(OPTION.ETAG)
  assert.equal(readUint(first.options.get(OPTION.SIZE2)[0]), server.image.length)
  assert.ok(first.payload.equals(server.image.subarray(0, 1024)), 'block 0 is offered')
  const same = await c.ask(IMAGE, { options: [[OPTION.ETAG, etag]] })
  assert.equal(codeName(same.code), '2.03')
  assert.equal(same.payload.length, 0)
  assert.deepEqual(same.options.get(OPTION.ETAG), [etag])
  const other = await c.ask(IMAGE, { options: [[OPTION.ETAG, Buffer.from('otherone')]] })
  assert.equal(codeName(other.code), '2.05')
})

test('a thousand devices asking at the same moment: all are answered at the first try', async (t) => {
  const server = await startCoapd(t)
  const clients = await Promise.all(Array.from({ length: 1000 }, () => openClient(server.port)))
  t.after(() => clients.forEach((c) => c.close()))
  const replies = await Promise.all(clients.map((c, i) =>
    c.ask(IMAGE, { tries: 1, wait_ms: 20000, options: [[OPTION.BLOCK2, block(i % 90, 6)]] })))
  assert.equal(replies.filter((r) => !r).length, 0, 'lost')
  replies.forEach((r, i) => assert.ok(r.payload.equals(server.image.subarray(i % 90 * 1024, (i % 90 + 1) * 1024))))
})

test('replies come from the address that was asked', async (t) => {
  const server = await startCoapd(t, { address: '0.0.0.0' })
  const c = await client(t, server.port)
  for (const to of ['127.0.0.1', '127.0.0.2', '127.3.2.1']) {
    const reply = await c.ask(MANIFEST, { to })
    assert.equal(reply.from.address, to)
    assert.equal(codeName(reply.code), '2.05')
  }
})

test('IPv6, and IPv4 through the same socket', async (t) => {
  const server = await startCoapd(t, { address: '::' })
  const six = await client(t, server.port, { host: '::1', family: 'udp6' })
  assert.equal(codeName((await six.ask(MANIFEST)).code), '2.05')
  const four = await client(t, server.port)
  const reply = await four.ask(MANIFEST, { to: '127.0.0.2' })
  assert.equal(codeName(reply.code), '2.05')
  assert.equal(reply.from.address, '127.0.0.2')
})

test('a group hears who is there, after a while, and nothing else', async (t) => {
  const server = await startCoapd(t, { address: '0.0.0.0' })
  const c = await client(t, server.port, { bind: '127.0.0.1' })
  c.socket.setMulticastInterface('127.0.0.1')
  const token = Buffer.from('grp')
  const ask = (message) => c.send(encode({ type: NON, id: c.nextId(), token, ...message }), '224.0.1.187')
  await ask({ options: pathOptions(IMAGE), token: Buffer.from('img') })
  await ask({ options: [...pathOptions('/.well-known/core'), [OPTION.URI_QUERY, Buffer.from('rt=nothing.here')]], token: Buffer.from('non') })
  await ask({ type: CON, options: pathOptions('/.well-known/core'), token: Buffer.from('con') })
  // As many as may wait for their moment (COAP_DELAYED_MAX): an answer to one of those above would take one's place.
  const wanted = 32
  for (let i = 0; i < wanted; i++) await ask({ options: pathOptions('/.well-known/core') })
  const replies = await waitFor('the replies to the group', () => {
    const all = c.others.filter((r) => r.token.equals(token))
    return all.length === wanted ? all : Promise.reject(new Error(`${all.length} replies`))
  })
  const [reply] = replies
  assert.equal(reply.type, NON)
  assert.equal(codeName(reply.code), '2.05')
  assert.match(reply.payload.toString(), /<\/fw\/acme\/lamp>;rt="gatepost\.manifest"/)
  assert.notEqual(reply.from.address, '224.0.1.187')
  assert.deepEqual(c.others.filter((r) => !r.token.equals(token)), [])
})

test('a stranger gets little until it has returned an Echo', async (t) => {
  const server = await startCoapd(t, { trusted: 'none' })
  const c = await client(t, server.port)
  const refused = await c.ask(IMAGE)
  assert.equal(codeName(refused.code), '4.01')
  assert.ok(refused.bytes.length <= 3 * refused.requestBytes.length)
  const [echo] = refused.options.get(OPTION.ECHO)
  const other = await client(t, server.port)
  assert.equal(codeName((await other.ask(IMAGE, { options: [[OPTION.ECHO, echo]] })).code), '4.01', 'not with another port')
  assert.equal(codeName((await c.ask(IMAGE, { options: [[OPTION.ECHO, echo]] })).code), '2.05')
  assert.equal(codeName((await c.ask(IMAGE, { options: [[OPTION.BLOCK2, block(7, 6)]] })).code), '2.05', 'and is known then')
})

test('prefixes that the operator names need no Echo', async (t) => {
  const server = await startCoapd(t, { trusted: '127.0.0.0/9, ::1' })
  const inside = await client(t, server.port)
  const outside = await client(t, server.port, { bind: '127.200.0.1' })
  assert.equal(codeName((await inside.ask(IMAGE)).code), '2.05')
  assert.equal(codeName((await outside.ask(IMAGE)).code), '4.01')
})

test('a report is carried out once, however often it comes', async (t) => {
  const server = await startCoapd(t)
  const c = await client(t, server.port)
  const message = encode({
    code: POST, id: 4711, token: Buffer.from('rp'), options: pathOptions('/fw/acme/lamp/report'), payload: Buffer.from('slow'),
  })
  for (let i = 0; i < 3; i++) await c.send(message)
  // The second and third were told that it is being worked on, so the answer comes on its own.
  const answer = await waitFor('the answer', () => c.others.find((r) => r.code !== 0))
  assert.equal(codeName(answer.code), '2.04')
  assert.equal(answer.type, CON)
  await c.send(encode({ type: ACK, code: 0, id: answer.id }))
  assert.ok(c.others.some((r) => r.type === ACK && r.code === 0 && r.id === 4711))
  await c.send(message)
  await waitFor('another acknowledgement', () => c.others.filter((r) => r.type === ACK && r.id === 4711).length >= 3)
  assert.equal(c.others.filter((r) => r.code !== 0).length, 1)
})

test('a report in pieces', async (t) => {
  const server = await startCoapd(t)
  const c = await client(t, server.port)
  const send = (number, more, payload) => c.ask('/fw/acme/lamp/report',
    { code: POST, payload: Buffer.from(payload), options: [[OPTION.BLOCK1, block(number, 0, more)]] })
  assert.equal(codeName((await send(0, true, '0123456789abcdef')).code), '2.31')
  assert.equal(codeName((await send(2, false, 'x')).code), '4.08')
  assert.equal(codeName((await send(0, true, '0123456789abcdef')).code), '2.31')
  const last = await send(1, false, 'end')
  assert.equal(codeName(last.code), '2.04')
  assert.equal(readUint(last.options.get(OPTION.BLOCK1)[0]), 16)
})

test('an observer hears of a new manifest, and a reset ends it', async (t) => {
  const server = await startCoapd(t)
  const c = await client(t, server.port)
  const first = await c.ask(MANIFEST, { options: [[OPTION.OBSERVE, uint(0)]], token: Buffer.from('ob') })
  assert.ok(first.options.has(OPTION.OBSERVE))
  assert.ok(first.payload.equals(server.manifest))
  const second = random(20).bytes(300)
  await server.newManifest(second)
  const told = await waitFor('a notification', () => c.others.find((r) => r.token.toString() === 'ob'))
  assert.ok(told.payload.equals(second))
  assert.ok(readUint(told.options.get(OPTION.OBSERVE)[0]) > readUint(first.options.get(OPTION.OBSERVE)[0]))
  await c.send(encode({ type: RST, code: 0, id: told.id }))
  await c.ask(MANIFEST) // the reset has arrived before this was answered
  await server.newManifest(random(21).bytes(300))
  await waitFor('the new manifest', async () => (await c.ask(MANIFEST)).payload.equals(random(21).bytes(300)))
  assert.equal(c.others.filter((r) => r.token.toString() === 'ob').length, 1)
})

test('what is no request draws nothing, what is broken a reset', async (t) => {
  const server = await startCoapd(t)
  const c = await client(t, server.port)
  for (const hex of ['60450001ff41', '40450002ff41', '70000003', '60000004', '50000005', '5001000600ff', '00010007', '400100'])
    await c.send(Buffer.from(hex, 'hex'))
  await c.send(Buffer.from('4001000af0', 'hex'))
  await c.send(Buffer.from('4000000b', 'hex'))
  assert.equal(codeName((await c.ask(MANIFEST)).code), '2.05')
  assert.deepEqual(c.others.map((r) => [r.type, r.code, r.id]), [[RST, 0, 10], [RST, 0, 11]])
})
