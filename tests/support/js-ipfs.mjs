// js-ipfs.mjs: a whole js-ipfs node (ipfs@0.66) with its RPC under /api/v0, as the peer behind `kind = kubo` sources and `kubo:` targets.
//
// It knows nobody and listens on loopback only. Run as a program it is the node itself; imported, it starts one.
import { fileURLToPath } from 'node:url'
import { startServer } from './process.mjs'
import { tempDir } from './temp.mjs'

/**
 * Starts a node for the test `t`. `api` is its base URL ("http://127.0.0.1:PORT"); `add(bytes, query)` imports a file
 * and returns its CID as text, `call(path, options)` is any other RPC.
 */
export async function startJsIpfs(t) {
  const dir = await tempDir(t, 'gatepost-js-ipfs-')
  const server = await startServer(process.execPath, [fileURLToPath(import.meta.url), dir], {
    ready: (line) => line.match(/^api (http\S+)/)?.[1],
    deadline_ms: 60000,
  })
  t.after(() => server.stop())
  const api = server.up
  const call = (path, options = {}) => fetch(`${api}/api/v0/${path}`, { method: 'POST', ...options })
  async function add(bytes, query = {}) {
    const form = new FormData()
    form.append('file', new Blob([bytes]))
    const reply = await call(`add?${new URLSearchParams({ pin: 'true', ...query })}`, { body: form })
    const text = await reply.text()
    if (!reply.ok) throw new Error(`add: ${reply.status} ${text}`)
    return JSON.parse(text.trim().split('\n').at(-1)).Hash
  }
  return { api, add, call, pid: server.pid, stop: () => server.stop() }
}

async function serve(repo) {
  // The node is from before Node 22; its newest dependencies are not.
  Promise.withResolvers ??= function () {
    const parts = {}
    parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }))
    return parts
  }
  const { create } = await import('ipfs-core')
  const { HttpApi } = await import('ipfs-http-server')
  const node = await create({
    repo,
    silent: true,
    offline: true,
    init: { emptyRepo: true },
    config: {
      Addresses: { Swarm: [], API: '/ip4/127.0.0.1/tcp/0', Gateway: '', Delegates: [] },
      Bootstrap: [],
      Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } },
    },
  })
  const api = new HttpApi(node)
  await api.start()
  const { port } = api._apiServers[0].info
  console.log(`api http://127.0.0.1:${port}`)
  process.on('SIGTERM', async () => {
    await api.stop()
    await node.stop()
    process.exit(0)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2])
