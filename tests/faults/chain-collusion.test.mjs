// chain-collusion.test.mjs: several providers lie together, or all fail. Where no quorum is honest nothing may move: the gateway says
// so, serves on what it has, and goes on by itself once it can.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { encodeFunctionData } from 'viem'
import { startAnvil } from '../support/anvil.mjs'
import { contract, hex } from '../support/registry.mjs'
import { makeEnvelope, makeManifest, sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT } from '../support/world.mjs'
import { truthOf } from './hostile-rpc.mjs'
import { lie } from './lies/index.mjs'
import { makeCase, sayings } from './lying-case.mjs'

/**
 * A real fork of the case's chain, longer than it will be, in which the manufacturer published another release 2, properly signed.
 * The result is a lie: whoever tells it serves that chain with all its blocks, logs and proofs.
 */
async function forkedRelease(t, { world }) {
  const fork = await startAnvil({ chainId: world.chain.chainId })
  t.after(() => fork.stop())
  await fork.rpc('anvil_loadState', await world.chain.rpc('anvil_dumpState'))
  const image = randomBytes(100000)
  const cid = String(await world.source.add(image))
  const manifest = makeManifest({ product: PRODUCT, sequence: 2, version: '6.6.6', image: { sha256: sha256(image), size: image.length, cid } })
  const data = encodeFunctionData({ abi: contract.abi, functionName: 'publish', args: [world.id, 2n, hex(makeEnvelope(manifest, world.signers))] })
  const hash = await fork.rpc('eth_sendTransaction', { from: world.owner.address, to: world.registry.address, data, gas: '0x7a1200' })
  await fork.mine(8)
  const receipt = await waitFor('its receipt', () => fork.rpc('eth_getTransactionReceipt', hash))
  assert.equal(receipt.status, '0x1')
  return truthOf(fork)
}

/** Nothing moves, release 1 is served, whatever the others say; then all are honest and release 2 comes. */
async function standsAndRecovers(c, code, { recover = () => {} } = {}) {
  await c.alarm(code)
  await c.isServing(c.published[0])
  await c.nothingWrong()
  assert.deepEqual((await c.gateway.releases(PRODUCT)).map((r) => r.sequence), [1], 'nothing new was taken')
  await c.rpc.honest()
  await recover()
  await c.active()
  await c.noAlarm(code)
  await c.isServing(c.newest)
  await c.nothingWrong()
}

async function tellAll(c, tamper, names) {
  const view = await c.publish()
  await c.rpc.lie(tamper, names, c.facts)
  c.rpc.show(view)
}

function checkForked(status, ...names) {
  for (const name of names) {
    assert.ok(sayings(status, name).some((s) => /says another final block/.test(s)), `${name} is named; ${JSON.stringify(status.providers)}`)
  }
}

