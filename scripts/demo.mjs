// demo.mjs: from `gatepost publish` to updated devices, on real parts, told as it happens. `scripts/demo` builds and runs it.
//
// Usage: node demo.mjs [--stay]. GATEPOST_BUILD says where the programs are.
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKey, startAnvil } from '../tests/support/anvil.mjs'
import { makeConfig, program, startGateway } from '../tests/support/gateway.mjs'
import { startGateway as startSource } from '../tests/support/ipfs-gateway.mjs'
import { startJsIpfs } from '../tests/support/js-ipfs.mjs'
import { run } from '../tests/support/process.mjs'
import { waitFor } from '../tests/support/wait.mjs'

const PRODUCT = 'bbc/microbit'
const FIRMWARE = '/usr/share/firmware-microbit-micropython/firmware.hex'
const stay = process.argv.includes('--stay')
const colour = process.stdout.isTTY ? (n, text) => `\x1b[${n}m${text}\x1b[0m` : (n, text) => text
const started = performance.now()
const seconds = () => ((performance.now() - started) / 1000).toFixed(1).padStart(5)
const say = (who, text) => console.log(`${colour(90, seconds())} ${colour(36, who.padEnd(9))} ${text}`)
const title = (text) => console.log(`\n${colour(1, text)}`)
const checks = []

/** One line of the summary: what was shown, and whether it was so. */
function check(what, ok, detail = '') {
  checks.push({ what, ok })
  console.log(`${colour(90, seconds())} ${ok ? colour(32, '✔') : colour(31, '✘')} ${what}${detail ? colour(90, `  ${detail}`) : ''}`)
}

const undo = []
const scope = { after: (fn) => undo.push(fn) }
const dir = await mkdtemp(join(tmpdir(), 'gatepost-demo-'))
scope.after(() => rm(dir, { recursive: true, force: true }))
const at = (name) => join(dir, name)
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function gatepost(...args) {
  const r = await run(program('gatepost'), args)
  if (r.code !== 0) throw new Error(`gatepost ${args.slice(0, 2).join(' ')}: exit ${r.code}\n${r.stderr}`)
  return args.includes('--json') ? JSON.parse(r.stdout) : r.stdout
}

// --- the world ---

title('A chain, an IPFS node, a manufacturer')
const chain = await startAnvil()
scope.after(() => chain.stop())
await chain.mine(1)
const ticking = setInterval(() => chain.mine(1).catch(() => {}), 250)
scope.after(() => clearInterval(ticking))
say('chain', `anvil at ${chain.url}, a block every 250 ms, final two blocks later`)
const ipfs = await startJsIpfs(scope)
say('ipfs', `js-ipfs node at ${ipfs.api}`)
const crooked = await startSource(scope)
say('ipfs', `a second source at ${crooked.url}: honest for now`)

await writeFile(at('wallet'), privateKey(chain.accounts[1]) + '\n', { mode: 0o600 })
const wallet = ['--wallet', at('wallet'), '--rpc', chain.url]
const { registry } = await gatepost('registry', 'deploy', ...wallet, '--json')
say('publisher', `registry contract at ${registry}`)
const key = await gatepost('keygen', '--type', 'es256', '--out', at('signing.pem'), '--json')
say('publisher', `signing key ${key.thumbprint.slice(0, 16)}… (ES256)`)
await gatepost('product', 'register', PRODUCT, '--signer', at('signing.pem'), '--threshold', '1', ...wallet, '--registry', registry, '--json')
say('publisher', `registered ${PRODUCT}`)

async function publish(version, image) {
  const file = at(`firmware-${version}.hex`)
  await writeFile(file, image)
  const r = await gatepost('publish', '--product', PRODUCT, '--version', version, '--image', file, '--signing-key', at('signing.pem'),
    ...wallet, '--registry', registry, '--upload', `kubo:${ipfs.api}`, '--json')
  await crooked.add(image)
  say('publisher', `published ${version} as sequence ${r.sequence}: ${r.size} bytes, ${r.cid.slice(0, 20)}…, ${r.gas} gas`)
  return { ...r, image }
}
const original = await readFile(FIRMWARE)
const first = await publish('1.0.1', original)

// --- the gateway ---

