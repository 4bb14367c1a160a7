// Takes each check of the registry contract away in turn; some test of tests/contract must fail then. A long test: run it by
// hand or in the long tier, `node tests/faults/contract-mutants.mjs`.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const source = await readFile(join(root, 'contracts/FirmwareRegistry.sol'), 'utf8')
const TESTS = ['refusals', 'functions', 'history'].map((name) => join(root, `tests/contract/${name}.test.mjs`))

/** [what, mutated source] of every check: each `revert` statement, each rule that a modifier puts on a function, and what the head covers. */
function * mutants() {
  for (const m of source.matchAll(/^ *(?:if \(.*\) )?revert \w+\(.*\);$/gm)) {
    const line = source.slice(0, m.index).split('\n').length
    yield [`line ${line}: ${m[0].trim()}`, source.slice(0, m.index) + source.slice(m.index + m[0].length)]
  }
  for (const m of source.matchAll(/ only\w+\(id\)(?= \{|\n    \{)/g)) {
    yield [`modifier${m[0]} at ${m.index}`, source.slice(0, m.index) + source.slice(m.index + m[0].length)]
  }
  for (const [what, from, to] of [
    ['head without topics', 'bytes.concat(p.head, topics, keccak256(data))', 'bytes.concat(p.head, keccak256(data))'],
    ['head without data', 'bytes.concat(p.head, topics, keccak256(data))', 'bytes.concat(p.head, topics)'],
    ['head without head', 'bytes.concat(p.head, topics, keccak256(data))', 'bytes.concat(topics, keccak256(data))'],
    ['lastBlock stays', 'p.lastBlock = uint64(block.number);', ''],
    ['entries stay', 'p.entries = entries + 1;', ''],
    ['epoch stays', 'p.epoch++;', ''],
    ['the offer stays', 'p.pendingOwner = address(0);', ''],
    ['id without registrant', 'keccak256(abi.encode(registrant, name))', 'keccak256(abi.encode(address(0), name))'],
    ['bounds off by one: manifest', 'manifest.length > MAX_MANIFEST', 'manifest.length >= MAX_MANIFEST'],
    ['bounds off by one: signers', 'n > MAX_SIGNERS', 'n >= MAX_SIGNERS'],
    ['bounds off by one: signer', 'length > MAX_SIGNER)', 'length >= MAX_SIGNER)'],
    ['bounds off by one: reason', 'bytes(reason).length > MAX_REASON', 'bytes(reason).length >= MAX_REASON'],
    ['bounds off by one: name', 'length < MAX_NAME_PART', 'length <= MAX_NAME_PART'],
    ['bounds off by one: floor', 'floor > next(p)', 'floor >= next(p)'],
  ]) {
    if (!source.includes(from)) throw new Error(`not in the contract: ${from}`)
    yield [what, source.replace(from, to)]
  }
}

const dir = await mkdtemp(join(tmpdir(), 'gatepost-mutants-'))
const file = join(dir, 'FirmwareRegistry.sol')
let survivors = 0
let count = 0
for (const [what, text] of mutants()) {
  await writeFile(file, text)
  const { code } = await run(process.execPath, ['--test', ...TESTS], { env: { REGISTRY_SOURCE: file }, deadline_ms: 300000 })
  count++
  if (code === 0) survivors++
  console.log(`${code === 0 ? 'not ok - nobody notices' : 'ok - noticed'}: ${what}`)
}
await rm(dir, { recursive: true })
console.log(`${count} mutants, ${survivors} not noticed`)
process.exitCode = survivors ? 1 : 0
