// The CoAP front with clients that others wrote: libcoap's coap-client and node-coap; and tshark as an independent reader
// of every packet that we send.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { OPTION, POST, block, codeName, encode, openClient, uint } from '../support/coap.mjs'
import { startCoapd } from '../support/coapd.mjs'
import { run } from '../support/process.mjs'
import { random } from '../support/random.mjs'
import { waitFor } from '../support/wait.mjs'

const coap = createRequire(import.meta.url)('coap')
const COAP_CLIENT = 'coap-client-notls'

const url = (server, path) => `coap://127.0.0.1:${server.port}${path}`

/** coap-client's exit status says little; what it wrote says all. */
async function fetchFile(server, path, ...options) {
  const out = join(server.dir, 'got')
  const result = await run(COAP_CLIENT, ['-B', '60', '-o', out, ...options, url(server, path)])
  return { ...result, bytes: await readFile(out).catch(() => null) }
}

describe('coap-client (libcoap)', () => {
  for (const size of [1, 1024, 1025, 300_007])
    test(`an image of ${size} bytes`, async (t) => {
      const server = await startCoapd(t, { size })
      const { bytes } = await fetchFile(server, '/fw/acme/lamp/image')
      assert.ok(bytes.equals(server.image))
    })

  for (const blockSize of [16, 64, 512])
    test(`in blocks of ${blockSize}`, async (t) => {
      const server = await startCoapd(t, { size: 20_003 })
      const { bytes } = await fetchFile(server, '/fw/acme/lamp/image', '-b', String(blockSize))
      assert.ok(bytes.equals(server.image))
    })

  test('as NON', async (t) => {
    const server = await startCoapd(t, { size: 20_003 })
    const { bytes } = await fetchFile(server, '/fw/acme/lamp/image', '-N')
    assert.ok(bytes.equals(server.image))
  })

  test('answers the Echo that a stranger is asked for', async (t) => {
    const server = await startCoapd(t, { trusted: 'none', size: 20_003 })
    const { bytes } = await fetchFile(server, '/fw/acme/lamp/image')
    assert.ok(bytes.equals(server.image))
  })

  test('the listing', async (t) => {
    const server = await startCoapd(t)
    const { bytes } = await fetchFile(server, '/.well-known/core')
    assert.match(bytes.toString(), /^<\/fw\/acme\/lamp>;rt="gatepost\.manifest";ct=42;sz=300;obs,</)
  })

  test('a report, acknowledged at once and late', async (t) => {
    const server = await startCoapd(t)
    for (const body of ['{}', 'slow']) {
      const { stdout, stderr } = await run(COAP_CLIENT,
        ['-v', '7', '-m', 'post', '-e', body, '-B', '20', url(server, '/fw/acme/lamp/report')])
      assert.match(stdout + stderr, /c:2\.04/, body)
    }
  })

  test('errors come with their reason', async (t) => {
    const server = await startCoapd(t)
    const { stdout, stderr } = await run(COAP_CLIENT, ['-B', '20', '-A', '50', url(server, '/fw/acme/lamp/info')])
    assert.match(stdout + stderr, /4\.06/)
  })
})

describe('node-coap', () => {
  const agents = []
  after(() => agents.forEach((agent) => agent.close()))

  const request = async (server, pathname, options = {}, body) => {
    const agent = new coap.Agent({ type: 'udp4' })
    agents.push(agent)
    const req = coap.request({ hostname: '127.0.0.1', port: server.port, pathname, agent, ...options })
    req.end(body)
    const [res] = await once(req, 'response')
    return res
  }

  test('a whole image', async (t) => {
    const server = await startCoapd(t, { size: 50_021 })
    const res = await request(server, '/fw/acme/lamp/image')
    assert.equal(res.code, '2.05')
    assert.ok(res.payload.equals(server.image))
  })

  test('a report', async (t) => {
    const server = await startCoapd(t)
    const res = await request(server, '/fw/acme/lamp/report', { method: 'POST' }, '{}')
    assert.equal(res.code, '2.04')
  })

  test('observing a manifest', async (t) => {
    const server = await startCoapd(t)
    const res = await request(server, '/fw/acme/lamp', { observe: true })
    const heard = []
    res.on('data', (bytes) => heard.push(Buffer.from(bytes)))
    await waitFor('the manifest', () => heard.length === 1)
    assert.ok(heard[0].equals(server.manifest))
    for (let version = 2; version < 8; version++) { // past one that is confirmable
      const fresh = random(version).bytes(250 + version)
      await server.newManifest(fresh)
      await waitFor(`manifest ${version}`, () => heard.length === version)
      assert.ok(heard.at(-1).equals(fresh))
    }
    res.close()
  })
})

