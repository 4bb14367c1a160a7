// helia-fetch.mjs: the peer of ../fetch.mjs: a file by its CID from one trustless gateway with Helia, verified, to a file.
//
//	node helia-fetch.mjs GATEWAY CID FILE      prints one line of JSON
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createHeliaHTTP } from '@helia/http'
import { trustlessGateway } from '@helia/block-brokers'
import { httpGatewayRouting } from '@helia/routers'
import { unixfs } from '@helia/unixfs'
import { CID } from 'multiformats/cid'

Promise.withResolvers ??= function () {
  const parts = {}
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}
const [gateway, cid, file] = process.argv.slice(2)
const helia = await createHeliaHTTP({
  blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
  routers: [httpGatewayRouting({ gateways: [gateway] })],
})
const began = performance.now()
let first
const out = createWriteStream(file)
for await (const chunk of unixfs(helia).cat(CID.parse(cid))) {
  first ??= performance.now() - began
  if (!out.write(chunk)) await once(out, 'drain')
}
out.end()
await once(out, 'finish')
const ms = performance.now() - began
const status = await readFile('/proc/self/status', 'utf8')
console.log(JSON.stringify({ ms, first_ms: first, peak_kib: Number(/VmHWM:\s+(\d+)/.exec(status)[1]) }))
process.exit(0)
