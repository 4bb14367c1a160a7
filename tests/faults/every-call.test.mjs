// every-call.test.mjs: calls into the C library that fail, a sample of all sites: each class and each process, chosen by a seed. All of them: every-call.long.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, startGateway } from '../support/gateway.mjs'
import { tempDir } from '../support/temp.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT } from '../support/world.mjs'
import { KEEPER, RESOLVER, SERVER, SUPERVISOR, ends, firedSince, learnHeld, live, makeBench, marksOf, metInEach, namesOf, once, report } from './every-call.mjs'
import { makeHeld } from './every-call-held.mjs'
import { recalls } from './every-call-recall.mjs'
import { makeUpkeepBench, upkeep } from './every-call-upkeep.mjs'
import { CLASSES, ERRORS, SLOTS, Shim, keyOf } from './shim.mjs'

const seed = Number(process.env.GATEPOST_SEED ?? 1)
const SHORT_OF_SEND = ERRORS.send.indexOf('SHORT')

/** The classes that each program calls in the scenario at all. */
async function classesOf(t, b) {
  b.shim.record()
  await once(t, b)
  const calls = Object.fromEntries(SLOTS.map((s) => [s, b.shim.calls(s)]))
  b.shim.off()
  return Object.fromEntries(SLOTS.map((s) => [s, CLASSES.filter((c) => calls[s][c] > 0)]))
}

test('one call of each class in each process: from an empty state to the same end', async (t) => {
  t.diagnostic(`GATEPOST_SEED=${seed}`)
  const b = await makeBench(t)
  const classes = await classesOf(t, b)
  await learnHeld(t, b)
  const left = Object.fromEntries(SLOTS.map((s) => [s, classes[s].map((_, i) => classes[s][(i + seed) % classes[s].length])]))
  let runs = 0
  while (SLOTS.some((s) => left[s].length)) {
    const from = marksOf(b.shim)
    b.shim.nextPass()
    // One fault in each process at a time, each of another class. One that ends the start leaves those of others for the next run.
    for (const s of SLOTS) if (left[s].length) b.shim.sweep(s, { classes: [left[s][0]], budget: 1, round: seed, seed: seed + runs, sample: runs % 3 + 1 })
    try {
      await once(t, b)
    } catch (error) {
      throw new Error(`${(await namesOf(b.shim, from)).join('\n')}\n${error.message}`)
    } finally {
      b.shim.off()
    }
    for (const s of SLOTS) for (const f of b.shim.faults(s, from[s])) left[s] = left[s].filter((c) => c !== f.class)
    assert.ok(++runs < 150, `never met: ${JSON.stringify(left)}`)
  }
  t.diagnostic(`${runs} runs`)
})

test('a gateway that lives through faults: releases, readers, reports, commands, a revocation, a reload, a restart', async (t) => {
  t.diagnostic(`GATEPOST_SEED=${seed}`)
  const b = await makeBench(t)
  b.shim.nextPass()
  const told = await live(t, b, { seconds: 600, rounds: 6, arm(shim, i) {
    for (const s of [KEEPER, SERVER]) shim.sweep(s, { budget: 2, gap_ms: 20, round: seed, sample: 3, seed: seed + i })
    shim.sweep(SUPERVISOR, { budget: 1, round: seed, seed: seed + i })
  } })
  assert.equal(told.rounds, 6)
  assert.ok(told.faults >= 6, `${told.faults} faults`)
})

test("a store's upkeep, and calls that fail: objects taken in, damage mended, a purge, a bundle, a backup and its restore come to the same end", async (t) => {
  t.diagnostic(`GATEPOST_SEED=${seed}`)
  const b = await makeUpkeepBench(t), from = marksOf(b.shim)
  b.shim.record()
  await upkeep(t, b) // what is met here can be chosen from
  b.shim.nextPass()
  for (let i = 0; i < 4; i++) {
    for (const s of [KEEPER, SERVER]) b.shim.sweep(s, { budget: s === KEEPER ? 4 : 1, round: seed, sample: s === KEEPER ? 64 : 4, seed: seed + i })
    try {
      await upkeep(t, b)
    } catch (error) {
      throw new Error(`${(await namesOf(b.shim, from)).join('\n')}\n${error.message}`)
    } finally {
      b.shim.off()
    }
  }
  assert.ok(firedSince(b.shim, from) >= 8, `${firedSince(b.shim, from)} failed`)
})

/** A bench with a gateway that has both releases; nothing fails yet. */
async function makeSettled(t) {
  const b = await makeBench(t)
  const gateway = await startGateway(t, { dir: b.dir, conf: b.world.config({ dir: b.dir }), host: b.shim.host })
  await gateway.waitRelease(PRODUCT, 2, 'active')
  return { b, gateway }
}

