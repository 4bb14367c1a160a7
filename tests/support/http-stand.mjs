// http-stand.mjs: a real gatepost-server with a keeper that the test plays (tests/integration/http_stand.c).
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { buildDir } from './gateway.mjs'
import { tempDir } from './temp.mjs'
import { waitFor } from './wait.mjs'

const PATIENCE_MS = 20000 // with a busy machine

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/**
 * Starts a server. `settings`: { 'limits.hot': '1M' }. Commands are sent with say(); what the keeper heard is in
 * heard, and until(kind) waits for it.
 */
export async function startStand(t, settings = {}) {
  const dir = await tempDir(t)
  const state = join(dir, 'state')
  await mkdir(state)
  const args = [join(buildDir, 'gatepost-server'), state, ...Object.entries(settings).map(([k, v]) => `${k}=${v}`)]
  const child = spawn(join(buildDir, 'tests/integration/http_stand'), args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const heard = []
  const log = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) heard.push(JSON.parse(line))
  })
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text))
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin.on('error', () => {})
  const stand = {
    dir, state, heard, log, child,
    objectPath: (digest) => join(state, 'objects', digest.slice(0, 2), digest),
    say: (...lines) => { for (const line of lines) child.stdin.write(`${line}\n`) },
    async until(kind, which = () => true) {
      const heardIt = waitFor(kind, () => heard.find((m) => kind in m && which(m[kind])), { deadline_ms: PATIENCE_MS })
      const found = await Promise.race([heardIt.catch(() => null), ended.then(() => null)])
      if (!found) throw new Error(`the keeper never heard ${kind}: ${JSON.stringify(heard)}\n${log.join('')}`)
      return found[kind]
    },
    /** Writes a file for `image` and `release` commands. */
    async file(name, bytes) {
      await writeFile(join(dir, name), bytes)
      return join(dir, name)
    },
    /** acme/lamp with one release of this image on `stable`, as a new catalog. */
    async publish(bytes, { sequence = 1, version = `1.${sequence}` } = {}) {
      const image = await this.file(`image-${sequence}`, bytes)
      const manifest = await this.file(`manifest-${sequence}`, `manifest of release ${sequence}`)
      this.say(`image ${image}`, 'product acme/lamp', 'channel stable', `release ${sequence} stable ${image} ${version} ${manifest}`,
        'catalog')
    },
    async start() {
      this.say('go')
      const ready = await this.until('ready')
      this.port = ready.http
      this.operatorPort = ready.operator
      this.pid = ready.pid
      this.url = `http://127.0.0.1:${ready.http}`
      this.operatorUrl = `http://127.0.0.1:${ready.operator}`
    },
    /** Ends it and says how: the server's exit status. */
    async stop() {
      this.say('stop')
      await ended
      const last = heard.find((m) => 'stopped' in m)
      return last ? last.stopped : `not stopped: ${log.join('')}`
    },
  }
  t.after(async () => { child.kill('SIGKILL'); await ended })
  return stand
}

/** Sends bytes as they are and gives all that comes back until the other end closes: { text, ended }. `quiet_ms`: for an end that may stay open,
 * how long nothing more has to come. */
export function raw(port, bytes, { quiet_ms = PATIENCE_MS } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    const parts = []
    let timer
    const finish = (ended) => { clearTimeout(timer); socket.destroy(); resolve({ text: Buffer.concat(parts).toString('latin1'), ended }) }
    const wait = (ms) => { clearTimeout(timer); timer = setTimeout(finish, ms, false) }
    socket.on('connect', () => { socket.write(bytes); wait(PATIENCE_MS) })
    socket.on('data', (data) => { parts.push(data); wait(quiet_ms) })
    socket.on('end', () => finish(true))
    socket.on('error', (error) => (error.code === 'ECONNRESET' ? finish(true) : reject(error)))
  })
}
