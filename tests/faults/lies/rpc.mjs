// lies/rpc.mjs: answers that are not JSON-RPC, or not to what was asked.
import { withResult } from './answers.mjs'

const BATCHES = 'a provider that does not do batches is asked call by call (design, "batches … falling back to single calls")'
const every = (edit) => () => ({ call: (call, honest) => edit(honest, call) })
const text = (make) => () => ({ http: ({ res, body }) => {
  const other = make(body)
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(other) }).end(other)
  return true
} })

export const rpcLies = [
  { name: 'duplicate-keys', what: 'says a key twice, with two values',
    tamper: text((body) => body.replaceAll('"jsonrpc":', '"result":"0x0","jsonrpc":')),
    named: /JSON: duplicate/ },
  { name: 'wrong-id', what: 'answers with another id', tamper: every((a) => ({ ...a, id: a.id + 100000 })), named: /an answer has its call's id/ },
  { name: 'text-id', what: 'answers with the id as text', tamper: every((a) => ({ ...a, id: String(a.id) })), named: /an answer has its call's id/ },
  { name: 'no-id', what: 'answers without an id', tamper: every(({ id, ...a }) => a), named: /an answer has its call's id/ },
  { name: 'result-and-error', what: 'gives both a result and an error',
    tamper: every((a) => ({ ...a, error: { code: -32000, message: 'or not' } })),
    named: /either result or error/ },
  { name: 'neither', what: 'gives neither result nor error', tamper: every(({ result, error, ...a }) => a), named: /either result or error/ },
  { name: 'not-2.0', what: 'answers in JSON-RPC 1', tamper: every(({ jsonrpc, ...a }) => a), named: /not JSON-RPC 2.0/ },
  { name: 'error-null', what: 'spells out "error": null beside a result',
    tamper: every((a) => ({ ...a, error: null })),
    tolerated: 'a habit of JSON-RPC 1; there is only one answer' },
  { name: 'error-without-message', what: 'gives an error without a message',
    tamper: every(({ result, ...a }) => ({ ...a, error: { code: -32000 } })),
    named: /an error has a code and a message/ },
  { name: 'result-null', what: 'answers null to everything',
    tamper: every((a) => ({ ...a, result: null })),
    named: /not there|not a string|they are an array/ },
  { name: 'empty-object', what: 'answers {} to everything', tamper: text(() => '{}'), named: /garbage: / },
  { name: 'empty-body', what: 'answers with no byte at all', tamper: text(() => ''), named: /garbage: JSON: there is not a byte/ },
  { name: 'two-answers', what: 'sends a second answer behind the first',
    tamper: text((body) => `${body}\n${body}`),
    named: /JSON: end of file expected/ },
  { name: 'not-utf8', what: 'sends bytes that are not UTF-8', tamper: () => ({ http: ({ res }) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from('{"jsonrpc":"2.0","id":1,"result":"\xff\xfe"}', 'latin1'))
    return true
  } }), named: /garbage: JSON/ },
  { name: 'terminal-escape', what: 'writes an error that would repaint an operator\'s terminal', tamper: every(({ result, ...a }) =>
    ({ ...a, error: { code: -32000, message: '\u001b[2J\u001b[1;32mall is well\u0007\r\n' } })), named: /refused: error -32000/, isShown: true },
  { name: 'long-error', what: 'explains an error in seven megabytes',
    tamper: every(({ result, ...a }) => ({ ...a, error: { code: -32000, message: 'no '.repeat(1200000) } })),
    named: /refused: error -32000: no no|garbage/ },
  { name: 'batch-shuffled', what: 'answers a batch in another order',
    tamper: () => ({ batch: (answers) => [...answers].reverse() }),
    tolerated: 'JSON-RPC allows it; answers are matched by id' },
  { name: 'batch-partial', what: 'answers only the first call of a batch',
    tamper: () => ({ batch: (answers) => answers.slice(0, 1) }),
    tolerated: BATCHES },
  { name: 'batch-single-object', what: 'answers a batch with one object', tamper: () => ({ batch: (answers) => answers[0] }), tolerated: BATCHES },
  { name: 'batch-refused', what: 'answers a batch with one error',
    tamper: () => ({ batch: () => ({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'batch requests are disabled' } }) }),
    tolerated: BATCHES },
  { name: 'batch-turned-away', what: 'turns batches away with HTTP 400 and a page', tamper: () => ({ http: ({ res, isBatch }) => {
    if (isBatch) res.writeHead(400, { 'content-type': 'text/html' }).end('<html>Bad Request</html>')
    return isBatch
  } }), tolerated: BATCHES },
  { name: 'batch-with-one-more', what: 'answers a call more than the batch had',
    tamper: () => ({ batch: (answers) => [...answers, withResult({ id: 1e9 }, '0x0')] }),
    tolerated: BATCHES },
  { name: 'batch-answered-twice', what: 'answers a call of a batch twice, differently',
    tamper: () => ({ batch: (answers) => [withResult(answers[0], null), ...answers] }),
    tolerated: BATCHES },
  { name: 'batch-crossed', what: 'gives the answers of a batch to each other\'s ids',
    tamper: () => ({ batch: (answers) => answers.map((a, i) => ({ ...a, id: answers.at(-1 - i).id })) }),
    named: /contradiction: its final block \d+ is above its latest/ },
]
