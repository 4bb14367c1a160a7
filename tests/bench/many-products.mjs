// many-products.mjs: what thousands of products of one registrant cost a gateway: calls, bytes, CPU, memory, disk. Run by
// scripts/bench; prints Markdown rows. GATEPOST_BUILD: an optimised build. Arguments: products, strangers, products with a release.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCrowdWorld } from '../support/crowd-world.mjs'
import { waitFor } from '../support/wait.mjs'

const [products = 5000, strangers = 500, released = 50] = process.argv.slice(2).map(Number)
const TICK = 1000 / 100 // a clock tick of /proc/PID/stat, ms
const undo = []
const t = { after: (fn) => undo.push(fn) }
const row = (what, value, note = '') => console.log(`| ${what} | ${value} | ${note} |`)
const mib = (n) => `${(n / 2 ** 20).toFixed(2)} MiB`

const cpuMs = async (pid) => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}
const memory = async (pid, what) => Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
const written = async (pid) => Number(/^write_bytes: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))[1])

try {
  const world = await makeCrowdWorld(t, { products, strangers, released })
  const { meter } = world
  const gateway = await world.start()
  const keeper = async () => (await gateway.children())['gatepost-keeper']
  const server = async () => (await gateway.children())['gatepost-server']
  const { rounds } = meter
  const calls = () => `${meter.of('eth_getProof').length} proofs (${meter.keys().reduce((a, b) => a + b, 0)} keys), ` +
    `${meter.of('eth_getLogs').length} log queries, ${mib(meter.bytes())}`

  const asked = performance.now()
  await world.followed(gateway, products)
  row('first sync', `${((performance.now() - asked) / 1000).toFixed(1)} s, keeper ${await cpuMs(await keeper())} ms CPU`, calls())
  await waitFor('the releases to be active', async () => (await gateway.ask('releases')).items.filter((r) => r.state === 'active').length >= Math.min(released, 100), { deadline_ms: 300000, every_ms: 200 })
  row('memory after it', `VmHWM ${mib(await memory(await keeper(), 'VmHWM'))}, VmRSS ${mib(await memory(await keeper(), 'VmRSS'))}`, `server VmRSS ${mib(await memory(await server(), 'VmRSS'))}`)

  const measure = async (what, n, each) => {
    const pids = [await keeper(), await server()]
    meter.forget()
    const cpu = await Promise.all(pids.map(cpuMs)), disk = await written(pids[0])
    for (let i = 0; i < n; i++) await each(i)
    const after = await Promise.all(pids.map(cpuMs))
    row(what, `keeper ${((after[0] - cpu[0]) / n).toFixed(1)} ms CPU, server ${((after[1] - cpu[1]) / n).toFixed(1)} ms`,
      `each: ${mib((await written(pids[0]) - disk) / n)} to disk; in all: ${calls()}`)
  }
  await rounds(2)
  await measure('an idle poll, same block', 40, () => rounds(1))
  await measure('an idle poll, new block', 10, async () => { await world.mine(1); await rounds(2) })
  await measure('a release of one product', 5, async (i) => {
    await world.publish(released + i)
    await world.finalize()
    await rounds(2)
    await gateway.waitRelease(world.name(released + i), 1, 'active')
  })
  await measure('a new registration', 3, async (i) => {
    await world.register([`late/n${i}`])
    await world.finalize()
    await world.followed(gateway, products + i + 1)
  })
  await measure('a stranger\'s registration', 3, async (i) => {
    await world.registerOthers([`late/n${i}`])
    await world.finalize()
    await rounds(3)
  })
  row('memory after that', `VmHWM ${mib(await memory(await keeper(), 'VmHWM'))}, VmRSS ${mib(await memory(await keeper(), 'VmRSS'))}`, '')
  row('on disk', `database ${mib((await stat(join(gateway.stateDir, 'gatepost.db'))).size)}, catalog ${mib((await stat(join(gateway.stateDir, 'catalog'))).size)}`, `floor ${mib((await stat(join(gateway.stateDir, 'floor.a'))).size)}`)

  await gateway.stop()
  meter.forget()
  const from = performance.now()
  await gateway.start()
  row('start with all known', `ready after ${((performance.now() - from) / 1000).toFixed(2)} s, keeper ${await cpuMs(await keeper())} ms CPU`, '')
  await rounds(3)
  row('first polls after it', `keeper ${await cpuMs(await keeper())} ms CPU`, calls())
  for (const command of [['status'], ['products'], ['releases']]) {
    const at = performance.now()
    const r = await gateway.cli(...command)
    row(`gatepost ${command}`, `${(performance.now() - at).toFixed(0)} ms`, `${r.stdout.length} bytes, exit ${r.code}`)
  }
} finally {
  for (const fn of undo.reverse()) await fn()
}
process.exit(0)
