// bit-rot-readers.mjs: devices and peers who read a gateway whose files rot, each in its own way: what they get is whole and right, or they are refused.
import assert from 'node:assert/strict'
import { OPTION, block, codeName, readUint } from '../support/coap.mjs'
import { PRODUCT } from '../support/world.mjs'
import { Loops } from './bit-rot-loops.mjs'

/** They read until stop(), and not while they are held: { counts, wrong, hold(), stop() }. `wrong`: what came and should not have. */
export function startReaders(world, dice) {
  const counts = { whole: 0, range: 0, car: 0, raw: 0, coap: 0, manifest: 0, states: 0, refused: 0, cut: 0 }
  const wrong = [], loops = new Loops()
  const loop = (name, read) => loops.run(async () => {
    try {
      const result = await read()
      counts[result ? name : 'refused']++
    } catch (error) {
      if (error.code === 'ERR_ASSERTION') wrong.push(error.message)
      else counts.cut++ // cut short, or the keeper starts anew
    }
  })
  const get = async (path, headers) => {
    const answer = await world.gateway.get(path, { headers })
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
  }
  const any = () => dice.pick(world.published)
  loop('whole', async () => {
    const p = any(), { status, body } = await get(`/sha256/${p.sha256}`)
    if (status !== 200) return false
    assert.ok(body.equals(p.image), `whole: ${p.sequence}`)
    return true
  })
  loop('range', async () => {
    const p = any(), from = dice.below(p.image.length), to = Math.min(p.image.length, from + 1 + dice.below(200000))
    const { status, body } = await get(`/sha256/${p.sha256}`, { range: `bytes=${from}-${to - 1}` })
    if (status !== 206) return false
    assert.ok(body.equals(p.image.subarray(from, to)), `range: ${p.sequence} ${from}-${to}`)
    return true
  })
  loop('car', async () => {
    const p = any(), { status, body } = await get(`/ipfs/${p.cid}?format=car`)
    if (status !== 200) return false
    assert.ok(body.equals(p.car), `CAR: ${p.sequence}`)
    return true
  })
  loop('raw', async () => {
    const p = any(), b = dice.pick(p.blocks), { status, body } = await get(`/ipfs/${b.cid}?format=raw`)
    if (status !== 200) return false
    assert.ok(body.equals(Buffer.from(b.bytes)), `block: ${p.sequence} ${b.cid}`)
    return true
  })
  loop('manifest', async () => {
    const { status, headers, body } = await get(`/fw/${PRODUCT}`)
    if (status !== 200) return false
    assert.equal(headers.get('gatepost-sequence'), String(world.newest.sequence), 'an older release is offered')
    assert.ok(body.equals(Buffer.from(world.newest.envelope)), 'manifest')
    return true
  })
  loop('states', async () => {
    const rows = await world.gateway.releases(PRODUCT)
    assert.deepEqual(rows.filter((r) => r.state === 'active' && r.sequence !== world.newest.sequence), [], 'an older release is active')
    return rows.length > 0
  })
  loop('coap', () => readCoap(world))
  return { counts, wrong, hold: () => loops.hold(), stop: () => loops.stop() }
}

/** The active image in blocks of 1 KiB; false when one is refused. */
async function readCoap(world) {
  const { image } = world.newest, parts = []
  let etag
  for (let n = 0, more = true; more; n++) {
    const reply = await world.coap.ask(`/fw/${PRODUCT}/image`, { options: [[OPTION.BLOCK2, block(n, 6)]], tries: 3, wait_ms: 1000 })
    if (!reply || codeName(reply.code) !== '2.05') return false
    const tag = reply.options.get(OPTION.ETAG)?.[0]?.toString('hex')
    if (n && tag !== etag) return false
    etag = tag
    parts.push(reply.payload)
    more = (readUint(reply.options.get(OPTION.BLOCK2)[0]) & 8) !== 0
  }
  assert.ok(Buffer.concat(parts).equals(image), 'CoAP image')
  return true
}
