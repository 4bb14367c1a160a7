// tamper-proxy.mjs: an HTTP server in front of an honest one, for what a dishonest one would do.
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import { freePort } from './ports.mjs'

/**
 * Forwards every request to `upstream` (a base URL). `tamper(request, reply)` may look at { method, url, headers, body } and
 * return another { status, headers, body } instead of the honest reply, which it is given; undefined leaves it. With
 * before(request) a request can be answered (or delayed) without asking upstream. A reply { hangUp: true } ends the
 * connection, { stall: true } never comes. `tls` ({ key, cert, … }) makes it https; `rewrite(url)` gives the path to ask upstream for.
 * The result: url, port, requests (all seen), peers (addresses that connections came from), stop().
 */
export async function startTamperProxy(t, upstream, { tamper = () => undefined, before = () => undefined, rewrite = (url) => url, tls, port } = {}) {
  const requests = []
  const peers = []
  const answer = async (q, a) => {
    const chunks = []
    for await (const chunk of q) chunks.push(chunk)
    const request = { method: q.method, url: q.url, headers: q.headers, body: Buffer.concat(chunks) }
    requests.push(request)
    let reply = await before(request)
    if (!reply) {
      const headers = { ...q.headers }
      for (const name of ['host', 'connection', 'content-length', 'transfer-encoding', 'expect']) delete headers[name]
      const r = await fetch(upstream + rewrite(q.url), { method: q.method, headers, body: request.body.length ? request.body : undefined })
        .catch(() => null)
      if (!r) return q.socket.destroy() // upstream is gone: so are we
      const honest = { status: r.status, headers: { 'content-type': r.headers.get('content-type') ?? 'text/plain' }, body: Buffer.from(await r.arrayBuffer()) }
      reply = await tamper(request, honest) ?? honest
    }
    if (reply.stall) return
    if (reply.hangUp) return q.socket.destroy()
    a.writeHead(reply.status, reply.headers)
    a.end(reply.body)
  }
  const listener = (q, a) => answer(q, a).catch(() => q.socket.destroy()) // upstream is away, or the client is
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.on('connection', (socket) => peers.push(socket.remoteAddress))
  server.listen(port ?? await freePort(), '127.0.0.1') // which another may take over
  await once(server, 'listening')
  const stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  t.after(stop)
  return { url: `http${tls ? 's' : ''}://127.0.0.1:${server.address().port}`, port: server.address().port, requests, peers, stop }
}
