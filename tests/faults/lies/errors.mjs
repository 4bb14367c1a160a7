// lies/errors.mjs: the errors of real nodes and providers: throttling in its many forms, ranges that are too wide.
import { errors, isRange } from './answers.mjs'

const status = (code, headers = {}, body = '') => () => ({ http: ({ res }) => {
  res.writeHead(code, { 'content-type': 'text/plain', ...headers }).end(body)
  return true
} })

/** Every call is answered so, under HTTP 200. */
const throttles = {
  'infura-daily': [-32005, 'daily request count exceeded, request rate limited'],
  'infura-rate': [-32005, 'project ID request rate exceeded'],
  'eip-1474': [-32005, 'rate limit exceeded'],
  alchemy: [429, 'Your app has exceeded its compute units per second capacity. If you have retries enabled, you can safely ignore this message.'],
  quicknode: [-32007, '50/second request limit reached - reduce calls per second or upgrade your account at quicknode.com'],
  base: [-32016, 'over rate limit'],
  solid: [-32005, 'Too Many Requests'],
}

/** A range of blocks is refused so; single blocks are answered. */
const ranges = {
  alchemy: [-32602, 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit ' +
    'on the response size, or you can request any block range with a cap of 10K logs in the response. ' +
    'Based on your parameters and the response size limit, this block range should work: [0x0, 0x133e71]'],
  'alchemy-free': [-32600, 'You can make eth_getLogs requests with up to a 10 block range.'],
  infura: [-32005, 'query returned more than 10000 results. Try with this block range [0xCB3D, 0x7B737].'],
  'infura-range': [-32602, 'range 1000000 exceeds limit of 10000'],
  quicknode: [-32614, 'eth_getLogs is limited to a 10,000 range'],
  ankr: [-32000, 'block range is too wide'],
  drpc: [35, 'ranges over 10000 blocks are not supported on free plan'],
  'drpc-blocks': [-32000, 'requested too many blocks from 0 to 16777216, maximum is set to 2048'],
  publicnode: [-32701, 'exceed maximum block range: 50000'],
  chainstack: [-32002, 'request timed out'],
  erigon: [-32000, 'query block range exceeds server limit, narrow your filter: 1000'],
  reth: [-32602, 'query exceeds max results 20000, retry with the range 21102592-21102595'],
  besu: [-32005, 'Requested range exceeds maximum RPC range limit'],
}

export const errorLies = [
  { name: '429-with-retry-after', what: 'answers HTTP 429 and asks to be left alone for an hour',
    tamper: status(429, { 'retry-after': '3600' }),
    named: /throttled: HTTP status 429/,
    state: 'throttled', isLeftAlone: true },
  { name: '429', what: 'answers HTTP 429', tamper: status(429, {}, 'slow down'), named: /throttled: HTTP status 429/, state: 'throttled' },
  { name: '503-with-retry-after', what: 'answers HTTP 503 and says when to come back',
    tamper: status(503, { 'retry-after': '120' }),
    named: /down: HTTP status 503/, state: 'down', isLeftAlone: true },
  { name: '502-page', what: 'is a proxy without its node',
    tamper: status(502, { 'content-type': 'text/html' }, '<html><body>502 Bad Gateway</body></html>'),
    named: /down: HTTP status 502/, state: 'down' },
  { name: '401', what: 'does not know our key', tamper: status(401, {}, 'Unauthorized'), named: /down: HTTP status 401/, state: 'down' },
  { name: '200-with-error-code', what: 'answers HTTP 200 with the status of a failure inside',
    tamper: errors(503, 'Service Unavailable'),
    named: /error 503: Service Unavailable/ },
  { name: 'internal-error', what: 'fails at everything with -32603', tamper: errors(-32603, 'Internal error'), named: /refused: error -32603/ },
  ...Object.entries(throttles).map(([who, [code, message]]) => ({
    name: `throttle-${who}`, what: `throttles under HTTP 200 in the words of ${who}: ${code} "${message}"`,
    tamper: errors(code, message), named: new RegExp(`throttled: error ${code}`), state: 'throttled',
  })),
  ...Object.entries(ranges).map(([who, [code, message]]) => ({
    name: `range-${who}`, releases: 4, what: `refuses wide ranges in the words of ${who}: ${code} "${message.slice(0, 80)}"`,
    tamper: errors(code, message, isRange), named: new RegExp(`too-large: error ${code}`),
  })),
  { name: 'range-beyond-head', releases: 4, what: 'has not reached the end of the range, in the words of Erigon',
    tamper: errors(-32000, 'block range extends beyond current head block', isRange),
    named: /behind: error -32000/ },
]