title('A gateway on the site')
const gateway = await startGateway(scope, {
  dir: at('gateway'),
  conf: makeConfig({
    dir: at('gateway'), registry, gateway: { name: 'demo', 'log-level': 'info' }, chain: { poll: '250ms' },
    providers: [{ name: 'anvil', url: chain.url, operator: 'demo' }],
    sources: [{ name: 'ipfs', url: ipfs.api, kind: 'kubo', priority: 20 }, { name: 'second', url: crooked.url, priority: 10 }],
    products: { [PRODUCT]: { registrant: chain.accounts[1].address } },
  }),
})
say('gateway', `HTTP ${gateway.http}  CoAP coap://${gateway.coap}  operator ${gateway.operator}`)
let told = 0
const telling = setInterval(() => {
  const lines = gateway.lines()
  for (; told < lines.length; told++) {
    const news = /ledger: release .*sequence=(\d+) version="([^"]*)" state=(\S+) why="(.*)"/.exec(lines[told])
    if (news) say('gateway', `${news[2]} is ${colour(1, news[3])}: ${news[4]}`)
    const lie = /fetch: source lied source=(\S+) why="(.*)"/.exec(lines[told])
    if (lie) say('gateway', colour(31, `source ${lie[1]} is quarantined: ${lie[2]}`))
  }
}, 20)
scope.after(() => clearInterval(telling))

const active = await gateway.waitRelease(PRODUCT, 1, 'active')
check('release seen, fetched, verified, proven, active', active.sha256 === first.sha256, `${active.format}, proven at block ${(await gateway.status()).chain.verified.number}`)

// --- devices ---

const device = (name, url, ...more) => run(program('gatepost-device'), ['--url', url, '--product', PRODUCT, '--key', key.cose_key, '--flash', at(`${name}.flash`),
  '--state', at(`${name}.state`), '--device', name, '--once', ...more])
const flashOf = async (name, size) => sha256((await readFile(at(`${name}.flash`))).subarray(0, size))
async function update(name, url, release) {
  const r = await device(name, url)
  for (const line of r.stderr.trim().split('\n').slice(-2)) say(name, line)
  check(`${name} runs ${release.version}`, r.code === 0 && await flashOf(name, release.size) === release.sha256, `exit ${r.code}`)
}

title('Two devices update: one over CoAP, one over HTTP')
await update('coap-1', `coap://${gateway.coap}`, first)
await update('http-1', gateway.http, first)

title('A second release, picked up by itself')
const second = await publish('1.0.2', Buffer.concat([original, Buffer.from('\r\n')]))
await gateway.waitRelease(PRODUCT, 2, 'active')
await update('coap-1', `coap://${gateway.coap}`, second)

title('It turns out to be bad: the publisher revokes it')
await gatepost('revoke', PRODUCT, '2', '--reason', 'radio stack hangs', ...wallet, '--registry', registry, '--json')
const revoked = await gateway.waitRelease(PRODUCT, 2, 'revoked')
check('the revocation took effect', /radio stack hangs/.test(revoked.why))
await gateway.waitRelease(PRODUCT, 1, 'active')
await update('http-1', gateway.http, first)
const back = await device('coap-1', `coap://${gateway.coap}`)
check('the device that has 1.0.2 is not taken back to 1.0.1', await flashOf('coap-1', second.size) === second.sha256, `exit ${back.code}`)

title('A source flips a bit')
crooked.fault = 'flip-leaf'
const third = await publish('1.0.3', Buffer.concat([original, Buffer.from('\r\n\r\n')]))
await gateway.waitRelease(PRODUCT, 3, 'active')
const { items: sources } = await gateway.ask('sources')
const liar = sources.find((s) => s.name === 'second')
check('the flipped byte is refused, and the source named', liar.state === 'quarantined' && liar.bad_blocks > 0, liar.last_error)
await update('coap-1', `coap://${gateway.coap}`, third)
await update('http-1', gateway.http, third)

title('What the operator sees')
process.stdout.write((await gateway.cli('status')).stdout)
process.stdout.write((await gateway.cli('releases')).stdout)
process.stdout.write((await gateway.cli('devices')).stdout)

const bad = checks.filter((c) => !c.ok)
title(`${checks.length - bad.length} of ${checks.length} shown in ${seconds().trim()} s`)
if (stay) {
  console.log(`Left running: ${gateway.http}/fw/${PRODUCT}  coap://${gateway.coap}  operator ${gateway.operator}
control socket ${at('gateway/run/control.sock')}  chain ${chain.url}  registry ${registry}  IPFS ${ipfs.api}
Ctrl-C ends it.`)
  await new Promise((resolve) => process.once('SIGINT', resolve))
}
for (const fn of undo.reverse()) await fn()
process.exit(bad.length ? 1 : 0)