for (const [what, listen, nth, why] of [
  ['a listener of IPv6 that would take IPv4 too', '[::1]:0', 1, /http at ::1 port 0: cannot be a listener of IPv6 alone/],
  ['a listener that cannot tell its port', '127.0.0.1:0', 2, /http at 127\.0\.0\.1 port 0: cannot tell where it listens/],
]) {
  test(`${what} is none: the start ends, and says so`, async (t) => {
    const b = await makeBench(t)
    b.shim.stick(SUPERVISOR, ['option'], 'ENOBUFS', { nth })
    await assert.rejects(startGateway(t, { dir: b.dir, conf: b.world.config({ dir: b.dir, config: { listen } }), host: b.shim.host }), why)
  })
}

test('drop-ins that cannot be looked at are an error: the start ends, and says so', async (t) => {
  const b = await makeBench(t)
  b.shim.stick(RESOLVER, ['open-read'], 'EIO', { path: join(b.dir, 'conf.d') })
  await assert.rejects(startGateway(t, { dir: b.dir, conf: b.world.config({ dir: b.dir }), host: b.shim.host }), /conf\.d: cannot be read: Input\/output error/)
})

test('a catalog that cannot be taken for want of memory is taken a moment later: a revocation is only late', async (t) => {
  const { b, gateway } = await makeSettled(t)
  const shown = async () => (await gateway.get(`/fw/${PRODUCT}`)).headers.get('gatepost-sequence')
  await waitFor('it to be served', async () => (await shown()) === '2')
  b.shim.stick(SERVER, ['map'], 'ENOMEM')
  await b.world.registry.call(b.world.owner, 'revoke', b.world.id, 2n, 'bad')
  await b.world.finalize()
  await waitFor('the keeper to know', async () => (await gateway.release(PRODUCT, 2)).state === 'revoked')
  await waitFor('the catalog to be refused', () => gateway.lines().some((l) => /catalog refused/.test(l)))
  const { 'gatepost-keeper': keeper } = await gateway.children()
  process.kill(keeper, 'SIGSTOP') // no newer one comes instead
  b.shim.off()
  await waitFor('the revocation to count', async () => (await shown()) !== '2')
  process.kill(keeper, 'SIGCONT')
})

test('the pair between keeper and server breaks while both live: they are given another', async (t) => {
  const { b, gateway } = await makeSettled(t)
  const pids = await gateway.children()
  b.shim.record(SERVER)
  await waitFor('a report to be taken', async () => (await report(gateway, 'd1', 2)) === 204)
  const site = await b.shim.findSite(SERVER, /receive: .*keeper_read/)
  b.shim.nextPass()
  b.shim.sweep(SERVER, { only: site.hash })
  await waitFor('the fault', async () => { await report(gateway, 'd1', 2); return b.shim.fired(SERVER) > 0 })
  b.shim.off()
  await waitFor('a report to be taken again', async () => (await report(gateway, 'd1', 2)) === 204)
  assert.deepEqual(await gateway.children(), pids, 'nobody has ended')
})

test('the pair breaks, and the word of that is lost: it is said again', async (t) => {
  const { b, gateway } = await makeSettled(t)
  const pids = await gateway.children(), isTaken = async () => (await report(gateway, 'd1', 2)) === 204
  b.shim.record(SERVER)
  await waitFor('a report to be taken', isTaken)
  const breaks = await b.shim.findSite(SERVER, /receive: .*keeper_read/)
  b.shim.nextPass()
  b.shim.sweep(SERVER, { only: breaks.hash }) // once for itself: then the way on which it is said is known
  await waitFor('the fault', async () => { await report(gateway, 'd1', 2); return b.shim.fired(SERVER) > 0 })
  for (let i = 0; i < 3; i++) await waitFor('a report to be taken again', isTaken) // each way that it takes has to be known
  const says = await b.shim.findSite(SERVER, /send: .*supervised_say.*read_keeper/)
  // What else it says meanwhile has to be known, or it would fail instead.
  await waitFor('a look at the numbers', () => b.shim.findSite(SERVER, /send: .*keeper_stats/).then(() => true, () => false))
  b.shim.nextPass()
  for (const known of b.shim.sites(SERVER)) if (known.hash !== breaks.hash && known.hash !== says.hash) b.shim.spend(known)
  const from = marksOf(b.shim)
  b.shim.sweep(SERVER, { classes: ['receive', 'send'], budget: 2, round: 0 })
  await waitFor('both faults', async () => { await report(gateway, 'd1', 2); return b.shim.fired(SERVER) === from[SERVER] + 2 })
  b.shim.off()
  const names = await namesOf(b.shim, from)
  assert.ok(/keeper_read/.test(names[0]) && /supervised_say.*read_keeper/.test(names[1]), names.join('\n'))
  await waitFor('a report to be taken again', isTaken)
  assert.deepEqual(await gateway.children(), pids, 'nobody has ended')
})

