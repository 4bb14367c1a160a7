// rpc-meter.mjs: a proxy in front of a node that notes what it was asked and how much it answered.
import { startTamperProxy } from './tamper-proxy.mjs'
import { waitFor } from './wait.mjs'

/**
 * The result: url; calls, one { method, params, bytes, batch } for each call that went through (bytes: of the whole answer, shared
 * among a batch's calls; batch: how many calls came together); forget(); of(method): those calls; bytes(); keys(): how many each
 * eth_getProof asked for; rounds(n): waits until n more polls began; quiet(fn): runs fn while nothing is asked. anvil answers
 * eth_getProof for the newest block from a newer one's state when that is mined meanwhile, and a large registry makes it slow.
 */
export async function startRpcMeter(t, upstream) {
  let gate = null, underWay = 0, polls = 0
  const meter = {
    calls: [],
    forget() { meter.calls.length = 0 },
    of: (method) => meter.calls.filter((c) => c.method === method),
    keys: () => meter.of('eth_getProof').map((c) => c.params[1].length),
    async rounds(n) {
      const end = polls + n
      await waitFor(`${n} polls`, () => polls >= end, { deadline_ms: 600000 })
    },
    async quiet(fn) {
      let open
      gate = new Promise((resolve) => { open = resolve })
      try {
        await waitFor('the node to be left alone', () => underWay === 0, { deadline_ms: 60000 })
        return await fn()
      } finally {
        gate = null
        open()
      }
    },
    bytes: () => meter.calls.reduce((sum, c) => sum + c.bytes, 0),
  }
  const proxy = await startTamperProxy(t, upstream, {
    async before() {
      while (gate) await gate
      underWay++
    },
    tamper(request, reply) {
      underWay--
      const asked = [JSON.parse(request.body)].flat()
      polls += asked.some(({ method, params }) => method === 'eth_getBlockByNumber' && params[0] === 'latest')
      for (const { method, params } of asked) meter.calls.push({ method, params, bytes: reply.body.length / asked.length, batch: asked.length })
      proxy.requests.length = 0 // thousands of keys each
    },
  })
  return Object.assign(meter, { url: proxy.url, stop: proxy.stop })
}
