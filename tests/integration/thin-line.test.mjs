// thin-line.test.mjs: over 4 Mbit/s, with two sources and a kill in the middle, an image comes once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inNamespace } from '../support/netns.mjs'

const SIZE = 3 * 2 ** 20

test('thin-line: two sources, one killed fetch, and little more than the image crosses the line', async (t) => {
  const { code, stdout, stderr } = await inNamespace(fileURLToPath(new URL('thin-line.mjs', import.meta.url)), [SIZE],
    { deadline_ms: 180000, smallBuffers: true })
  assert.equal(code, 0, stderr)
  const line = JSON.parse(stdout)
  t.diagnostic(`${line.bytes} bytes for ${line.size}: ${(line.bytes / line.size).toFixed(3)}; asked ${JSON.stringify(line.asked)}`)
  assert.ok(line.same)
  assert.match(line.shown, /fetching +(3[3-9]|[4-9]\d) %/, 'the operator sees how far it is')
  // Headers of packets, and the block that was on its way at the kill.
  assert.ok(line.bytes < SIZE * 1.06 + 2 ** 20 + 131072, `${line.bytes}`)
})
