// count-proxy.mjs: a JSON-RPC proxy that changes nothing and counts: calls by method, bodies, and what went over the socket.
import { createServer, request as ask } from 'node:http'
import { once } from 'node:events'

const read = async (stream) => {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Forwards to `upstream` (a base URL), with the headers of both sides as they came. counts(): { exchanges, calls: { method: n }, asked,
 * answered (body bytes), wireIn, wireOut (bytes on the socket, HTTP headers included) } since the last reset(). while(fn): runs fn
 * (async) while no request is on its way: anvil's proofs are of another state than their block's while it mines.
 */
export async function startCountProxy(t, upstream) {
  const to = new URL(upstream)
  const sockets = new Set()
  const zero = () => ({ exchanges: 0, calls: {}, asked: 0, answered: 0, wireIn: 0, wireOut: 0 })
  let now = zero()
  let before = { wireIn: 0, wireOut: 0 }
  const note = (body) => {
    for (const { method } of [JSON.parse(body)].flat()) now.calls[method] = (now.calls[method] ?? 0) + 1
  }
  let gate = Promise.resolve()
  const asking = new Set()
  const wire = () => [...sockets].reduce((sum, s) => ({ wireIn: sum.wireIn + s.bytesRead, wireOut: sum.wireOut + s.bytesWritten }), { wireIn: 0, wireOut: 0 })
  const exchange = async (q, body) => {
    const upstreamRequest = ask({ host: to.hostname, port: to.port, path: q.url, method: q.method, headers: { ...q.headers, host: to.host } })
    upstreamRequest.end(body)
    const [answer] = await once(upstreamRequest, 'response')
    return { answer, reply: await read(answer) }
  }
  const forward = (q, body) => {
    const done = exchange(q, body).finally(() => asking.delete(done))
    asking.add(done)
    return done
  }
  const server = createServer(async (q, a) => {
    const body = await read(q)
    await gate
    const { answer, reply } = await forward(q, body)
    now.exchanges++
    now.asked += body.length
    now.answered += reply.length
    note(body)
    a.writeHead(answer.statusCode, answer.headers)
    a.end(reply)
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  t.after(stop)
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    counts: () => {
      const { wireIn, wireOut } = wire()
      return { ...now, wireIn: wireIn - before.wireIn, wireOut: wireOut - before.wireOut }
    },
    async while(fn) {
      let open
      gate = new Promise((resolve) => { open = resolve })
      await Promise.allSettled(asking)
      await fn().finally(open)
    },
    reset() {
      before = wire()
      now = zero()
    },
    stop,
  }
}
