// kill-fetch-check.mjs: what must hold of kill-fetch.mjs's numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inNamespace } from '../support/netns.mjs'

const script = fileURLToPath(new URL('kill-fetch.mjs', import.meta.url))

export function killed(kills, seed) {
  test(`kill -9 at ${kills} random moments of 64 MiB fetches: each restart goes on, nothing verified comes twice`, async (t) => {
    const { code, stdout, stderr } = await inNamespace(script, [kills, seed], { deadline_ms: kills * 20000, smallBuffers: true })
    assert.equal(code, 0, stderr)
    const images = stdout.trim().split('\n').map((line) => JSON.parse(line))
    assert.equal(images.reduce((n, i) => n + i.kills, 0), kills)
    for (const i of images) {
      t.diagnostic(`${i.kills} kills: ${i.bytes} bytes for ${i.size}, ${(i.bytes / i.size).toFixed(3)}`)
      assert.equal(i.lost, 0, 'what was verified is there after the kill')
      assert.ok(i.bytes <= i.allowed, `${i.bytes} bytes, at most ${i.allowed}`)
    }
  })
}
