// Several upload targets at once: a js-ipfs node, directories, pinning services; each reported, none given the image twice.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { startJsIpfs } from '../support/js-ipfs.mjs'
import { startPinningService } from '../support/pinning-service.mjs'
import { EXIT, gatepost, makeDesk } from '../support/publisher.mjs'

const t = { after: (fn) => cleanups.push(fn) }
const cleanups = []
const PRODUCT = 'acme/thermostat'
let desk, ipfs, key
before(async () => {
  desk = await makeDesk(t)
  ipfs = await startJsIpfs(t)
  key = await desk.key('signer')
  await desk.register(PRODUCT, [key])
})
after(async () => { for (const fn of cleanups.reverse()) await fn() })

let made = 0
/** A release nobody has seen: `publish(…targets, …)` runs it. */
async function newRelease(size = 1500000) {
  const number = ++made
  const image = await desk.file(`image-${number}`, randomBytes(size))
  const args = ['publish', '--product', PRODUCT, '--version', `1.${number}`, '--image', image, '--signing-key', key.path]
  return { image, version: `1.${number}`, args, publish: async (...more) => gatepost(...args, ...more, ...await desk.to(), '--json') }
}

describe('a pinning service', () => {
  test('is asked for a copy of what a node has, and is waited for', async () => {
    const token = await desk.file('token', 's3cret.token\n')
    const service = await startPinningService(t, { token: 's3cret.token' })
    const { publish, version } = await newRelease()
    const running = publish('--upload', `pinning:${service.url}#${token}`, '--upload', `kubo:${ipfs.api}`)
    await service.asked(/GET \/pins\/req-1/, running)
    service.settle('pinning')
    await service.asked(/GET \/pins\/req-1/, running, 3)
    service.settle('pinned')
    const r = await running
    assert.equal(r.code, EXIT.done, r.stderr)
    assert.deepEqual(r.json.targets.map((x) => [x.target, x.state, x.ok, x.verified, x.error]), [
      [`pinning:${service.url}`, 'pinned', true, false, null], [`kubo:${ipfs.api}`, 'uploaded', true, true, null],
    ])
    const [pin] = service.pins()
    assert.equal(pin.pin.cid, r.json.cid)
    assert.equal(pin.pin.name, `${PRODUCT} ${version}`)
    assert.deepEqual(pin.pin.meta, { product: PRODUCT, version, sha256: r.json.sha256 })
    assert.match(service.requests[0], new RegExp(`^GET /pins\\?cid=${r.json.cid}`))
    assert.doesNotMatch(r.stderr + r.stdout, /s3cret/)
  })
})