describe('together', { concurrency: 3 }, () => {
  test('two-urls-of-one-operator: they are one vote, and no quorum with nobody else', async (t) => {
    const c = await makeCase(t, { providers: { mallory: 'mallory', mallory2: 'mallory', alpha: 'alpha' }, steady: ['alpha'] })
    await tellAll(c, await forkedRelease(t, c), ['mallory', 'mallory2'])
    assert.match((await c.alarm('no-quorum')).detail, /2 of 2 operators answer, 2 have to agree/)
    await standsAndRecovers(c, 'no-quorum')
  })

  test('two-urls-outvoted: both are named, and two honest operators go on', async (t) => {
    const c = await makeCase(t, { providers: { mallory: 'mallory', mallory2: 'mallory', alpha: 'alpha', beta: 'beta' } })
    await c.lieAbout(await forkedRelease(t, c), ['mallory', 'mallory2'])
    const status = await c.afterTwoPolls()
    checkForked(status, 'mallory', 'mallory2')
    await c.active()
    await c.isServing(c.newest)
    await c.nothingWrong()
  })

  test('k-1-colluding: two operators, where three are needed, serve a fork with a release of its own; three honest ones go on', async (t) => {
    const c = await makeCase(t, { providers: { mallory: 'm', mallet: 'n', alpha: 'a', beta: 'b', gamma: 'c' }, steady: ['alpha', 'beta', 'gamma'], quorum: 3 })
    await c.lieAbout(await forkedRelease(t, c), ['mallory', 'mallet'])
    const status = await c.afterTwoPolls()
    checkForked(status, 'mallory', 'mallet')
    await c.active()
    await c.isServing(c.newest)
    await c.nothingWrong()
  })

  test('two-quorums: as many colluders as are needed against as many honest ones stop it, until the operator has looked', async (t) => {
    const c = await makeCase(t, { providers: { mallory: 'm', mallet: 'n', alpha: 'a', beta: 'b' } })
    await tellAll(c, await forkedRelease(t, c), ['mallory', 'mallet'])
    await standsAndRecovers(c, 'anchor-conflict', { recover: async () => {
      assert.equal((await c.gateway.cli('alarms', 'clear', 'anchor-conflict')).code, 0)
    } })
  })

  test('liars-of-all-kinds: a quorum of two honest operators among seven that lie, each in its own way', async (t) => {
    const liars = {
      stale: 'stale-head', forked: 'other-fork', omits: 'log-omitted-always', edits: 'proof-word-edited', page: 'html-page', slow: '429',
      ahead: 'height-ahead',
    }
    const providers = Object.fromEntries([...Object.keys(liars), 'alpha', 'beta'].map((name) => [name, name]))
    const c = await makeCase(t, { providers })
    const view = await c.publish(1, 40)
    for (const [name, what] of Object.entries(liars)) await c.rpc.lie(lie(what).tamper, [name], c.facts)
    c.rpc.show(view)
    await c.active()
    await c.isServing(c.newest)
    await c.nothingWrong()
  })
})

describe('all', { concurrency: 3 }, () => {
  const everybody = ['mallory', 'alpha', 'beta']
  const stops = [
    ['all-down', 'nobody-listens', 'no-quorum'],
    ['all-throttle', '429', 'no-quorum'],
    ['all-on-a-new-fork', 'new-fork', 'new-fork'],
    ['none-proves', 'no-getproof', 'proof-unavailable'],
    ['none-proves-that-far-back', 'proof-window-reth', 'proof-unavailable'],
    ['all-pruned', 'log-pruned', 'history-incomplete'],
    ['all-omit', 'log-omitted-always', 'history-incomplete'],
    ['all-edit', 'log-data-edited', 'history-incomplete'],
  ]
  for (const [name, what, code] of stops) {
    test(`${name}: every provider ${lie(what).what}; alarm ${code}`, async (t) => {
      const c = await makeCase(t, { steady: [] })
      await tellAll(c, lie(what).tamper, everybody)
      await standsAndRecovers(c, code)
    })
  }

  test('another-chain-after-a-break: a provider comes back as one of another chain; alarm chain-id, the others go on', async (t) => {
    const c = await makeCase(t)
    await c.rpc.lie(lie('nobody-listens').tamper, ['mallory'], c.facts)
    await c.provider('mallory', (p) => p.state === 'down')
    await c.rpc.lie(lie('wrong-chain').tamper, ['mallory'], c.facts)
    const alarm = await c.alarm('chain-id')
    assert.equal(alarm.subject, 'mallory')
    assert.match(alarm.detail, /chain id 1 instead of 31337/)
    c.rpc.show(await c.publish())
    await c.active()
    await c.nothingWrong()
  })

  test('registry-code-replaced: the registry has other code; alarm code-hash, and nothing moves until it has its own again', async (t) => {
    const c = await makeCase(t)
    const { chain, registry } = c.world
    const code = await chain.rpc('eth_getCode', registry.address, 'latest')
    // anvil changes the state of its newest block: one that nobody has seen yet, since it does not hash right any more.
    const replace = async (by) => {
      await chain.mine(1)
      await chain.rpc('anvil_setCode', registry.address, by)
    }
    await replace(`${code}00`)
    c.rpc.show(await c.publish())
    await standsAndRecovers(c, 'code-hash', { recover: async () => {
      await replace(code)
      await chain.mine(1)
      await chain.finalize()
      c.rpc.show(await c.rpc.look())
    } })
  })
})
