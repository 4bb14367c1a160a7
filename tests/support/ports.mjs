// ports.mjs: ports that stay a test's own while nobody listens at them.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below those that the kernel gives to who asks for any; far from those of other processes, whose ids are near.
const FIRST = 12000, PORTS = 20000
let next = process.pid * 61

/** A port that is free for TCP and UDP, and that nobody gets by asking for port 0. */
export async function freePort() {
  for (;;) {
    const port = FIRST + next++ % PORTS
    const socket = createSocket('udp4'), server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      socket.bind(port, '127.0.0.1')
      await once(socket, 'listening')
      return port
    } catch { /* somebody else's */ } finally {
      await new Promise((resolve) => server.close(resolve))
      socket.close()
    }
  }
}

/** A URL where nobody listens. */
export const deadUrl = async () => `http://127.0.0.1:${await freePort()}`
