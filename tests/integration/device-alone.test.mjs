// gatepost-device against small gateways that other people's CoAP and HTTP libraries make.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { decode } from '../support/cbor.mjs'
import { isBuilt, program, release, runDevice, startCoap, startHttp, startOddCoap } from '../support/device.mjs'
import { random } from '../support/random.mjs'
import { newSigner } from '../support/suit.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'

assert.ok(isBuilt, `${program} is not built; GATEPOST_BUILD says where`)

const signers = [newSigner('es256'), newSigner('ed25519'), newSigner('es256k')]
const image = random(1).bytes(300001) // no multiple of anything
const start = { http: startHttp, coap: startCoap }

for (const scheme of ['http', 'coap']) {
  describe(scheme, () => {
    const setUp = async (t, state) => ({ url: await start[scheme](t, state), dir: await tempDir(t) })
    const fw = (dir) => readFile(join(dir, 'fw'))

    test('installs, then is up to date', async (t) => {
      const state = { release: release({ sequence: 3, image, signers: [signers[0]] }) }
      const { url, dir } = await setUp(t, state)
      const first = await runDevice(url, dir, [signers[0]], ['--device', 'porch-1', '--hw', 'rev-a', '--channel', 'stable'])
      assert.equal(first.code, 0, first.stderr)
      assert.match(first.stdout, /^installed acme\/thermostat sequence=3: installed\n$/)
      assert.deepEqual(await fw(dir), image)
      assert.match(state.asked[0].url, /^\/fw\/acme\/thermostat\?from=0&hw=rev-a&channel=stable&device=porch-1$/)
      const states = state.reports.map((r) => decode(r))
      assert.deepEqual(states.map((r) => r.get('state')).filter((s, i, all) => s !== all[i - 1]),
        ['downloading', 'downloaded', 'installing', 'installed', 'running'])
      assert.ok(states.every((r) => r.get('device') === 'porch-1' && r.get('sequence') === 3))

      const second = await runDevice(url, dir, [signers[0]])
      assert.equal(second.code, 0, second.stderr)
      assert.match(second.stdout, /^up-to-date acme\/thermostat sequence=3/)
    })

    test('two of three signers, each of another kind', async (t) => {
      const state = { release: release({ image, signers: signers.slice(1) }) }
      const { url, dir } = await setUp(t, state)
      const done = await runDevice(url, dir, signers, [], { threshold: 2 })
      assert.equal(done.code, 0, done.stderr)
      assert.deepEqual(await fw(dir), image)
    })

    const refusals = {
      'too few signers': { signers: [signers[0]], threshold: 2, why: /too few/ },
      'a stranger': { signers: [newSigner('es256')], why: /too few/ },
      'another product': { signers, product: 'acme/lamp', why: /another product/ },
      'another channel': { signers, manifest: { channel: 'beta' }, args: ['--channel', 'stable'], why: /another channel/ },
      'other hardware': { signers, manifest: { hardware: ['rev-b'] }, args: ['--hw', 'rev-a'], why: /other hardware/ },
      'a stepping stone': { signers, sequence: 9, manifest: { fromSequence: 5 }, why: /older release/ },
      'an image over the slot': { signers, args: ['--slot-size', '100K'], why: /does not fit/ },
      rollback: { signers, args: ['--factory-sequence', '5'], why: /older than what is installed/ },
    }
    for (const [what, r] of Object.entries(refusals)) {
      test(`refuses: ${what}`, async (t) => {
        const state = { release: release({ product: r.product, sequence: r.sequence, image, signers: r.signers, ...r.manifest }) }
        const { url, dir } = await setUp(t, state)
        const done = await runDevice(url, dir, signers, r.args, { threshold: r.threshold ?? 1 })
        assert.equal(done.code, 1, done.stderr)
        assert.match(done.stdout, /^refused /)
        assert.match(done.stdout, r.why)
        assert.ok(!existsSync(join(dir, 'fw')))
      })
    }

    test('refuses older firmware after it has had newer', async (t) => {
      const state = { release: release({ sequence: 4, image, signers }) }
      const { url, dir } = await setUp(t, state)
      assert.equal((await runDevice(url, dir, signers)).code, 0)
      state.release = release({ sequence: 3, image: Buffer.from('older'), signers })
      const back = await runDevice(url, dir, signers)
      assert.equal(back.code, 1)
      assert.match(back.stdout, /refused .* sequence=4: older than what is installed/)
      assert.deepEqual(await fw(dir), image)
    })

    test('refuses an image that is not the signed one, then takes the right one', async (t) => {
      const wrong = Buffer.from(image)
      wrong[200000] ^= 1
      const state = { release: release({ image, signers }), image: wrong }
      const { url, dir } = await setUp(t, state)
      const bad = await runDevice(url, dir, signers)
      assert.equal(bad.code, 1, bad.stderr)
      assert.match(bad.stdout, /not what the manifest names/)
      assert.ok(!existsSync(join(dir, 'fw')))
      state.image = undefined
      assert.equal((await runDevice(url, dir, signers)).code, 0)
      assert.deepEqual(await fw(dir), image)
    })

    for (const [what, length] of [['longer', 300002], ['shorter', 300000]]) {
      test(`refuses an image that is ${what}`, async (t) => {
        const state = { release: release({ image, signers }), image: Buffer.concat([image, Buffer.alloc(1)]).subarray(0, length) }
        const { url, dir } = await setUp(t, state)
        const bad = await runDevice(url, dir, signers)
        assert.equal(bad.code, what === 'longer' ? 1 : 3, bad.stderr)
        assert.ok(!existsSync(join(dir, 'fw')))
      })
    }

    test('says when there is nothing, and when there is nobody', async (t) => {
      const { url, dir } = await setUp(t, {})
      const none = await runDevice(url, dir, signers)
      assert.equal(none.code, 3)
      assert.match(none.stderr, /4\.?04/)
      const nobody = await runDevice(`${scheme}://127.0.0.1:1`, dir, signers)
      assert.equal(nobody.code, 3)
      assert.match(nobody.stdout, /^unreachable /)
    })

    test('goes on after a kill, at a checkpoint', async (t) => {
      const big = random(2).bytes(scheme === 'coap' ? 700000 : 3000000)
      const state = { release: release({ image: big, signers }), stopAt: 1000000 } // HTTP: over before it is seen
      const { url, dir } = await setUp(t, state)
      const args = ['--url', url, '--product', 'acme/thermostat', '--key', signers[0].coseKey.toString('hex'), '--flash', join(dir, 'fw')]
      const child = spawn(program, args, { stdio: 'ignore' })
      const progress = async () => (await readFile(join(dir, 'fw.state'))).readUInt32LE(36)
      await waitFor('some progress', async () => (await progress()) >= 65536 * 2, { every_ms: 1 })
      child.kill('SIGKILL')
      await once(child, 'exit')
      assert.ok(!existsSync(join(dir, 'fw')), 'killed before its end')
      const from = await progress()
      state.asked.length = 0
      state.stopAt = undefined
      const done = await runDevice(url, dir, signers)
      assert.equal(done.code, 0, done.stderr)
      assert.deepEqual(await fw(dir), big)
      const images = state.asked.filter((a) => (a.url ?? a.path).startsWith('/ipfs/'))
      const lowest = Math.min(...images.map((a) => a.offset ?? Number(a.range.slice(6, -1))))
      assert.equal(lowest, from)
    })

    test('does nothing with a state that is not its own', async (t) => {
      const { url, dir } = await setUp(t, { release: release({ image, signers }) })
      await writeFile(join(dir, 'fw.state'), Buffer.alloc(80, 7))
      const done = await runDevice(url, dir, signers)
      assert.equal(done.code, 4)
      assert.match(done.stdout, /saved state failed/)
    })
  })
}

