// ipfs-gateway.mjs: a small trustless gateway made of the reference libraries, honest unless a fault is switched on.
//
// specs.ipfs.tech/http-gateways/trustless-gateway: GET and HEAD /ipfs/{cid} with format=car|raw, or Accept.
// Run as a program it serves files: `node ipfs-gateway.mjs [--fault NAME] FILE…` prints "gateway URL" and "cid CID FILE" lines,
// and ends with its standard input, so that a script that dies takes it along.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Blocks, carOf, readCid } from './ipfs-blocks.mjs'
import { faults } from './ipfs-faults.mjs'

const types = { car: 'application/vnd.ipld.car', raw: 'application/vnd.ipld.raw' }

/** format, dups of a request; null when it asks for neither CAR nor raw block. */
function wanted(url, accept = '') {
  const asked = accept.split(',').map((part) => part.trim()).find((part) => Object.values(types).some((t) => part.startsWith(t)))
  const byAccept = asked?.startsWith(types.car) ? 'car' : asked ? 'raw' : null
  const format = url.searchParams.get('format') ?? byAccept
  if (!(format in types)) return null
  return { format, dups: !/dups=n/.test(asked ?? '') }
}

/**
 * Starts one for the test `t` (or anything with after()). `add` imports a file; `fault = NAME` makes it hostile from the next request on, null honest
 * again (see ipfs-faults.mjs); `dups = false` leaves repetitions out of its CARs; `requests` is what it was asked, as { format, cid, status, bytes }. hold() lets single blocks wait, hold('car')
 * archives, until letGo() gives them, or letGo({ lacks: true }) says that there are no single blocks.
 */
export async function startGateway(t, { blocks = new Blocks(), fault = null, host = '127.0.0.1', port = 0 } = {}) {
  const gateway = { blocks, fault, dups: true, requests: [], held: null, lacksRaw: false, add: (bytes, options) => blocks.add(bytes, options) }
  const server = createServer((req, res) => {
    answer(gateway, req, res).catch((error) => {
      if (!res.headersSent) res.writeHead(500)
      res.end(`${error.message}\n`)
    })
  })
  await new Promise((resolve) => server.listen(port, host, resolve))
  gateway.hold = (format = 'raw') => {
    const held = { format }
    held.over = new Promise((resolve) => { held.end = resolve })
    gateway.held = held
  }
  gateway.letGo = ({ lacks = false } = {}) => { gateway.lacksRaw = lacks; gateway.held?.end(); gateway.held = null }
  gateway.url = `http://${host}:${server.address().port}`
  gateway.stop = () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) })
  t?.after(() => gateway.stop())
  return gateway
}

async function answer(gateway, req, res) {
  const url = new URL(req.url, 'http://x')
  const name = url.pathname.match(/^\/ipfs\/([^/]+)$/)?.[1]
  const want = wanted(url, req.headers.accept)
  const entry = { format: want?.format, cid: name, status: 200, bytes: 0 }
  gateway.requests.push(entry)
  res.on('close', () => { entry.status = res.statusCode; entry.bytes = res.socket?.bytesWritten ?? entry.bytes })
  if (!['GET', 'HEAD'].includes(req.method)) return res.writeHead(405).end()
  if (!name) return res.writeHead(404).end('not found\n')
  if (!want) return res.writeHead(406).end('format=car or format=raw\n')
  let root
  try {
    root = readCid(name)
  } catch (error) {
    return res.writeHead(400).end(`${error.message}\n`)
  }
  if (want.format === gateway.held?.format) await gateway.held.over
  if (want.format === 'raw' && gateway.lacksRaw) return res.writeHead(404).end('no single blocks here\n')
  const hostile = gateway.fault ? faults[gateway.fault] : {}
  if (!hostile) throw new Error(`no fault is called ${gateway.fault}`)
  if (hostile.head?.(want.format, req, res, gateway)) return
  if (!gateway.blocks.has(root)) return res.writeHead(404).end('block not found\n')
  const dups = want.dups && gateway.dups
  const headers = want.format === 'car'
    ? { 'content-type': `${types.car}; version=1; order=dfs; dups=${dups ? 'y' : 'n'}`, etag: `W/"${root}.car"` }
    : { 'content-type': types.raw, etag: `"${root}.raw"` }
  let body
  if (want.format === 'car') {
    let list = [...gateway.blocks.walk(root, { dups })]
    list = hostile.blocks?.(list, root) ?? list
    body = await carOf(root, list)
  } else {
    body = Buffer.from(gateway.blocks.get(root))
  }
  body = hostile.body?.(body, want.format) ?? body
  if (req.method === 'HEAD') return res.writeHead(200, { ...headers, 'content-length': body.length }).end()
  if (hostile.send) return hostile.send(body, res, headers, want.format)
  res.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
}

async function main(args) {
  const at = args.indexOf('--fault')
  const fault = at < 0 ? null : args.splice(at, 2)[1]
  const gateway = await startGateway(null, { fault })
  console.log(`gateway ${gateway.url}`)
  for (const file of args) console.log(`cid ${await gateway.add(await readFile(file))} ${basename(file)}`)
  console.log('ready')
  process.stdin.resume().on('end', () => process.exit(0))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
