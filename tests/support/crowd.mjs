// crowd.mjs: a registrant of thousands of products. It is a contract that makes many calls in one transaction, so
// that a test needs seconds instead of minutes.
import { fileURLToPath } from 'node:url'
import { encodeFunctionData } from 'viem'
import { compile } from '../../contracts/compile.mjs'
import { hex, productId } from './registry.mjs'
import { waitFor } from './wait.mjs'

const crowd = compile(fileURLToPath(new URL('Crowd.sol', import.meta.url)))

const A_TRANSACTION = 60 // calls of 170,000 gas and a manifest's bytes: below what one transaction may take (EIP-7825)

/**
 * Deploys one in front of `registry` on `chain`, steered by the unlocked `account`. The result: address;
 * register(names, { threshold, signers }) and publish([{ name, sequence, envelope }]), each in as few transactions as go; id(name).
 */
export async function deployCrowd(chain, registry, account) {
  const send = async (fields) => {
    const hash = await chain.rpc('eth_sendTransaction', { from: account.address, gas: '0xf00000', ...fields })
    const receipt = await waitFor('a receipt', () => chain.rpc('eth_getTransactionReceipt', hash), { every_ms: 5 })
    if (receipt.status !== '0x1') throw new Error('reverted')
    return receipt
  }
  const { contractAddress: address } = await send({ data: crowd.bytecode })
  const run = async (calls) => {
    for (let at = 0; at < calls.length; at += A_TRANSACTION) {
      const args = [registry.address, calls.slice(at, at + A_TRANSACTION)]
      await send({ to: address, data: encodeFunctionData({ abi: crowd.abi, functionName: 'run', args }) })
    }
  }
  const encode = (functionName, ...args) => encodeFunctionData({ abi: registry.abi, functionName, args })

  return {
    address,
    id: (name) => productId(address, name),
    register: (names, { threshold = 1, signers }) =>
      run(names.map((name) => encode('register', name, threshold, signers.map((s) => hex(s.coseKey))))),
    publish: (releases) =>
      run(releases.map(({ name, sequence, envelope }) => encode('publish', productId(address, name), BigInt(sequence), hex(envelope)))),
  }
}
