// The supervisor alone, with children that misbehave (fake_child.c): what it hands over, restarts, keeps and refuses.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, startServer } from '../support/process.mjs'
import { waitFor } from '../support/wait.mjs'
import { bench, build, config, get } from './supervisor.mjs'

test('both children get all they need, in order', async (t) => {
  const b = await bench(t)
  await b.start()
  const keeper = (await b.notes('keeper')).map((n) => n.what)
  const server = (await b.notes('server')).map((n) => n.what)
  assert.deepEqual(keeper.slice(0, 8), ['start', 'conf', 'listener', 'listener', 'listener', 'listener', 'peer', 'go'])
  assert.deepEqual(server.slice(0, 8), ['start', 'conf', 'listener-fd', 'listener-fd', 'listener-fd', 'listener-fd', 'peer', 'go'])
  const [keeperConf] = await b.notes('keeper', 'conf')
  assert.match(keeperConf.text, /^listen http 127\.0\.0\.1 0\|listen coap 127\.0\.0\.1 0\|listen coap ::1 0\|listen operator/)
  assert.equal((await b.noted('server', 'heard')).text, `greetings from ${await b.pidOf('keeper')}`)
  assert.equal((await b.noted('server', 'catalog')).text, `catalog of ${await b.pidOf('keeper')}`)
})

test('port 0 and IPv6: the ready line has the addresses as bound', async (t) => {
  const b = await bench(t)
  await b.start()
  assert.match(b.http, /^127\.0\.0\.1:[1-9]\d*$/)
  assert.match(b.coap, /^127\.0\.0\.1:[1-9]\d*,\[::1\]:[1-9]\d*$/)
  assert.match(b.operator, /^127\.0\.0\.1:[1-9]\d*$/)
  assert.equal(await get(b), await b.pidOf('server'))
  const told = (await b.notes('server', 'listener-fd')).map((n) => n.text)
  assert.deepEqual(told, [`h${b.http}`, ...b.coap.split(',').map((a) => `u${a}`), `o${b.operator}`])
})

test('ready without waiting: a start takes as long as its children', async (t) => {
  // Without their words it would look again after SUP_ALIVE_MS, 2 s, each time; a busy machine does not hold up every one.
  await waitFor('a start without a wait', async () => {
    const b = await bench(t), from = performance.now()
    await b.start()
    const took_ms = performance.now() - from
    if (took_ms >= 1500) throw new Error(`${took_ms} ms`)
    return true
  }, { deadline_ms: 60000 })
})

test('the server dies: no connection is refused, it is back at once with the newest catalog and a fresh pair', async (t) => {
  const b = await bench(t)
  await b.start()
  const [first, keeper] = [await b.pidOf('server'), await b.pidOf('keeper')]
  await b.noted('server', 'catalog')
  process.kill(first, 'SIGKILL')
  const answer = await get(b) // waits in the listening socket's queue
  assert.ok(b.server.lines.some((l) => /has ended name=gatepost-server signal=9 restart_ms=0$/.test(l)), 'and not for a pause')
  assert.notEqual(answer, first)
  assert.equal((await b.noted('server', 'catalog', 2)).text, `catalog of ${keeper}`)
  await b.noted('server', 'heard', 2)
  assert.equal(await b.pidOf('keeper'), keeper, 'the keeper went on')
  const order = (await b.notes('server')).filter((n) => n.pid === answer).map((n) => n.what)
  assert.ok(order.indexOf('catalog') < order.indexOf('go'), 'it can serve before it is told to go')
})

test('the keeper dies: the server goes on, and gets the new one', async (t) => {
  const b = await bench(t)
  await b.start()
  const [server, keeper] = [await b.pidOf('server'), await b.pidOf('keeper')]
  process.kill(keeper, 'SIGKILL')
  const heard = await b.noted('server', 'heard', 2)
  assert.equal(heard.text, `greetings from ${await b.pidOf('keeper')}`)
  assert.equal((await b.noted('server', 'catalog', 2)).text, `catalog of ${await b.pidOf('keeper')}`)
  assert.equal(await get(b), server)
})

