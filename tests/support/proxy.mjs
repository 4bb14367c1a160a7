// proxy.mjs: an outbound proxy as companies have them: forwards http, tunnels the rest with CONNECT.
import { createServer, request as ask } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'

/**
 * Starts one for the test `t`. The result: url, seen ([{ method, target }]), ports (a Set of the ports that its own connections came
 * from: whom a server sees), stop(), start() (again, at the same port).
 */
export async function startProxy(t) {
  const proxy = { seen: [], ports: new Set() }
  const sockets = new Set()
  let server

  const note = (socket) => {
    sockets.add(socket)
    socket.on('connect', () => proxy.ports.add(socket.localPort))
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }
  const forward = (q, a) => {
    proxy.seen.push({ method: q.method, target: q.url })
    if (!/^http:\/\//.test(q.url)) return a.writeHead(400).end('a proxy is asked for whole URLs\n')
    const out = ask(q.url, { method: q.method, headers: q.headers, agent: false }, (reply) => {
      a.writeHead(reply.statusCode, reply.headers)
      reply.pipe(a)
    })
    out.on('socket', note)
    out.on('error', () => q.socket.destroy())
    q.pipe(out)
  }
  const tunnel = (q, socket, head) => {
    proxy.seen.push({ method: q.method, target: q.url })
    const [host, port] = q.url.split(':')
    const far = note(connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      far.write(head)
      far.pipe(socket).pipe(far)
    }))
    const end = () => { far.destroy(); socket.destroy() }
    for (const one of [far, socket]) one.on('close', end)
    socket.on('error', end)
  }

  proxy.start = async () => {
    server = createServer(forward).on('connect', tunnel)
    server.on('connection', (socket) => { sockets.add(socket); socket.on('close', () => sockets.delete(socket)) })
    server.listen(proxy.port ?? 0, '127.0.0.1')
    await once(server, 'listening')
    proxy.port = server.address().port
    proxy.url = `http://127.0.0.1:${proxy.port}`
  }
  proxy.stop = () => new Promise((resolve) => {
    server.close(resolve)
    for (const socket of sockets) socket.destroy()
  })
  await proxy.start()
  t.after(proxy.stop)
  return proxy
}
