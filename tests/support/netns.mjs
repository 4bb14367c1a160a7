// netns.mjs: hosts of a test's own, as Linux network namespaces, and the wires between them. For scripts that run in a namespace
// themselves: see inNamespace().
import { spawnSync } from 'node:child_process'
import { run, startServer } from './process.mjs'

function must(command, ...args) {
  const r = spawnSync(command, args, { encoding: 'utf8' })
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.stderr}`)
  return r.stdout
}

const ip = (...args) => must('ip', ...args)
// Small buffers: what lies in the kernel when a process is killed is little beside what it has read.
const settings = { 'ipv4/tcp_rmem': '4096 65536 65536', 'ipv4/tcp_wmem': '4096 65536 65536' }
const setUp = (small) => ['ip link set lo up', ...small ? Object.entries(settings).map(([k, v]) => `echo ${v} > /proc/sys/net/${k}`) : []].join(' && ')

/** Runs the node script `file` in a fresh network namespace: { code, stdout, stderr }. */
export const inNamespace = (file, args = [], { deadline_ms, smallBuffers = false } = {}) =>
  run('unshare', ['-n', 'sh', '-c', `${setUp(smallBuffers)} && exec "$0" "$@"`, process.execPath, file, ...args.map(String)], { deadline_ms })

/** A host beside this one. Programs are started there by putting `enter` in front of their words. */
export async function makeHost(t, { smallBuffers = false } = {}) {
  const holder = await startServer('unshare', ['-n', 'sh', '-c', `${setUp(smallBuffers)} && echo up && exec sleep infinity`], { ready: (line) => line === 'up' })
  t.after(() => holder.stop())
  const host = {
    pid: holder.pid,
    enter: ['nsenter', '-t', String(holder.pid), '-n', '--'],
    run: (...words) => must(...host.enter, ...words),
    /** Bytes that have come in over this end of a wire, all headers included. */
    received: (name) => Number(host.run('cat', '/proc/net/dev').split('\n').map((line) => line.trim().split(/[:\s]+/))
      .find(([end]) => end === name)[1]),
  }
  return host
}

let wires = 0
/** A wire between two hosts (null: this one), each with its address ("10.0.0.1/24"). Gives the names of its ends. */
export function wire(a, addressA, b, addressB) {
  const names = [`w${++wires}a`, `w${wires}b`]
  ip('link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1])
  for (const [host, name, address] of [[a, names[0], addressA], [b, names[1], addressB]]) {
    if (host) ip('link', 'set', name, 'netns', String(host.pid))
    const here = (...words) => host ? host.run('ip', ...words) : ip(...words)
    here('address', 'add', address, 'dev', name)
    here('link', 'set', name, 'up')
  }
  return names
}

/** A switch on this host that the hosts hang on, with these addresses: [[host, "10.0.0.2/24"], …]; `own` is this host's, if it is on it. */
export function lan(members, own) {
  const bridge = `br${++wires}`
  ip('link', 'add', bridge, 'type', 'bridge')
  if (own) ip('address', 'add', own, 'dev', bridge)
  ip('link', 'set', bridge, 'up')
  for (const [host, address] of members) {
    const names = [`w${++wires}a`, `w${wires}b`]
    ip('link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1])
    ip('link', 'set', names[0], 'master', bridge, 'up')
    ip('link', 'set', names[1], 'netns', String(host.pid))
    host.run('ip', 'address', 'add', address, 'dev', names[1])
    host.run('ip', 'link', 'set', names[1], 'up')
  }
}