/** Starts a capture of what the server sends and gets; end() returns the path of the file. */
async function capture(t, server) {
  const file = join(server.dir, 'packets.pcap')
  const child = spawn('tshark', ['-q', '-i', 'lo', '-f', `udp port ${server.port}`, '-w', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text })
  t.after(() => child.kill('SIGKILL'))
  await waitFor('tshark', () => /Capture started|Capturing on/.test(said))
  const probe = await openClient(server.port)
  await waitFor('a captured packet', async () => {
    await probe.ask('/fw/acme/lamp/info')
    return (await readFile(file).catch(() => '')).length > 200
  }, { every_ms: 100 })
  probe.close()
  return async () => {
    const last = await openClient(server.port)
    await last.ask('/the-end')
    last.close()
    await waitFor('the last packet in the file', async () => (await readFile(file)).includes('the-end'), { every_ms: 100 })
    child.kill('SIGINT')
    await once(child, 'exit')
    return file
  }
}

test('tshark finds nothing wrong with any packet of ours', async (t) => {
  const server = await startCoapd(t, { size: 20_003 })
  const end = await capture(t, server)
  const c = await openClient(server.port)
  t.after(() => c.close())
  await fetchFile(server, '/fw/acme/lamp/image')
  await c.ask('/fw/acme/lamp/image', { options: [[OPTION.BLOCK2, block(0, 2)]] })
  await c.ask('/fw/acme/lamp/image', { options: [[OPTION.BLOCK2, block(9999, 2)]] })
  await c.ask('/.well-known/core')
  await c.ask('/nothing')
  await c.ask('/fw/acme/lamp', { options: [[OPTION.OBSERVE, uint(0)]] })
  await c.ask('/fw/acme/lamp', { options: [[9, Buffer.from('x')]] })
  await c.ask('/fw/acme/lamp', { options: [[35, Buffer.from('coap://x/')]] })
  await c.ask('/fw/acme/lamp/info', { options: [[OPTION.ACCEPT, uint(50)]] })
  await c.ask('/fw/acme/lamp/report', { code: POST, payload: Buffer.from('{}') })
  await c.ask('/fw/acme/lamp/report', { code: POST })
  await c.ask('/fw/acme/lamp/report', { code: POST, payload: Buffer.from('slow'), wait_ms: 8000 })
  await c.ask('/fw/acme/lamp/report', { code: POST, payload: Buffer.alloc(16), options: [[OPTION.BLOCK1, block(0, 0, true)]] })
  await c.send(encode({ code: 0, id: 1 }))
  await server.newManifest(random(5).bytes(280))
  await waitFor('a notification', () => c.others.find((r) => r.options.has(OPTION.OBSERVE)))

  const file = await end()
  const ours = `udp.srcport==${server.port}`
  const read = (filter, ...more) => run('tshark', ['-r', file, '-d', `udp.port==${server.port},coap`, '-Y', filter, ...more])
  const all = (await read(`${ours} && coap`)).stdout.trim().split('\n')
  assert.ok(all.length > 30, `${all.length} packets of ours were captured`)
  assert.equal((await read(`${ours} && !coap`)).stdout, '')
  assert.equal((await read(`${ours} && (_ws.malformed || _ws.expert.severity >= "Warning")`, '-V')).stdout, '')
  const codes = (await read(`${ours} && coap`, '-T', 'fields', '-e', 'coap.code')).stdout.trim().split('\n')
  const seen = [...new Set(codes)].map((code) => codeName(Number(code)))
  for (const code of ['2.04', '2.05', '2.31', '4.00', '4.02', '4.04', '4.06', '5.05', '0.00'])
    assert.ok(seen.includes(code), `${code} was among what tshark read: ${seen}`)
})
