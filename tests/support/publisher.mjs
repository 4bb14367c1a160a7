// publisher.mjs: a manufacturer's desk for a test: a chain with the registry, a wallet, files, and the `gatepost` program.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { privateKey, startAnvil } from './anvil.mjs'
import { program } from './gateway.mjs'
import { run } from './process.mjs'
import { deployRegistry, productId } from './registry.mjs'
import { newSigner } from './suit.mjs'
import { tempDir } from './temp.mjs'

/** Exit status by class of failure, as documented. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3, internal: 4 }

/** Runs gatepost: { code, stdout, stderr, json }; json is undefined unless stdout is JSON. */
export async function gatepost(...args) {
  const r = await run(program('gatepost'), args.map(String))
  let json
  try { json = JSON.parse(r.stdout) } catch { /* text */ }
  return { ...r, json }
}

/**
 * The desk: dir, chain, registry (as in registry.mjs), owner (account 1) and others, file(name, content, mode),
 * wallet(account) → path, key(name) → { pem, … } on disk, cli(…args) with wallet, node and registry filled in, ok(…args) that
 * fails unless it succeeds and returns its JSON.
 */
export async function makeDesk(t) {
  const chain = await startAnvil()
  t.after(() => chain.stop())
  const registry = await deployRegistry(chain)
  const dir = await tempDir(t)
  const [, owner, bob, mallory] = chain.accounts
  const desk = {
    chain, registry, dir, owner, bob, mallory,
    path: (name) => join(dir, name),
    async file(name, content, mode = 0o600) {
      await writeFile(join(dir, name), content)
      await chmod(join(dir, name), mode)
      return join(dir, name)
    },
    read: (name) => readFile(join(dir, name)),
    wallet: (account) => desk.file(`wallet-${account.address}`, privateKey(account)),
    async key(name, kind = 'es256') {
      const signer = newSigner(kind)
      return { ...signer, path: await desk.file(`${name}.pem`, signer.pem), hex: signer.coseKey.toString('hex') }
    },
    /** Where a transaction goes: for `who` (default the owner). */
    to: async (who = owner) => ['--wallet', await desk.wallet(who), '--rpc', chain.url, '--registry', registry.address],
    cli: async (...args) => gatepost(...args, ...await desk.to()),
    as: async (who, ...args) => gatepost(...args, ...await desk.to(who), '--registrant', owner.address),
    async ok(...args) {
      const r = await desk.cli(...args, '--json')
      if (r.code !== 0) throw new Error(`gatepost ${args.join(' ')}: exit ${r.code}: ${r.stderr}`)
      return r.json
    },
    id: (name) => productId(owner.address, name),
    /** Registers a product through gatepost; returns its id. */
    async register(name, keys, threshold = 1) {
      await desk.ok('product', 'register', name, '--threshold', threshold, ...keys.flatMap((k) => ['--signer', k.hex]))
      return desk.id(name)
    },
  }
  return desk
}