test('a child that dies again and again is started less and less often', async (t) => {
  const b = await bench(t)
  await b.start()
  await b.fault('keeper', 'crash')
  process.kill(await b.pidOf('keeper'), 'SIGKILL')
  const waits = await waitFor('six deaths', () => {
    const ms = b.server.lines.map((l) => /has ended name=gatepost-keeper .*restart_ms=(\d+)/.exec(l)).filter(Boolean).map((m) => Number(m[1]))
    return ms.length >= 6 && ms
  })
  assert.deepEqual(waits.slice(0, 6), [0, 100, 200, 400, 800, 1600])
  await get(b)
  await b.mend('keeper', 'crash')
  const pid = await waitFor('the keeper to stay', async () => (await b.notes('keeper', 'peer')).length >= 7 && b.pidOf('keeper'))
  assert.ok(pid)
})

test('ready is told when the server has the catalog that the keeper handed over, not before', async (t) => {
  const b = await bench(t)
  await b.fault('server', 'untaken')
  const starts = b.start().then(() => b.notes('server', 'start'))
  await b.noted('server', 'go')
  await b.noted('server', 'catalog')
  await b.mend('server', 'untaken')
  process.kill(await b.pidOf('server'), 'SIGKILL')
  assert.equal((await starts).length, 2)
})

test('a child that gives up before everything was up ends the service', async (t) => {
  const b = await bench(t)
  await b.fault('keeper', 'quit')
  const r = await run(b.program, ['-c', b.file], { env: b.env })
  assert.equal(r.code, 1)
  assert.match(r.stderr, /a process has ended name=gatepost-keeper status=3/)
})

test('a child that could not start for a passing want is started again, also before everything was up', async (t) => {
  for (const child of ['keeper', 'server']) {
    const b = await bench(t)
    await b.fault(child, 'later')
    await b.start()
    assert.equal((await b.notes(child, 'start')).length, 2)
    assert.equal(await get(b), await b.pidOf('server'))
  }
})

test('SIGTERM ends it, also when a child does not listen', async (t) => {
  const b = await bench(t)
  await b.start()
  await b.fault('server', 'deaf')
  const server = await b.pidOf('server')
  const from = performance.now()
  b.server.kill('SIGTERM')
  assert.deepEqual(await b.server.gone, { code: 0, signal: null })
  assert.ok(performance.now() - from < 10000, `${performance.now() - from} ms`) // STOP_MS, 1.5 s, and a busy machine
  assert.deepEqual(b.server.lines.filter((l) => /did not end in time: killed/.test(l)).map((l) => / name=(\S+)/.exec(l)[1]), ['gatepost-server'])
  await b.noted('server', 'stop')
  await b.noted('keeper', 'stop')
  await waitFor('the deaf child to be gone', () => stat(`/proc/${server}`).then(() => false, () => true))
})

test('SIGHUP: both get the new configuration; changed listeners need a restart', async (t) => {
  const b = await bench(t)
  await b.start()
  await writeFile(b.file, config(b.dir, '[cache]\nsize = 3G\n').replace('[http]\nlisten = 127.0.0.1:0', '[http]\nlisten = 127.0.0.2:0'))
  b.server.kill('SIGHUP')
  const [keeper, server] = [await b.noted('keeper', 'reload'), await b.noted('server', 'reload')]
  assert.match(keeper.text, /listen http 127\.0\.0\.2 0\|/)
  assert.match(server.text, /listen http 127\.0\.0\.2 0\|/)
  await waitFor('the warning', () => b.server.lines.some((l) => /changed listeners need a restart/.test(l)))
  assert.equal(await get(b), await b.pidOf('server'))
  process.kill(await b.pidOf('server'), 'SIGKILL')
  assert.match((await b.noted('server', 'conf', 2)).text, /listen http 127\.0\.0\.2/, 'a restarted child gets the new one')
})

test('SIGHUP with a broken configuration: the old one stays', async (t) => {
  const b = await bench(t)
  await b.start()
  await writeFile(b.file, config(b.dir, '[cahce]\n'))
  b.server.kill('SIGHUP')
  await waitFor('the refusal', () => b.server.lines.some((l) => /the old configuration stays/.test(l)))
  assert.ok(b.server.lines.some((l) => /:\d+: unknown section \[cahce\]; nearest: \[cache\]/.test(l)))
  assert.equal((await b.notes('keeper', 'reload')).length, 0)
  assert.equal(await get(b), await b.pidOf('server'))
})

