// viem-sync.mjs: the peer of ../chain-sync.mjs: what one would write to have a registry's releases in memory. Asks for the contract's events
// from its deployment on, in fixed chunks, decodes them with viem and keeps the newest state. Believes its node, checks no signature
// and stores nothing.
//
//	node viem-sync.mjs URL REGISTRY FROM-BLOCK CHUNK ABI-FILE      prints one line of JSON
import { readFile } from 'node:fs/promises'
import { createPublicClient, http } from 'viem'

const [url, address, from, chunk, abiFile] = process.argv.slice(2)
const abi = JSON.parse(await readFile(abiFile, 'utf8'))
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6 }
const started = { cpu: cpu(), wall: performance.now() }

const products = new Map()
const of = (id) => products.get(id) ?? products.set(id, { releases: new Map(), floor: 0n }).get(id)
const apply = {
  ProductRegistered: ({ product, registrant, name }) => Object.assign(of(product), { owner: registrant, name }),
  SignersChanged: ({ product, threshold, signers }) => Object.assign(of(product), { threshold, signers }),
  PublisherChanged: () => {},
  ReleasePublished: ({ product, sequence, publisher, manifest, time }) => of(product).releases.set(sequence, { publisher, manifest, time }),
  ReleaseRevoked: ({ product, sequence, reason }) => { of(product).releases.get(sequence).revoked = reason },
  FloorRaised: ({ product, floor }) => { of(product).floor = floor },
  OwnershipTransferred: ({ product, to }) => { of(product).owner = to },
}

const client = createPublicClient({ transport: http(url) })
const latest = await client.getBlockNumber()
for (let block = BigInt(from); block <= latest; block += BigInt(chunk)) {
  const last = block + BigInt(chunk) - 1n
  const events = await client.getContractEvents({ address, abi, fromBlock: block, toBlock: last < latest ? last : latest, strict: true })
  for (const { eventName, args } of events) apply[eventName](args)
}

const status = await readFile('/proc/self/status', 'utf8')
console.log(JSON.stringify({
  products: products.size,
  releases: [...products.values()].reduce((sum, p) => sum + p.releases.size, 0),
  cpu_s: cpu(), cpu_without_start_s: cpu() - started.cpu, wall_ms: performance.now() - started.wall,
  peak_kib: Number(/VmHWM:\s+(\d+)/.exec(status)[1]),
}))
