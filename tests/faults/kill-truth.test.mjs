// kill-truth.test.mjs: the judge of kill.test.mjs judged: what it must find, and what it must not.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { Truth, Witness } from './kill-truth.mjs'

const PRODUCT = 'acme/lock'

describe('a release that was held', () => {
  let witness
  const offered = (sequence, since = witness.now()) => witness.offers(PRODUCT, sequence, since)
  const findings = () => [...witness.wrong, ...witness.lost].map((text) => text.split('\n')[0])

  beforeEach(() => {
    const truth = new Truth()
    for (const sequence of [1, 2]) truth.publishes({ product: PRODUCT, sequence, sha256: `${sequence}` })
    truth.block += 2 // both are final
    witness = new Witness(truth, [PRODUCT])
    for (const sequence of [1, 2]) witness.decides(PRODUCT, sequence, 'approve')()
    offered(2)
    assert.deepEqual(findings(), [])
  })

  for (const [how, isAcknowledged] of [['acknowledged', true], ['never acknowledged', false]]) {
    test(`must not come back once it has gone by a hold that was ${how}`, () => {
      const acknowledged = witness.decides(PRODUCT, 2, 'hold')
      if (isAcknowledged) acknowledged()
      offered(1)
      offered(2)
      assert.deepEqual(findings(), [`${PRODUCT} 2 was offered after it was withdrawn`])
    })
  }

  test('may be in an answer that was asked for before it had gone', () => {
    const before = witness.now()
    witness.decides(PRODUCT, 2, 'hold')()
    offered(1)
    offered(2, before)
    assert.deepEqual(findings(), [])
  })

  test('may come back by an approval', () => {
    witness.decides(PRODUCT, 2, 'hold')()
    offered(1)
    witness.decides(PRODUCT, 2, 'approve')()
    offered(2)
    assert.deepEqual(findings(), [])
  })

  test('may come from the last run, go by the hold, and come back by an approval that was on its way', () => {
    witness.decides(PRODUCT, 2, 'hold') // the kill took its answer
    const approved = witness.decides(PRODUCT, 2, 'approve')
    offered(2) // the catalog that the start finds
    offered(1) // the hold had counted
    offered(2)
    approved()
    offered(2)
    assert.deepEqual(findings(), [])
  })

  test('must be there again after an approval that was acknowledged and seen', () => {
    witness.decides(PRODUCT, 2, 'hold')()
    offered(1)
    witness.decides(PRODUCT, 2, 'approve')()
    offered(2)
    offered(1)
    assert.deepEqual(findings(), [`${PRODUCT} 1 was offered, and 2 was active before`])
  })
})