test('the service manager is told: ready, alive, stopping', async (t) => {
  const b = await bench(t)
  const path = join(b.dir, 'notify')
  const manager = await startServer(join(build, 'tests/faults/fake_child'), ['-n', path], { ready: (line) => line === 'listening' })
  t.after(() => manager.stop())
  const seen = manager.lines
  await b.start({ env: { NOTIFY_SOCKET: path } })
  await waitFor('READY=1', () => seen.includes('READY=1'))
  await waitFor('WATCHDOG=1', () => seen.includes('WATCHDOG=1'))
  await b.server.stop()
  await waitFor('STOPPING=1', () => seen.includes('STOPPING=1'))
})

test('a keeper that is not ready holds the ready line back', async (t) => {
  const b = await bench(t)
  await b.fault('keeper', 'mute')
  const started = b.start()
  await b.noted('keeper', 'go')
  await b.noted('server', 'go')
  await b.mend('keeper', 'mute')
  process.kill(await b.pidOf('keeper'), 'SIGKILL')
  await started
  assert.equal((await b.notes('keeper', 'go')).length, 2)
})

test('-T: ok, or every error with its line; -V; usage', async (t) => {
  const b = await bench(t)
  const ok = await run(b.program, ['-T', '-c', b.file], { env: b.env })
  assert.deepEqual([ok.code, ok.stdout], [0, 'ok\n'], ok.stderr)
  await assert.rejects(stat(join(b.dir, 'state')), 'nothing is made by a check')
  await writeFile(b.file, config(b.dir, '[cache]\nsise = 1G\n[http]\nlisten = x\n'))
  const bad = await run(b.program, ['-T', '-c', b.file], { env: b.env })
  assert.equal(bad.code, 1)
  assert.equal(bad.stdout, '')
  assert.match(bad.stderr, /gatepost\.conf:\d+: unknown key "sise" in \[cache\]; nearest: "size"/)
  assert.match(bad.stderr, /gatepost\.conf:\d+: listen: "x" does not end with :PORT/)
  assert.match((await run(b.program, ['-V'])).stdout, /^gatepostd \d+\.\d+\.\d+\n$/)
  assert.equal((await run(b.program, ['-x'])).code, 2)
  assert.equal((await run(b.program, ['more'])).code, 2)
})

test('a missing configuration is named', async (t) => {
  const b = await bench(t)
  for (const args of [['-T'], []]) {
    const r = await run(b.program, ['-c', join(b.dir, 'nowhere.conf'), ...args], { env: b.env })
    assert.equal(r.code, 1)
    assert.match(r.stderr, /nowhere\.conf: No such file/)
  }
})

test('a port in use is named, and nothing is started', async (t) => {
  const b = await bench(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address()
  await writeFile(b.file, config(b.dir).replace('[operator]\nlisten = 127.0.0.1:0', `[operator]\nlisten = 127.0.0.1:${port}`))
  const r = await run(b.program, ['-c', b.file], { env: b.env })
  assert.equal(r.code, 1)
  assert.match(r.stderr, new RegExp(`operator at 127\\.0\\.0\\.1 port ${port}: cannot listen there: Address already in use`))
  assert.deepEqual(await b.notes('keeper', 'start'), [])
})

test('a UDP port in use is named too', async (t) => {
  const b = await bench(t)
  const other = createSocket('udp4')
  await new Promise((resolve) => other.bind(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address()
  await writeFile(b.file, config(b.dir).replace('[coap]\nlisten = 127.0.0.1:0', `[coap]\nlisten = 127.0.0.1:${port}`))
  const r = await run(b.program, ['-c', b.file], { env: b.env })
  assert.equal(r.code, 1)
  assert.match(r.stderr, new RegExp(`coap at 127\\.0\\.0\\.1 port ${port}: .*Address already in use`))
})

test('a state directory that cannot be read is named', async (t) => {
  const b = await bench(t)
  await writeFile(join(b.dir, 'state'), 'a file')
  const r = await run(b.program, ['-c', b.file], { env: b.env })
  assert.equal(r.code, 1)
  assert.match(r.stderr, /cannot read .*\/state: Not a directory/)
  await writeFile(b.file, config(b.dir).replace(`${b.dir}/state`, `${b.dir}/no/where`))
  const missing = await run(b.program, ['-c', b.file], { env: b.env })
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /cannot make .*\/no\/where: No such file/)
})

test('a missing program is named', async (t) => {
  const b = await bench(t)
  await rm(join(b.dir, 'bin/gatepost-server'))
  const r = await startServer(b.program, ['-c', b.file], { env: b.env, ready: (line) => /cannot start name=gatepost-server why=".*gatepost-server: No such file/.exec(line) })
  await r.stop()
})
