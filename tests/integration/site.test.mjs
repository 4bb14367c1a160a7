// site.test.mjs: three gateways at one site, one uplink: an image comes into the site once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inNamespace } from '../support/netns.mjs'

const SIZE = 16 * 2 ** 20

test('site: one download for three gateways; peers do the rest, also when the one with the uplink is gone', async (t) => {
  const { code, stdout, stderr } = await inNamespace(fileURLToPath(new URL('site.mjs', import.meta.url)), [SIZE], { deadline_ms: 120000 })
  assert.equal(code, 0, stderr)
  const site = JSON.parse(stdout)
  t.diagnostic(`${site.uplink} bytes over the uplink for an image of ${site.size}: ${(site.uplink / site.size).toFixed(3)}`)
  assert.deepEqual(site.served, [site.digest, site.digest, site.digest])
  assert.deepEqual(site.asked, ['car'], 'the source was asked once')
  assert.ok(site.uplink < 1.02 * site.size, `${site.uplink}`)
  for (const own of site.sources.slice(1)) assert.ok(own.every((s) => s.kind === 'peer' && s.bad_blocks === 0), JSON.stringify(own))
  assert.equal(site.again.served, site.digest)
  assert.deepEqual([site.again.asked, site.again.uplink - site.uplink < 2000], [1, true], 'nothing more over the uplink')
})
