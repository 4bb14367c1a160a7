// compile.mjs: the registry contract's one build, for C (a header), for others (the ABI) and for tests (an import).
//
//   node compile.mjs header SOURCE    C header on stdout: bytecode, code hash, selectors, topics, errors
//   node compile.mjs abi SOURCE       JSON ABI on stdout
//
// Whoever compiles the same source with the same compiler version and these settings gets the same code hash:
// there is no metadata at the end of the code (appendCBOR), and no immutables within it.
import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import sha3 from 'js-sha3'
import solc from 'solc'

export const SETTINGS = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 200 },
  metadata: { appendCBOR: false },
}

export const SOURCE = fileURLToPath(new URL('FirmwareRegistry.sol', import.meta.url))

/** The compiled contract: { name, abi, bytecode, runtime, codeHash, functions, events, errors }, hex with 0x. */
export function compile(path = SOURCE) {
  const file = basename(path)
  const name = file.replace(/\.sol$/, '')
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { [file]: { content: readFileSync(path, 'utf8') } },
    settings: {
      ...SETTINGS,
      outputSelection: {
        '*': {
          '': ['ast'],
          '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode', 'evm.methodIdentifiers', 'storageLayout'],
        },
      },
    },
  })))
  // A warning in 300 lines that guard firmware is a defect too. (Mutants of a test have unused parameters.)
  const complaints = (output.errors ?? []).filter((c) => c.severity === 'error' || path === SOURCE)
  if (complaints.length) throw new Error(complaints.map((c) => c.formattedMessage).join('\n'))

  const { abi, evm, storageLayout } = output.contracts[file][name]
  if (Object.keys(evm.deployedBytecode.immutableReferences ?? {}).length) {
    throw new Error('immutables would make the code hash depend on the deployment')
  }
  const ast = output.sources[file].ast.nodes.find((n) => n.nodeType === 'ContractDefinition')
  const selectors = (type, key) => Object.fromEntries(
    ast.nodes.filter((n) => n.nodeType === type).map((n) => [n.name, '0x' + n[key]]))
  const runtime = '0x' + evm.deployedBytecode.object
  return {
    name,
    abi,
    bytecode: '0x' + evm.bytecode.object,
    runtime,
    codeHash: '0x' + sha3.keccak256(Buffer.from(runtime.slice(2), 'hex')),
    functions: Object.fromEntries(Object.entries(evm.methodIdentifiers).map(([k, v]) => [k, '0x' + v])),
    events: selectors('EventDefinition', 'eventSelector'),
    errors: selectors('ErrorDefinition', 'errorSelector'),
    storageLayout,
  }
}

/** 'ReleasePublished' → 'RELEASE_PUBLISHED'. */
const upper = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()

/** 0x… → '0xab, 0xcd, …' with line breaks. */
function byteList(hex, indent = '\t') {
  const bytes = hex.slice(2).match(/../g).map((b) => `0x${b}`)
  const lines = []
  for (let i = 0; i < bytes.length; i += 16) lines.push(indent + bytes.slice(i, i + 16).join(', '))
  return lines.join(',\n')
}

const shortList = (hex) => hex.slice(2).match(/../g).map((b) => `0x${b}`).join(', ')

const signature = (entry) => `${entry.name}(${entry.inputs.map((i) => i.type).join(',')})`

export function cHeader(contract) {
  const { name, abi, functions, events, errors, bytecode, runtime, codeHash } = contract
  const byName = (type, n) => signature(abi.find((e) => e.type === type && e.name === n))
  const abiErrors = abi.filter((e) => e.type === 'error')
  const maxArgs = Math.max(...abiErrors.map((e) => e.inputs.length))
  const errorRow = (e) =>
    `\t{ { ${shortList(errors[e.name])} }, "${e.name}", ${e.inputs.length},\n` +
    `\t  { ${e.inputs.map((i) => `{ "${i.type}", "${i.name}" }`).join(', ')} } },`
  return `/* registry_gen.h: generated from contracts/${name}.sol by contracts/compile.mjs; do not edit.
 *
 * Names are macros for initialisers: static const uint8_t topic[32] = REGISTRY_TOPIC_RELEASE_PUBLISHED; */
#ifndef CONTRACTS_REGISTRY_GEN_H
#define CONTRACTS_REGISTRY_GEN_H

#include <stdint.h>

/* keccak256 of the deployed code: what an account proof's codeHash has to be. */
#define REGISTRY_CODE_HASH { ${shortList(codeHash)} }
#define REGISTRY_CODE_HASH_HEX "${codeHash}"
#define REGISTRY_CODE_SIZE ${(runtime.length - 2) / 2}

/* topic0 of each event: keccak256 of its signature. */
${Object.entries(events).map(([n, t]) => `/* ${byName('event', n)} */\n#define REGISTRY_TOPIC_${upper(n)} { ${shortList(t)} }`).join('\n')}

/* The first four bytes of each call. */
${Object.entries(functions).map(([sig, sel]) => `/* ${sig} */\n#define REGISTRY_CALL_${upper(sig.split('(')[0])} { ${shortList(sel)} }`).join('\n')}

/* The custom errors, with the types and names of their values: for whoever decodes a revert and defines
 * REGISTRY_WANT_ERRORS before including this. */
#ifdef REGISTRY_WANT_ERRORS
#define REGISTRY_ERROR_ARGS_MAX ${maxArgs}
static const struct registry_error {
	uint8_t selector[4];
	const char *name;
	unsigned args;
	struct {
		const char *type, *name;
	} arg[REGISTRY_ERROR_ARGS_MAX];
} registry_errors[] = {
${abiErrors.map(errorRow).join('\n')}
};
#endif

/* Creation code, for whoever deploys a registry: define REGISTRY_WANT_BYTECODE. There is no constructor argument. */
#ifdef REGISTRY_WANT_BYTECODE
static const uint8_t registry_bytecode[${(bytecode.length - 2) / 2}] = {
${byteList(bytecode)}
};
#endif

#endif
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [what, source] = process.argv.slice(2)
  const contract = compile(source && resolve(source))
  if (what === 'header') process.stdout.write(cHeader(contract))
  else if (what === 'abi') process.stdout.write(JSON.stringify(contract.abi, null, 2) + '\n')
  else throw new Error('usage: compile.mjs header|abi SOURCE')
}
