// pinning-service.mjs: the IPFS project's own mock of a pinning service, which holds every request against the API's OpenAPI document.
import { createRequire } from 'node:module'
import { once } from 'node:events'

/**
 * Starts one for the test `t`. `url` is its base, `requests` what it was asked ("GET /pins?cid=…"), `pins()` the pins it has, `settle(status, info)`
 * moves every pin of it to that status, as its fetcher would; with `token` it answers 401 to any other.
 */
export async function startPinningService(t, { token } = {}) {
  const { setup } = createRequire(import.meta.url)('mock-ipfs-pinning-service')
  const app = await setup({ token, loglevel: 'error' })
  const requests = []
  const waiting = []
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.prependListener('request', (q) => {
    requests.push(`${q.method} ${decodeURIComponent(q.url)}`)
    for (const w of waiting.splice(0)) w()
  })
  t.after(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    pins: () => [...app.locals.state.pins.values()],
    settle(status, info) {
      const { state } = app.locals
      app.locals.state = { ...state, pins: new Map([...state.pins].map(([cid, p]) => [cid, { ...p, status, info }])) }
    },
    /** Waits until it has been asked, `times` in all, what `match` finds; fails when `asker`, a running program, ends before. */
    async asked(match, asker, times = 1) {
      const over = asker.then((r) => { throw new Error(`it ended without asking ${match}: ${r.stderr}\n${requests.join('\n')}`) })
      over.catch(() => {})
      while (requests.filter((r) => match.test(r)).length < times) await Promise.race([over, new Promise((resolve) => waiting.push(resolve))])
    },
  }
}
