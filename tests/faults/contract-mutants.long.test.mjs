// Takes each check of the registry contract away in turn; some test of tests/contract must fail then.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { tempDir } from '../support/temp.mjs'

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

test('the contract as it is passes', async () => assert.equal(await testsOf(join(root, 'contracts/FirmwareRegistry.sol')), 0))

for (const [what, text] of mutants()) {
  test(`without: ${what}`, async (t) => {
    const file = join(await tempDir(t), 'FirmwareRegistry.sol')
    await writeFile(file, text)
    assert.notEqual(await testsOf(file), 0, 'nobody notices')
  })
}

/** The exit status of the contract's tests on this source. They do not know that they run within a test. */
async function testsOf(file) {
  const env = { REGISTRY_SOURCE: file, NODE_TEST_CONTEXT: undefined }
  return (await run(process.execPath, ['--test', ...TESTS], { env, deadline_ms: 300000 })).code
}
