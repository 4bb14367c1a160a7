// tamper-proxy.mjs: an HTTP proxy in front of an honest server, for what a dishonest one would do.
import { createServer } from 'node:http'
import { once } from 'node:events'

/**
 * Forwards every request to `upstream` (a base URL). `tamper(request, reply)` may look at { method, url, headers, body } and
 * return another { status, headers, body } instead of the honest reply, which it is given; undefined leaves it. With
 * before(request) a request can be answered (or delayed) without asking upstream.
 * The result: url, requests (all seen), stop().
 */
export async function startTamperProxy(t, upstream, { tamper = () => undefined, before = () => undefined } = {}) {
  const requests = []
  const server = createServer(async (q, a) => {
    const chunks = []
    for await (const chunk of q) chunks.push(chunk)
    const request = { method: q.method, url: q.url, headers: q.headers, body: Buffer.concat(chunks) }
    requests.push(request)
    let reply = await before(request)
    if (!reply) {
      const headers = { ...q.headers }
      for (const name of ['host', 'connection', 'content-length', 'transfer-encoding', 'expect']) delete headers[name]
      const r = await fetch(upstream + q.url, { method: q.method, headers, body: request.body.length ? request.body : undefined })
        .catch(() => null)
      if (!r) return q.socket.destroy() // upstream is gone: so are we
      const honest = { status: r.status, headers: { 'content-type': r.headers.get('content-type') ?? 'text/plain' }, body: Buffer.from(await r.arrayBuffer()) }
      reply = await tamper(request, honest) ?? honest
    }
    if (reply.hangUp) return q.socket.destroy()
    a.writeHead(reply.status, reply.headers)
    a.end(reply.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  t.after(stop)
  return { url: `http://127.0.0.1:${server.address().port}`, requests, stop }
}
