// chain-lies.test.mjs: every lie of the hostile RPC against the real gateway. Each has to be seen through, named in the status within
// two polls, and neither make the gateway serve anything wrong nor hold it up while a quorum of operators is honest.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { program } from '../support/gateway.mjs'
import { lies } from './lies/index.mjs'
import { makeCase, sayingOf, sayings } from './lying-case.mjs'

const MIB = 1024 * 1024
// AddressSanitizer keeps freed memory for a while.
const PEAK_MAX = readFileSync(program('gatepost-keeper')).includes('__asan_init') ? 800 * MIB : 80 * MIB

const ONLY = process.env.LIES ? new RegExp(process.env.LIES) : /./
const chosen = lies.filter((row) => ONLY.test(row.name))

/** Another server, which nobody has any business with. */
async function elsewhere(t) {
  let requests = 0
  const server = createServer((req, res) => { requests++; res.end('{}') })
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  return { url: `http://127.0.0.1:${server.address().port}/`, get requests() { return requests } }
}

/** Until the lie was told; the status after its second poll. */
async function tell(c, row) {
  if (row.from !== 'start') {
    await c.lieAbout(row.tamper, ['mallory'], row)
    return c.afterTwoPolls()
  }
  await c.rpc.lie(row.tamper, ['mallory'], c.facts, { isPaced: true })
  await c.start()
  const status = await c.afterTwoPolls()
  await c.active()
  c.rpc.show(await c.publish())
  return status
}

function checkNamed(t, row, status) {
  const said = sayings(status, 'mallory')
  t.diagnostic(said.join(' | '))
  assert.ok(said.some((s) => row.named.test(s)), `named as ${row.named}; the status says: ${JSON.stringify(said)}`)
  if (row.state) assert.equal(status.providers.find((p) => p.name === 'mallory').state, row.state, JSON.stringify(said))
}

function checkHonest(row, status) {
  const honest = row.tolerated ? ['mallory', 'alpha', 'beta'] : ['alpha', 'beta']
  for (const p of status.providers) if (honest.includes(p.name)) assert.equal(p.honesty, 1, `nobody honest is blamed; ${sayingOf(p)}`)
}

/** It said that it does not know the method: it is not asked again, though it is its turn now and then. */
async function checkAskedNoMore(c, method) {
  const before = c.rpc.provider.mallory.methods[method]
  for (let turn = 0; turn < 3; turn++) {
    c.rpc.show(await c.publish(), { turn, of: 3 })
    await c.active()
  }
  assert.equal(c.rpc.provider.mallory.methods[method], before, `${method} was asked for again`)
}

for (const [group, rows] of Map.groupBy?.(chosen, (row) => row.group) ?? groupBy(chosen)) {
  describe(`lies about ${group}`, { concurrency: 4 }, () => {
    for (const row of rows) {
      test(`lie: ${row.name}: ${row.what}`, async (t) => {
        const c = await makeCase(t, { isStarted: row.from !== 'start', tls: row.isTls ? ['mallory'] : [] })
        const other = row.isRedirect ? await elsewhere(t) : undefined
        c.facts.elsewhere = other?.url
        const status = await tell(c, row)
        const asked = c.rpc.provider.mallory.requests
        if (!row.tolerated) checkNamed(t, row, status)
        await c.active()
        await c.isServing(c.newest)
        await c.nothingWrong()
        const after = await c.gateway.status()
        checkHonest(row, after)
        const peak = await c.keeperPeak()
        t.diagnostic(`the keeper's peak: ${(peak / MIB).toFixed(1)} MiB`)
        assert.ok(peak < PEAK_MAX, `the keeper had ${peak} bytes`)
        if (other) assert.equal(other.requests, 0, 'nobody follows a redirect')
        if (row.isLeftAlone) assert.equal(c.rpc.provider.mallory.requests, asked, 'it is left alone for as long as it asked for')
        if (row.isAskedNoMore) await checkAskedNoMore(c, row.isAskedNoMore)
        if (row.isShown) {
          const { stdout } = await c.gateway.cli('providers')
          assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f]/.test(stdout), JSON.stringify(stdout))
        }
      })
    }
  })
}

function groupBy(rows) {
  const groups = new Map()
  for (const row of rows) groups.set(row.group, [...groups.get(row.group) ?? [], row])
  return groups
}
