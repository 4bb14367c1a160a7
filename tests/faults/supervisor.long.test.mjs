// What of the supervisor takes half a minute to see.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bench, get } from './supervisor.mjs'
import { waitFor } from '../support/wait.mjs'

test('a child without a sign of life is killed and started again', async (t) => {
  const b = await bench(t)
  await b.start()
  const keeper = await b.pidOf('keeper')
  await b.fault('keeper', 'hang')
  await waitFor('the keeper to be killed', () => b.server.lines.some((l) => /no sign of life: killed name=gatepost-keeper/.test(l)), { deadline_ms: 60_000, every_ms: 100 })
  await b.mend('keeper', 'hang')
  await waitFor('a new keeper', async () => await b.pidOf('keeper') !== keeper)
  assert.equal(await get(b), await b.pidOf('server'), 'the server went on')
})