test('http: resumes within the run after a broken connection, with and without ranges', async (t) => {
  for (const noRanges of [false, true]) {
    const state = { release: release({ image, signers }), breakAt: 200000, noRanges }
    const url = await startHttp(t, state)
    const dir = await tempDir(t)
    assert.equal((await runDevice(url, dir, signers)).code, 3)
    assert.equal((await runDevice(url, dir, signers)).code, 0)
    assert.deepEqual(await readFile(join(dir, 'fw')), image)
    assert.equal(state.asked.at(-1).range, 'bytes=196608-')
  }
})

/** A run against a CoAP server that does odd things; `small` keeps runs that wait short. */
async function odd(t, more, { body = image, args } = {}) {
  const state = { release: release({ image: body, signers }), ...more }
  const url = await startOddCoap(t, state)
  const dir = await tempDir(t)
  const done = await runDevice(url, dir, signers, args)
  const got = existsSync(join(dir, 'fw')) ? await readFile(join(dir, 'fw')) : undefined
  return { state, url, dir, done, got }
}

const small = image.subarray(0, 20001)

test('coap: takes smaller blocks than it asked for', async (t) => {
  for (const maxSzx of [5, 0]) {
    const { done, got } = await odd(t, { maxSzx }, { body: small })
    assert.equal(done.code, 0, done.stderr)
    assert.deepEqual(got, small)
  }
})

test('coap: blocks that become smaller on the way', async (t) => {
  const state = { asked: [] }
  Object.defineProperty(state, 'maxSzx', { get: () => (state.asked?.length > 12 ? 4 : 6), enumerable: true })
  state.release = release({ image: small, signers })
  const url = await startOddCoap(t, state)
  const dir = await tempDir(t)
  const done = await runDevice(url, dir, signers)
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(await readFile(join(dir, 'fw')), small)
})

