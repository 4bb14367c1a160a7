// process.mjs: child processes that never outlive the test run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const running = new Set()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

const TOLD = 1000 // lines of what has ended: hours of them are too long for a string

/**
 * Starts a program that serves. `ready` gets each line of its output (stdout and stderr) and returns something
 * truthy when the program is up; that is `up` in the result; `lines` are all of them, `times` when each came (performance.now). Fails, with the output, when it ends before.
 * With pdeathsig (util-linux) the kernel ends it even when this process is killed. `spawned` is told { pid, gone, lines } at once, before
 * anything is ready.
 */
export async function startServer(command, args, { ready, env, cwd, deadline_ms = 30000, spawned } = {}) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, cwd })
  const lines = [], times = []
  running.add(child)
  const gone = new Promise((resolve) => child.once('close', (code, signal) => {
    running.delete(child)
    resolve({ code, signal })
  }))
  spawned?.({ pid: child.pid, gone, lines })
  const up = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${command}: ${why}\n${lines.slice(-TOLD).join('\n')}`))
    const timer = setTimeout(() => { child.kill('SIGKILL'); fail('not ready in time') }, deadline_ms)
    const settle = (fn) => (value) => { clearTimeout(timer); fn(value) }
    child.once('error', settle((error) => fail(error.message)))
    gone.then(settle(({ code, signal }) => fail(`ended (${code ?? signal}) before it was ready`)))
    for (const stream of [child.stdout, child.stderr]) {
      eachLine(stream, (line) => {
        lines.push(line)
        times.push(performance.now())
        const value = ready?.(line)
        if (value) settle(resolve)(value)
      })
    }
  })
  return {
    pid: child.pid,
    up,
    lines,
    times,
    gone,
    kill: (signal) => child.kill(signal),
    /** Ends it and waits until it is gone. */
    async stop(signal = 'SIGTERM') {
      if (!running.has(child)) return gone
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
      const result = await gone
      clearTimeout(timer)
      return result
    },
  }
}

/** Runs a program to its end: { code, signal, stdout, stderr }. Never throws for an exit status. */
export async function run(command, args, { input, env, cwd, deadline_ms = 60000 } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd })
  running.add(child)
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => { out.stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { out.stderr += text })
  child.stdin.on('error', () => {}) // a program may end without reading its input
  child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), deadline_ms)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  running.delete(child)
  return { code, signal, ...out }
}

function eachLine(stream, fn) {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()
    parts.forEach(fn)
  })
}
