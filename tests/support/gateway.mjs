// gateway.mjs: the real daemon for a test: three processes, a state directory, a configuration, and its operator's tools.
import { readFile, writeFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, startServer } from './process.mjs'
import { waitFor } from './wait.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Where the programs are: GATEPOST_BUILD, or build/ in the source tree. */
export const buildDir = process.env.GATEPOST_BUILD ?? join(root, 'build')
export const program = (name) => join(buildDir, name)

const section = (name, settings) =>
  [`[${name}]`, ...Object.entries(settings).filter(([, v]) => v !== undefined).map(([k, v]) => `${k} = ${v}`)].join('\n')

/**
 * The text of a configuration. providers: [{ name, url, operator }]; sources: [{ name, url, kind, private }];
 * products: { 'vendor/model': { registrant, … } }; listen: where devices and peers come to.
 */
export function makeConfig({ dir, chainId = 31337, registry, providers, sources = [], products = {}, chain = {}, extra = '', gateway = {}, cache = {}, listen = '127.0.0.1:0', coap = '127.0.0.1:0', operator = '127.0.0.1:0' }) {
  const operators = new Set(providers.map((p) => p.operator ?? p.name)).size
  return [
    section('gateway', { name: 'test', 'state-dir': join(dir, 'state'), 'run-dir': join(dir, 'run'), 'log-level': 'debug', clock: 'trusted', ...gateway }),
    section('chain', { 'chain-id': chainId, registry, anchor: `quorum:${Math.min(Math.max(operators, 1), 2)}`, poll: '100ms', ...chain }),
    ...providers.map((p) => section(`provider ${p.name}`, { url: p.url, operator: p.operator ?? p.name })),
    ...sources.map(({ name, ...s }) => section(`source ${name}`, { kind: 'trustless', private: 'yes', ...s })),
    ...Object.entries(products).map(([name, p]) => section(`product ${name}`, { channels: 'stable', ...p })),
    section('cache', { size: '1G', ...cache }),
    section('http', { listen }),
    section('coap', { listen: coap }),
    section('operator', { listen: operator }),
    extra, '',
  ].join('\n')
}

/** Children of a process, by program name: { 'gatepost-keeper': pid, … }. Without those that end meanwhile. */
export async function childrenOf(pid) {
  const pids = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean)
  const lines = await Promise.all(pids.map((p) => readFile(`/proc/${p}/cmdline`, 'utf8').catch(() => '')))
  const named = lines.map((line, i) => [line.split('\0')[0].split('/').pop(), Number(pids[i])])
  return Object.fromEntries(named.filter(([name]) => name))
}

/** Generations of catalogs, as the processes log them at the level `debug`. */
const SENT = /catalog: sent generation=(\d+)/, TAKEN = /server: catalog generation=(\d+)/
const newest = (gateway, line) => Number(line.exec(gateway.lines().findLast((text) => line.test(text)) ?? '')?.[1] ?? 0)

/**
 * Starts gatepostd with the configuration `conf` (text) in `dir` and waits until it is ready. `host` (netns.mjs) is where it runs; else here; `env` adds to its environment.
 * The result: http, coap, operator (base URLs; coap as host:port), cli(…args), api(path, options), release(), waitRelease(),
 * children(), restart(conf?), stop().
 */
export async function startGateway(t, { dir, conf, host, env }) {
  const file = join(dir, 'gatepost.conf')
  await mkdir(dir, { recursive: true })
  await writeFile(file, conf)
  const gateway = {
    dir,
    stateDir: join(dir, 'state'),
    /** `options`: for startServer. */
    async start(options) {
      const [command, ...args] = [...host?.enter ?? [], program('gatepostd'), '-c', file]
      gateway.server = await startServer(command, args, {
        env,
        ready: (line) => /ready http=(\S+) coap=(\S+) operator=(\S+)/.exec(line),
        ...options,
      })
      const [, http, coap, operator] = gateway.server.up
      Object.assign(gateway, { http: `http://${http}`, coap, operator: `http://${operator}` })
    },
    lines: () => gateway.server.lines,
    stop: async (signal) => gateway.server?.stop(signal),
    async restart(newConf) {
      await gateway.stop()
      if (newConf) await writeFile(file, newConf)
      await gateway.start()
    },
    children: () => childrenOf(gateway.server.pid),
    cli: (...args) => run(program('gatepost'), [...args, '--socket', join(dir, 'run', 'control.sock')]),
    /** A subcommand's --json answer; fails with its message when it fails. */
    async ask(...args) {
      const r = await gateway.cli(...args, '--json')
      if (r.code !== 0) throw Object.assign(new Error(`gatepost ${args.join(' ')}: exit ${r.code}: ${r.stderr}`), r)
      return r.stdout.trim() ? JSON.parse(r.stdout) : undefined
    },
    status: () => gateway.ask('status'),
    async releases(product) { return (await gateway.ask('releases', ...(product ? [product] : []))).items },
    async release(product, sequence) { return (await gateway.releases(product)).find((r) => r.sequence === sequence) },
    /** Waits until the release is in one of the states, and until the server has what the keeper told it: the keeper answers operators a moment
     * earlier. Gives it. In vain: the error has the end of the daemon's log. Behind the states there may be options for waitFor(). */
    waitRelease: (product, sequence, ...states) => waitFor(`${product} ${sequence} to be ${states.filter((s) => typeof s === 'string').join(' or ')}`, async () => {
      const r = await gateway.release(product, sequence)
      if (!r) throw new Error('not there')
      if (!states.includes(r.state)) throw new Error(`${r.state}: ${r.why}`)
      if (newest(gateway, SENT) > newest(gateway, TAKEN)) throw new Error('the server does not have it yet')
      return r
    }, states.find((s) => typeof s === 'object')).catch((error) => { throw new Error(`${error.message}; the log's end:\n${gateway.lines().slice(-20).join('\n')}`) }),
    /** Until the products that are there are proven. Before that, nothing should be mined: anvil mixes states in a proof that is asked for
     * while it mines, and the node would be taken for a liar. */
    waitProven: (products = 1) => waitFor('the first proof', async () => (await gateway.status()).chain.products_proven === products),
    /** REST with a token. */
    async api(path, { token = gateway.token, method = 'GET', body, headers } = {}) {
      const r = await fetch(gateway.operator + path, {
        method, body: body && JSON.stringify(body),
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
      })
      return { status: r.status, headers: r.headers, body: await r.text().then((text) => { try { return JSON.parse(text) } catch { return text } }) }
    },
    get: (path, options) => fetch(gateway.http + path, options),
  }
  t.after(() => gateway.stop())
  await gateway.start()
  return gateway
}
