// kubo.test.mjs: images from a node's RPC (`kind = kubo`): js-ipfs, whole and block by block.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test } from 'node:test'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { sha256 } from '../support/suit.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

/** In front of `target`: `deny` answers a path itself with that status; asked is what came. */
async function startFront(t, target, deny) {
  const asked = []
  const server = createServer(async (q, a) => {
    const path = q.url.split('?')[0]
    asked.push(`${q.method} ${path}`)
    if (path in deny) return a.writeHead(deny[path]).end('{"Message":"not here"}')
    const reply = await fetch(target + q.url, { method: q.method })
    a.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? '' })
    a.end(Buffer.from(await reply.arrayBuffer()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  return { url: `http://127.0.0.1:${server.address().port}`, asked }
}

test('kubo: dag/export brings all of it; block/get the rest of it, or all, where that is refused', async (t) => {
  const [world, node] = await Promise.all([makeWorld(t), startJsIpfs(t)])
  const image = randomBytes(3 * 2 ** 20 + 99)
  const cid = await node.add(image, { 'cid-version': 1, 'raw-leaves': true })
  await world.publish({ image, manifest: { image: { sha256: sha256(image), size: image.length, cid } } })
  await world.finalize()

  for (const [name, deny, first, blocks] of [
    ['export', {}, 'POST /api/v0/dag/export', 0],
    ['blocks', { '/api/v0/dag/export': 404 }, 'POST /api/v0/dag/export', 13],
    ['gone', { '/api/v0/dag/export': 410 }, 'POST /api/v0/dag/export', 13],
  ]) {
    await t.test(name, async (t) => {
      const front = await startFront(t, node.api, deny)
      const gateway = await world.gateway({ dir: world.otherDir(name), config: { sources: [{ name: 'node', kind: 'kubo', url: front.url }] } })
      await gateway.waitRelease(PRODUCT, 1, 'active')
      const got = Buffer.from(await (await gateway.get(`/fw/${PRODUCT}/image`)).arrayBuffer())
      assert.deepEqual(sha256(got), sha256(image))
      assert.equal(front.asked[0], first)
      assert.equal(front.asked.filter((a) => a === 'POST /api/v0/block/get').length, blocks ? blocks + 1 : 0, front.asked.join('\n'))
      const [source] = (await gateway.ask('sources')).items
      assert.deepEqual([source.kind, source.state, source.bad_blocks], ['kubo', 'ok', 0])
    })
  }
})
