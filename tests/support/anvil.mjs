// anvil.mjs: a real Ethereum node for a test: anvil, on a port of its own.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { mnemonicToAccount } from 'viem/accounts'
import { startServer } from './process.mjs'

const require = createRequire(import.meta.url)
const ARCH = { x64: 'amd64', arm64: 'arm64' }[process.arch]

/** The path of a foundry program from npm: 'anvil' or 'cast'. */
export function foundry(name) {
  return join(dirname(require.resolve(`@foundry-rs/${name}-linux-${ARCH}/package.json`)), 'bin', name)
}

const MNEMONIC = 'test test test test test test test test test test test junk'
let accounts // the same for every node; each takes some thousand rounds of SHA-512

/**
 * Starts anvil. A block is mined for each transaction; finalized is two blocks behind (slotsInEpoch 1).
 * `host` is where it listens (its url is loopback's all the same). `port` and `args` (as `--state FILE`) let a test bring a node back where it was.
 *
 * The result: url, port, chainId, accounts (funded viem accounts, 10 of them), rpc(method, …params),
 * mine(n), finalize(n: the block that has to be final), snapshot/revert, stop().
 */
export async function startAnvil({ host = '127.0.0.1', port = 0, chainId = 31337, slotsInEpoch = 1, args = [] } = {}) {
  const server = await startServer(foundry('anvil'), [
    '--host', host, '--port', String(port), '--chain-id', String(chainId),
    '--slots-in-an-epoch', String(slotsInEpoch), '--mnemonic', MNEMONIC, ...args,
  ], { ready: (line) => /^Listening on [\d.]+:(\d+)/.exec(line)?.[1] })
  const url = `http://127.0.0.1:${server.up}`
  let id = 0

  const rpc = async (method, ...params) => {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }),
    })
    const { result, error } = await reply.json()
    if (error) throw Object.assign(new Error(`${method}: ${error.message}`), { code: error.code, data: error.data })
    return result
  }
  const number = async (tag = 'latest') => Number((await rpc('eth_getBlockByNumber', tag, false)).number)

  return {
    url,
    port: Number(server.up),
    chainId,
    server,
    rpc,
    number,
    accounts: accounts ??= Array.from({ length: 10 }, (_, addressIndex) => mnemonicToAccount(MNEMONIC, { addressIndex })),
    mine: (n = 1) => rpc('anvil_mine', `0x${n.toString(16)}`),
    /** Mines until the newest (or the given) block is final. */
    async finalize(block) {
      const want = block ?? await number()
      while (await number('finalized') < want) await rpc('anvil_mine', '0x1')
      return want
    },
    snapshot: () => rpc('evm_snapshot'),
    revert: (snapshot) => rpc('evm_revert', snapshot),
    stop: () => server.stop(),
  }
}

/** The private key of an anvil account, 0x… */
export function privateKey(account) {
  return '0x' + Buffer.from(account.getHdKey().privateKey).toString('hex')
}
