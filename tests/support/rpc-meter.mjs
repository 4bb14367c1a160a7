// rpc-meter.mjs: a proxy in front of a node that notes what it was asked and how much it answered.
import { startTamperProxy } from './tamper-proxy.mjs'

/**
 * The result: url; calls, one { method, params, bytes, batch } for each call that went through (bytes: of the whole answer, shared
 * among a batch's calls; batch: how many calls came together); forget(); total(method): { calls, bytes }.
 */
export async function startRpcMeter(t, upstream) {
  const meter = {
    calls: [],
    forget() { meter.calls.length = 0 },
    of: (method) => meter.calls.filter((c) => c.method === method),
    bytes: () => meter.calls.reduce((sum, c) => sum + c.bytes, 0),
  }
  const proxy = await startTamperProxy(t, upstream, {
    tamper(request, reply) {
      const asked = [JSON.parse(request.body)].flat()
      for (const { method, params } of asked) meter.calls.push({ method, params, bytes: reply.body.length / asked.length, batch: asked.length })
      proxy.requests.length = 0 // thousands of keys each
    },
  })
  return Object.assign(meter, { url: proxy.url, stop: proxy.stop })
}
