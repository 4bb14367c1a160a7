// site.mjs: a site with three gateways, of which one has an uplink. Runs in a network namespace of its own (netns.mjs), which is the
// internet with the source, and the site's switch with its Ethereum node. Prints what happened as one JSON line.
//
//	source ── 10.1.0.0/24 ── first ─┐
//	                                ├─ 192.168.7.0/24 ── second, third
//	        Ethereum node ──────────┘
import { randomBytes } from 'node:crypto'
import { startGateway } from '../support/gateway.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { lan, makeHost, wire } from '../support/netns.mjs'
import { sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const SIZE = Number(process.argv[2])
const ends = []
const t = { after: (fn) => ends.unshift(fn) }
const names = ['first', 'second', 'third']
const at = (i) => `192.168.7.${i + 2}`
const peersOf = (i) => names.flatMap((name, j) => j === i ? [] : [{ name, kind: 'peer', url: `http://${at(j)}:8080`, private: undefined }])

async function served(i) {
  const reply = await fetch(`http://${at(i)}:8080/fw/${PRODUCT}/image`)
  return sha256(Buffer.from(await reply.arrayBuffer())).toString('hex')
}

try {
  const world = await makeWorld(t, { chain: { host: '0.0.0.0' } })
  const hosts = await Promise.all(names.map(() => makeHost(t)))
  const [, uplink] = wire(null, '10.1.0.1/24', hosts[0], '10.1.0.2/24')
  lan(hosts.map((host, i) => [host, `${at(i)}/24`]), '192.168.7.1/24')
  const source = await startSource(t, { host: '10.1.0.1', blocks: world.source.blocks })
  const providers = [{ name: 'site', url: world.chain.url.replace('127.0.0.1', '192.168.7.1'), operator: 'site' }]
  const conf = (i, dir, more = []) => world.config({ dir, product: { 'max-image': '256M' }, config: { providers, listen: `${at(i)}:8080`,
    sources: [...more, ...peersOf(i)] } })
  const start = (i, dir = world.otherDir(names[i])) =>
    startGateway(t, { dir, host: hosts[i], conf: conf(i, dir, i === 0 ? [{ name: 'own', url: source.url }] : []) })

  const gateways = await Promise.all(names.map((_, i) => start(i)))
  await Promise.all(gateways.map((g) => g.waitProven()))
  const before = hosts[0].received(uplink)
  const { sha256: digest } = await world.publish({ image: randomBytes(SIZE) })
  await world.finalize()
  await Promise.all(gateways.map((g) => g.waitRelease(PRODUCT, 1, 'active')))
  const result = {
    size: SIZE, uplink: hosts[0].received(uplink) - before, digest,
    served: await Promise.all(names.map((_, i) => served(i))),
    asked: source.requests.map((r) => r.format),
    sources: await Promise.all(gateways.map(async (g) => (await g.ask('sources')).items.map(({ name, kind, bytes, bad_blocks }) => ({ name, kind, bytes, bad_blocks })))),
  }

  // The one with the uplink goes; a new third one has the image from the second.
  await Promise.all([gateways[0].stop(), gateways[2].stop()])
  const third = await start(2, world.otherDir('third-again'))
  await third.waitRelease(PRODUCT, 1, 'active')
  result.again = { served: await served(2), asked: source.requests.length, uplink: hosts[0].received(uplink) - before }
  await waitFor('the second to be asked', async () => (await third.ask('sources')).items.find((s) => s.name === 'second').bytes >= SIZE)
  console.log(JSON.stringify(result))
} finally {
  for (const end of ends) await end()
}
