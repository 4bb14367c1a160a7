// The CoAP front on a network of its own: real neighbours and strangers, IPv6 groups, rates. In a network namespace, so
// that nothing leaves this machine and nothing of it is changed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { NON, OPTION, codeName, encode, openClient, pathOptions, readUint } from '../support/coap.mjs'
import { startCoapd } from '../support/coapd.mjs'
import { run } from '../support/process.mjs'
import { waitFor } from '../support/wait.mjs'

const INSIDE = 'GATEPOST_TEST_NETNS'
// One interface, with a neighbourhood; and an address beside it that is no part of that.
const SETUP = `
  ip link set lo up &&
  ip link add gp0 type veth peer name gp1 &&
  (echo 0 > /proc/sys/net/ipv6/conf/gp0/accept_dad; true) &&
  ip link set gp0 up && ip link set gp1 up &&
  ip addr add 192.0.2.1/24 dev gp0 && ip addr add 192.0.2.9/24 dev gp0 &&
  ip addr add 198.51.100.7/32 dev lo &&
  exec "$0" "$@"`

async function client(t, port, options) {
  const c = await openClient(port, options)
  t.after(() => c.close())
  return c
}

function tests() {
  for (const group of ['ff02::fd', 'ff05::fd'])
    test(`the group ${group}`, async (t) => {
      const server = await startCoapd(t, { address: '::' })
      const c = await client(t, server.port, { family: 'udp6', host: '::1' })
      c.socket.setMulticastInterface('::%gp0')
      const token = Buffer.from('six')
      await c.send(encode({ type: NON, id: c.nextId(), token, options: pathOptions('/.well-known/core') }), `${group}%gp0`)
      const reply = await waitFor('the reply to the group', () => c.others.find((r) => r.token.equals(token)))
      assert.equal(codeName(reply.code), '2.05')
      assert.doesNotMatch(reply.from.address, /^ff/)
    })

  test('the IPv4 group, from a neighbour', async (t) => {
    const server = await startCoapd(t, { address: '0.0.0.0' })
    const c = await client(t, server.port, { bind: '192.0.2.9' })
    c.socket.setMulticastInterface('192.0.2.9')
    const token = Buffer.from('four')
    await c.send(encode({ type: NON, id: c.nextId(), token, options: pathOptions('/.well-known/core') }), '224.0.1.187')
    const reply = await waitFor('the reply to the group', () => c.others.find((r) => r.token.equals(token)))
    assert.equal(reply.from.address, '192.0.2.1')
  })

  test('neighbours need no Echo, others do', async (t) => {
    const server = await startCoapd(t, { address: '192.0.2.1' })
    const neighbour = await client(t, server.port, { host: '192.0.2.1', bind: '192.0.2.9' })
    const stranger = await client(t, server.port, { host: '192.0.2.1', bind: '198.51.100.7' })
    assert.equal(codeName((await neighbour.ask('/fw/acme/lamp/image')).code), '2.05')
    const refused = await stranger.ask('/fw/acme/lamp/image')
    assert.equal(codeName(refused.code), '4.01')
    const echo = refused.options.get(OPTION.ECHO)[0]
    assert.equal(codeName((await stranger.ask('/fw/acme/lamp/image', { options: [[OPTION.ECHO, echo]] })).code), '2.05')
  })

  test('a flood from one host leaves its neighbour alone, and draws no more bytes than it sent', async (t) => {
    const server = await startCoapd(t, { address: '192.0.2.1' })
    const flooder = await client(t, server.port, { host: '192.0.2.1', bind: '198.51.100.7' })
    const device = await client(t, server.port, { host: '192.0.2.1', bind: '192.0.2.9' })
    let sent = 0
    for (let i = 0; i < 50_000; i++) {
      const bytes = encode({ id: i & 0xffff, options: pathOptions('/fw/acme/lamp/image') })
      sent += bytes.length
      flooder.socket.send(bytes, server.port, '192.0.2.1')
      if (i % 500 === 0) {
        const reply = await device.ask('/fw/acme/lamp', { tries: 1, wait_ms: 10_000 })
        assert.equal(codeName(reply.code), '2.05')
      }
    }
    const drawn = flooder.others.reduce((sum, reply) => sum + reply.bytes.length, 0)
    assert.ok(flooder.others.length > 0 && drawn <= 3 * sent, `${drawn} bytes for ${sent}`)
    assert.ok(flooder.others.every((r) => codeName(r.code) === '4.01'))
  })

  test('a neighbour that asks too often is told so', async (t) => {
    const server = await startCoapd(t, { address: '192.0.2.1' })
    const c = await client(t, server.port, { host: '192.0.2.1', bind: '192.0.2.9' })
    let asked = 0
    const told = await waitFor('4.29', async () => {
      for (let i = 0; i < 1000; i++, asked++)
        c.socket.send(encode({ id: asked & 0xffff, options: pathOptions('/fw/acme/lamp/info') }), server.port, '192.0.2.1')
      await new Promise(setImmediate)
      return c.others.find((r) => codeName(r.code) === '4.29')
    }, { every_ms: 1, deadline_ms: 60_000 })
    assert.equal(readUint(told.options.get(OPTION.MAX_AGE)[0]), 1)
    assert.ok(asked >= 20_000, `a burst of ${asked} was let through`)
  })
}

if (process.env[INSIDE]) {
  tests()
} else {
  const possible = spawnSync('unshare', ['-rn', 'true']).status === 0
  test('on a network of its own', { skip: possible ? false : 'no right to make a network namespace' }, async () => {
    const env = { [INSIDE]: '1', NODE_TEST_CONTEXT: undefined } // else its report would go to our own runner
    const { code, stdout, stderr } = await run('unshare',
      ['-rn', 'sh', '-c', SETUP, process.execPath, '--test', fileURLToPath(import.meta.url)], { env, deadline_ms: 180_000 })
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /# pass [1-9]/)
  })
}
