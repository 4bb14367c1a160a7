// proxy.mjs: an outbound proxy as companies have them: forwards http, tunnels the rest with CONNECT.
import { createServer, request as ask } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { freePort } from './ports.mjs'

/** Where all of its own connections come from: whom a server sees. Nobody else on this machine has that address. */
export const PROXY_ADDRESS = '127.0.0.2'

/**
 * Starts one for the test `t`; with `user` and `password` it serves only who says them. The result: url (with both), seen
 * ([{ method, target }] of what it served), refused (how many it did not), stop(), start() (again, at the same port), and
 * answer(q), which may be set: what it gives, a body, is the proxy's own answer to a request that it should forward.
 */
export async function startProxy(t, { user, password } = {}) {
  const proxy = { seen: [], refused: 0, answer: () => undefined }
  const sockets = new Set()
  const wanted = user && `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  let server

  const note = (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }
  const isRefused = (q) => {
    const refused = wanted && q.headers['proxy-authorization'] !== wanted
    if (refused) proxy.refused++
    else proxy.seen.push({ method: q.method, target: q.url })
    return refused
  }
  const forward = (q, a) => {
    if (isRefused(q)) return a.writeHead(407, { 'proxy-authenticate': 'Basic realm="a proxy"' }).end(q.headers['proxy-authorization'])
    if (!/^http:\/\//.test(q.url)) return a.writeHead(400).end('a proxy is asked for whole URLs\n')
    const own = proxy.answer(q)
    if (own) return a.end(own)
    const headers = { ...q.headers }
    delete headers['proxy-authorization']
    const out = ask(q.url, { method: q.method, headers, agent: false, localAddress: PROXY_ADDRESS }, (reply) => {
      a.writeHead(reply.statusCode, reply.headers)
      reply.pipe(a)
    })
    out.on('socket', note)
    out.on('error', () => q.socket.destroy())
    q.pipe(out)
  }
  const tunnel = (q, socket, head) => {
    if (isRefused(q)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
    const [host, port] = q.url.split(':')
    const far = note(connect({ host, port: Number(port), localAddress: PROXY_ADDRESS }, () => {
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
    server.on('connection', note)
    proxy.port ??= await freePort()
    server.listen(proxy.port, '127.0.0.1')
    await once(server, 'listening')
    const login = user ? `${encodeURIComponent(user)}:${encodeURIComponent(password)}@` : ''
    proxy.url = `http://${login}127.0.0.1:${proxy.port}`
  }
  proxy.stop = () => new Promise((resolve) => {
    server.close(resolve)
    for (const socket of sockets) socket.destroy()
  })
  await proxy.start()
  t.after(proxy.stop)
  return proxy
}
