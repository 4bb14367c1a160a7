// gatepost(1) and the program's own table of commands and options say the same.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, test } from 'node:test'
import { gatepost } from '../support/publisher.mjs'

const page = await readFile(new URL('../../man/gatepost.1', import.meta.url), 'utf8')
let commands
const options = new Set()
before(async () => {
  const { stdout } = await gatepost('help')
  commands = [...stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map((m) => m[1])
  for (const command of commands) {
    const { code, stdout: help } = await gatepost(...command.split(' '), '--help')
    assert.equal(code, 0, command)
    for (const [, name] of help.matchAll(/^ {2}(-{1,2}[a-z-]+)/gm)) options.add(name)
  }
})

test('every command is in the manual', () => {
  assert.ok(commands.length > 30)
  const missing = commands.filter((c) => !new RegExp(`\\bCm ${c}(?= |$)`, 'm').test(page))
  assert.deepEqual(missing, [])
})

test('every option is in the manual, and no other', () => {
  const documented = new Set([...page.matchAll(/(?:^\.It |[ ,] ?)Fl (-?[a-z][a-z-]*)/gm)].map((m) => `-${m[1]}`))
  for (const name of documented) if (!options.has(name) && /^--?(version|help)$/.test(name)) documented.delete(name)
  const missing = [...options].filter((o) => !new RegExp(`Fl ${o.slice(1)}(?![a-z-])`).test(page))
  assert.deepEqual(missing, [])
  assert.deepEqual([...documented].filter((o) => !options.has(o)), [])
})