test('an answer that cannot be made for want of memory: who asked hears so at once', async (t) => {
  const { b, gateway } = await makeSettled(t)
  b.shim.record(KEEPER)
  await gateway.status()
  const site = await b.shim.findSite(KEEPER, /memory: .*link_answer_write.* < send_answer/)
  b.shim.nextPass()
  b.shim.sweep(KEEPER, { only: site.hash })
  const { code, stderr } = await gateway.cli('status')
  assert.equal(b.shim.fired(KEEPER), 1)
  assert.notEqual(code, 0)
  assert.match(stderr, /the answer could not be sent/)
  b.shim.off()
  await gateway.status()
})

test('an answer of which a part cannot be made for want of memory is none: what is missing in it would pass for not being there', async (t) => {
  const { b, gateway } = await makeSettled(t), keysOf = (o) => JSON.stringify(o, (k, v) => (typeof v === 'object' || v === null || k === '' ? v : 0))
  const counts = [b.shim.counts()]
  b.shim.record(KEEPER)
  const whole = keysOf(await gateway.ask('releases'))
  b.shim.off()
  counts.push(b.shim.counts())
  const met = metInEach(counts), sites = []
  for (const site of b.shim.sites(KEEPER).filter((s) => met.has(keyOf(s)))) {
    if (/ memory: .*libjansson.* release_json /.test(await b.shim.name(site))) sites.push(site)
  }
  assert.ok(sites.length > 10, `${sites.length} sites`)
  b.shim.nextPass()
  let refused = 0
  for (const site of sites) {
    const before = b.shim.fired(KEEPER)
    b.shim.sweep(KEEPER, { only: site.hash })
    const { code, stdout } = await gateway.cli('releases', '--json')
    b.shim.off()
    assert.equal(b.shim.fired(KEEPER), before + 1, await b.shim.name(site))
    refused += code !== 0
    assert.ok(code !== 0 || keysOf(JSON.parse(stdout)) === whole, `${await b.shim.name(site)}: ${stdout}`)
  }
  assert.ok(refused > 10, `${refused} refused`)
})

test('a process that does not end when it is asked to is killed, and named', async (t) => {
  const { gateway } = await makeSettled(t), { 'gatepost-server': server } = await gateway.children()
  process.kill(server, 'SIGSTOP')
  await gateway.stop()
  assert.deepEqual(gateway.lines().filter((l) => /did not end in time/.test(l)), ['broken: gatepostd: did not end in time: killed name=gatepost-server'])
})

test('an image for whose fetch memory is wanting is fetched a moment later', async (t) => {
  const { b, gateway } = await makeSettled(t)
  const publish = async () => { await b.world.publish(); await b.world.finalize() }
  b.shim.record(KEEPER)
  await publish()
  await gateway.waitRelease(PRODUCT, 3, 'active')
  const site = await b.shim.findSite(KEEPER, /memory: fetch_new .* < on_want/)
  b.shim.nextPass()
  b.shim.sweep(KEEPER, { only: site.hash })
  await publish()
  await waitFor('the fault', () => b.shim.fired(KEEPER) === 1)
  await gateway.waitRelease(PRODUCT, 4, 'active')
  await waitFor('the want to be over', async () => !(await gateway.status()).store.degraded)
})

test('a word to the thread that serves CoAP is said again when a signal comes between: it stops in time', async (t) => {
  const b = await makeBench(t)
  b.shim.record(SERVER)
  await once(t, b)
  const site = await b.shim.findSite(SERVER, /write: ring .* < coapd_stop/)
  b.shim.nextPass()
  b.shim.sweep(SERVER, { only: site.hash })
  const { lines } = await once(t, b)
  assert.equal(b.shim.fired(SERVER), 1)
  assert.deepEqual(lines.filter((l) => /did not end in time/.test(l)), [])
})

test('half of what is sent comes with the edge of epoll, as the kernel gives it: downloads go on', async (t) => {
  const b = await makeBench(t)
  b.shim.record(SERVER)
  await once(t, b)
  const sites = []
  for (const site of b.shim.sites(SERVER)) if (/ send: libmicrohttpd/.test(await b.shim.name(site))) sites.push(site)
  b.shim.nextPass()
  const from = marksOf(b.shim)
  for (const site of sites) {
    b.shim.sweep(SERVER, { only: site.hash, classes: ['send'], round: SHORT_OF_SEND })
    await once(t, b)
  }
  assert.ok(b.shim.fired(SERVER) - from[SERVER] >= 2, `${b.shim.fired(SERVER) - from[SERVER]} of ${sites.length} sites`)
})

