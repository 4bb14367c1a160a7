// thin-line.mjs: a gateway behind a line of 4 Mbit/s, with two sources of the same worth. Runs in a network namespace of its own (netns.mjs).
//	node thin-line.mjs BYTES		prints one JSON line
import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { startGateway } from '../support/gateway.mjs'
import { startGateway as startSource } from '../support/ipfs-gateway.mjs'
import { makeHost, wire } from '../support/netns.mjs'
import { sha256 } from '../support/suit.mjs'
import { waitFor } from '../support/wait.mjs'
import { PRODUCT, makeWorld } from '../support/world.mjs'

const size = Number(process.argv[2])
const ends = []
const t = { after: (fn) => ends.unshift(fn) }
try {
  const world = await makeWorld(t, { chain: { host: '0.0.0.0' } })
  const host = await makeHost(t, { smallBuffers: true })
  wire(null, '10.2.0.1/24', host, '10.2.0.2/24')
  const [here, there] = wire(null, '10.1.0.1/24', host, '10.1.0.2/24')
  const shaped = spawnSync('tc', ['qdisc', 'add', 'dev', here, 'root', 'tbf', 'rate', '4mbit', 'burst', '16kb', 'latency', '300ms'], { encoding: 'utf8' })
  if (shaped.status !== 0) throw new Error(`tc: ${shaped.stderr}`)
  const sources = await Promise.all([0, 1].map(() => startSource(t, { host: '10.1.0.1', blocks: world.source.blocks })))
  const gateway = await startGateway(t, { host, dir: world.otherDir('gateway'), conf: world.config({ dir: world.otherDir('gateway'), config: {
    listen: '10.2.0.2:8080', providers: [{ name: 'one', url: world.chain.url.replace('127.0.0.1', '10.2.0.1'), operator: 'alpha' }],
    sources: sources.map((s, i) => ({ name: `s${i}`, url: s.url })),
  } }) })
  await gateway.waitProven()
  const image = randomBytes(size)
  await world.publish({ image })
  const before = host.received(there)
  await world.finalize()
  // Killed when a third of it is there.
  await waitFor('a third of it', async () => (await gateway.release(PRODUCT, 1))?.fetch?.bytes > size / 3, { deadline_ms: 60000 })
  const shown = (await gateway.cli('releases')).stdout
  for (const pid of [gateway.server.pid, ...Object.values(await gateway.children())]) process.kill(pid, 'SIGKILL')
  await gateway.server.gone
  await gateway.start()
  await waitFor('all of it', async () => (await gateway.release(PRODUCT, 1)).state === 'active', { deadline_ms: 60000 })
  const got = Buffer.from(await (await fetch(`http://10.2.0.2:8080/fw/${PRODUCT}/image`)).arrayBuffer())
  console.log(JSON.stringify({ same: sha256(got).equals(sha256(image)), bytes: host.received(there) - before, size, shown,
    asked: sources.map((s) => s.requests.map((r) => r.format)) }))
} finally {
  for (const end of ends) await end()
}