test('coap: four in flight, in any order, no block twice, none past a known end', async (t) => {
  const r = random(3)
  const { state, done, got } = await odd(t, { delay_ms: () => r.below(8), size2: true }, { body: small })
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(got, small)
  const offsets = state.asked.filter((a) => a.url.startsWith('/ipfs/')).map((a) => a.offset)
  assert.deepEqual([...offsets].sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i * 1024))
})

test('coap: loses every tenth datagram', async (t) => {
  const r = random(4)
  const { done, got } = await odd(t, { drop: () => r.below(10) === 0 }, { body: small.subarray(0, 6001) })
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(got, small.subarray(0, 6001))
})

test('coap: separate responses', async (t) => {
  const { done, got } = await odd(t, { separate: true }, { body: small })
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(got, small)
})

test('coap: another ETag within a transfer ends it; the next run goes on', async (t) => {
  let old = true
  const etag = (offset) => (old && offset > 100000 ? Buffer.from('otheretg') : undefined)
  const { url, dir, done } = await odd(t, { etag })
  assert.equal(done.code, 3)
  assert.match(done.stderr, /another ETag/)
  old = false
  assert.equal((await runDevice(url, dir, signers)).code, 0)
  assert.deepEqual(await readFile(join(dir, 'fw')), image)
})

test('coap: answers an Echo challenge', async (t) => {
  const echo = Buffer.from('0123456789ab')
  const refuse = (packet) => (packet.options.some((o) => String(o.name) === '252' && o.value.equals(echo))
    ? undefined : { code: '4.01', options: [{ name: '252', value: echo }] })
  const { state, done, got } = await odd(t, { refuse }, { body: small })
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(got, small)
  assert.ok(state.asked.length < 30, 'challenged once a request at the most')
})

test('coap: an Echo challenge without end', async (t) => {
  let n = 0
  const { done } = await odd(t, { refuse: () => ({ code: '4.01', options: [{ name: '252', value: Buffer.from([n++ & 1]) }] }) })
  assert.equal(done.code, 3)
})

test('coap: waits when it is told to', async (t) => {
  let busy = 1
  const refuse = (packet, path) => (path.startsWith('/ipfs/') && busy-- > 0
    ? { code: '4.29', options: [{ name: 'Max-Age', value: Buffer.from([1]) }] } : undefined)
  const { done, got } = await odd(t, { refuse }, { body: small })
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(got, small)
})

test('coap: an error in the middle is not taken for the end', async (t) => {
  let n = 0
  const { done, got } = await odd(t, { refuse: (packet, path) => (path.startsWith('/ipfs/') && n++ === 5 ? { code: '5.00' } : undefined) })
  assert.equal(done.code, 3)
  assert.match(done.stderr, /5\.00/)
  assert.equal(got, undefined)
})

test('coap: follows by observing', async (t) => {
  const state = { release: release({ sequence: 1, image, signers }) }
  const url = await startCoap(t, state)
  const dir = await tempDir(t)
  const child = spawn(program, ['--url', url, '--product', 'acme/thermostat', '--key', signers[0].coseKey.toString('hex'),
    '--flash', join(dir, 'fw'), '--follow', '--interval', '600'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (d) => { out += d })
  await waitFor('the first release', () => out.includes('sequence=1'))
  await waitFor('an observer', () => state.observers.size > 0)
  state.release = release({ sequence: 2, image: Buffer.from('second'), signers })
  await waitFor('the notification', () => { state.changed(); return out.includes('sequence=2') }, { every_ms: 300 })
  await waitFor('the second release', () => out.includes('installed acme/thermostat sequence=2'))
  assert.deepEqual(await readFile(join(dir, 'fw')), Buffer.from('second'))
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})

test('says what is wrong with a command line', async () => {
  const { run } = await import('../support/process.mjs')
  const key = signers[0].coseKey.toString('hex')
  const good = ['--url', 'coap://x', '--product', 'a/b', '--key', key, '--flash', 'f']
  const rows = [
    [[], /--url, --product and --flash are needed/],
    [['--url', 'ftp://x'], /coap:\/\/ or http:\/\//],
    [['--url', 'coap://x/path'], /without a path/],
    [['--product', 'a'], /vendor\/model/],
    [['--key', 'zz'], /COSE_Key in hex/],
    [['--key', key.replace(/^a401/, 'a301')], /COSE_Key in hex/],
    [good.filter((a) => a !== '--key' && a !== key), /without pinned keys/],
    [[...good, '--threshold', '2'], /--threshold must be between/],
    [[...good, '--threshold', 'x'], /--threshold must be a number/],
    [[...good, '--channel', 'Be ta'], /--channel/],
    [[...good, '--nonsense'], /--nonsense: an option is not known/],
    [[...good, '--device'], /lacks its value/],
    [[...good, 'more'], /more: not an option/],
  ]
  for (const [args, says] of rows) {
    const done = await run(program, args)
    assert.equal(done.code, 2, args.join(' '))
    assert.match(done.stderr, says)
  }
  const help = await run(program, ['--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /--follow/)
})