test('an image that could not be read once is whole for the next reader', async (t) => {
  const { b, gateway } = await makeSettled(t), [, { sha256, image }] = b.published
  const get = async () => Buffer.from(await (await gateway.get(`/sha256/${sha256}`)).arrayBuffer())
  for (let i = 0; i < 3; i++) assert.deepEqual(await get(), image) // from memory, by sendfile
  b.shim.nextPass()
  b.shim.sweep(SERVER, { classes: ['send', 'read'], round: 0 }) // without sendfile the library reads itself
  const reads = async () => (await namesOf(b.shim, none)).some((name) => / read: libmicrohttpd/.test(name)), none = Object.fromEntries(SLOTS.map((s) => [s, 0]))
  await waitFor('the read to fail', async () => { await get().catch(() => {}); return reads() })
  b.shim.off()
  assert.deepEqual(await get(), image)
})

// One that was left half fetched stands in the way of the next for 60 s: each on a gateway of its own.
for (const [what, pattern] of [['as text', / memory: .*base64_put.* < api_give_piece /], ['of a part', / memory: .*buf_add.* < add_from /]]) {
  test(`a piece of a backup for which memory is wanting is an error, and no file: ${what}`, async (t) => {
    const { b, gateway } = await makeSettled(t), file = join(b.world.dir, 'backup')
    b.shim.record(KEEPER)
    await gateway.ask('backup', `${file}.first`)
    const site = await b.shim.findSite(KEEPER, pattern)
    b.shim.nextPass()
    b.shim.sweep(KEEPER, { only: site.hash })
    const { code, stderr } = await gateway.cli('backup', file)
    assert.equal(b.shim.fired(KEEPER), 1)
    assert.notEqual(code, 0)
    assert.match(stderr, /no memory/)
    await assert.rejects(stat(file), { code: 'ENOENT' })
    assert.deepEqual(ends(gateway.lines()), [], 'nothing had to be killed')
  })
}

test('a backup whose database did not come to be one file is none', async (t) => {
  const { b, gateway } = await makeSettled(t), file = join(b.world.dir, 'backup'), counts = [b.shim.counts()]
  b.shim.record(KEEPER)
  const whole = await gateway.ask('backup', `${file}.whole`)
  b.shim.off()
  counts.push(b.shim.counts())
  const met = metInEach(counts), sites = []
  for (const site of b.shim.sites(KEEPER).filter((s) => met.has(keyOf(s)) && s.class !== 'memory')) {
    if (/ db_close .* save_rows .* save_database /.test(await b.shim.name(site))) sites.push(site)
  }
  assert.ok(sites.length > 3, `${sites.length} sites`)
  b.shim.nextPass()
  let refused = 0
  for (const [i, site] of sites.entries()) {
    b.shim.sweep(KEEPER, { only: site.hash, round: 0 })
    const { code } = await gateway.cli('backup', `${file}${i}`)
    b.shim.off()
    refused += code !== 0
    assert.ok(code !== 0 || (await stat(`${file}${i}`)).size >= whole.bytes, await b.shim.name(site))
  }
  assert.ok(refused > 0, 'one of them matters')
})

test('a lost database, and calls that fail while what is kept twice comes back: it comes back all the same', async (t) => {
  t.diagnostic(`GATEPOST_SEED=${seed}`)
  const { sites, failed } = await recalls(t, { part: 40, first: seed })
  t.diagnostic(`${failed} of ${sites}`)
  assert.ok(failed > 3)
})

test('a block and a descriptor that are not let go when a call has failed are found, by name', async (t) => {
  const dir = await tempDir(t)
  const shim = new Shim(join(dir, 'shim'))
  t.after(() => shim.close())
  shim.programs.gatepostd = program('tests/faults/leaky')
  const leaky = () => new Promise((resolve) => spawn(program('tests/faults/leaky'), [], { argv0: 'gatepostd',
    env: { LD_PRELOAD: program('tests/faults/shim.so'), SHIM_FILE: shim.file } }).on('close', resolve))
  const held = makeHeld()
  shim.record()
  assert.equal(await leaky(), 0)
  await held.learn(shim)
  assert.equal(await leaky(), 0)
  assert.deepEqual(await held.more(shim), [], 'when nothing fails')
  const sites = []
  for (const s of shim.sites(SUPERVISOR)) sites.push([await shim.name(s), s])
  const [, second] = sites.find(([name]) => /memory: work leaky\.c:13/.test(name))
  shim.nextPass()
  shim.sweep(SUPERVISOR, { only: second.hash })
  assert.equal(await leaky(), 0)
  assert.equal(shim.fired(SUPERVISOR), 1)
  const more = await held.more(shim)
  assert.ok(more.some((m) => /not let go: 1 blocks of gatepostd memory: work leaky\.c:10/.test(m)), more.join('\n'))
  assert.ok(more.some((m) => /not let go: 1 descriptors of gatepostd/.test(m)), more.join('\n'))
})
