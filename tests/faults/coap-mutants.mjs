// Takes each check of src/coap away in turn; some test of tests/unit/coap must fail then. A long test: run it by hand or in
// the long tier, `node tests/faults/coap-mutants.mjs`.
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SANITIZE = '-fsanitize=address,undefined'
const CFLAGS = ['-g', '-O1', '-w', '-std=gnu11', '-D_GNU_SOURCE', SANITIZE, '-fno-sanitize-recover=all', '-Isrc']
const FOLDERS = ['src/base', 'src/coap', 'tests/unit/coap']

/** [file in src/coap, what stands there, what stands there instead] */
const mutants = [
  ['pdu.c', 'if (token_n > PDU_TOKEN_MAX)', 'if (0)'],
  ['pdu.c', 'if (m.code == PDU_EMPTY && d.n > PDU_HEADER)', 'if (0)'],
  ['pdu.c', 'if (is_reserved_class(m.code))', 'if (0)'],
  ['pdu.c', 'if (token_n > d.n - PDU_HEADER)', 'if (token_n > d.n)'],
  ['pdu.c', '\tif (cur_left(&it.c) == 0)\n\t\treturn err_set', '\tif (0)\n\t\treturn err_set'],
  ['option.c', 'if (it->number > UINT16_MAX)', 'if (0)'],
  ['option.c', '\tcase 15:\n\t\tcur_fail(c);', '\tcase 15:\n'],
  ['blockwise.c', 'if (value.n > 3)', 'if (0)'],
  ['blockwise.c', 'if ((v & 7) > BLOCKWISE_SZX_MAX)', 'if (0)'],
  ['blockwise.c', 'if (size > blockwise_reach(b))', 'if (0)'],
  ['blockwise.c', 'if (at >= size && b->number > 0)', 'if (at > size && b->number > 0)'],
  ['coapreq.c', 'if (g->r->nqueries == COAP_QUERIES_MAX)', 'if (0)'],
  ['coapreq.c', 'if (g.segments > 1 && g.has_slash)', 'if (0)'],
  ['coapreq.c', 'if (r->path_n + 1 + s.n > sizeof r->path)', 'if (0)'],
  ['coapreq.c', '(rule->repeats || o->number != previous)', '1'],
  ['coapreq.c', 'o->value.n >= rule->min && o->value.n <= rule->max &&', '1 &&'],
  ['coapreq.c', 'else if (option_is_critical(o.number))', 'else if (0)'],
  ['echo.c', 'if (step != now && step + 1 != now)', 'if (0)'],
  ['echo.c', 'return differs == 0;', 'return 1;'],
  ['echo.c', 'if (value.n != ECHO_VALUE)', 'if (0)'],
  ['guard.c', 'if (peer->port < PRIVILEGED_PORTS)', 'if (0)'],
  ['guard.c', 'v->until_ms > now_ms && ', ''],
  ['guard.c', 'return v->until_ms > now_ms && endpoint_eq(&v->peer, peer);', 'return v->until_ms > now_ms;'],
  ['guard.c', '\tif (endpoint_is_loopback(peer))\n\t\treturn known ? GUARD_SERVE : GUARD_LIMITED;\n', ''],
  ['guard.c', 'return n < COAP_UNVERIFIED_MAX ? n : COAP_UNVERIFIED_MAX;', 'return n;'],
  ['guard.c', '(known ? g->known : g->unknown)', '(g->known)'],
  ['guard.c', 'known ? &g->known_all : &g->unknown_all', '&g->known_all'],
  ['exchanges.c', 'if (x->ring[x->first].sm.at != EXCHANGE_SETTLED)', 'if (0)'],
  ['exchanges.c', 'now_ms - x->ring[x->first].born_ms >= EXCHANGE_LIFETIME_MS', '0'],
  ['exchanges.c', 'return ticket && one->ticket == ticket ? one : NULL;', 'return one;'],
  ['observers.c', 'datagram.n > COAP_OBSERVE_REQUEST_MAX ||', ''],
  ['observers.c', 'of_host(o, peer) >= COAP_OBSERVERS_PER_PEER', '0'],
  ['observers.c', '\tif (one)\n\t\tobservers_drop(o, one);\n', ''],
  ['uploads.c', 'if (piece.n > blockwise_size(b) || (b->has_more && piece.n != blockwise_size(b)))', 'if (0)'],
  ['uploads.c', 'if (!u || blockwise_offset(b) != u->n)', 'if (!u)'],
  ['uploads.c', 'if (piece.n > sizeof u->body - u->n)', 'if (0)'],
  ['uploads.c', 'endpoint_eq(&u->peer, peer) &&', '1 &&'],
  ['uploads.c', '&& now_ms - all->all[i].used_ms < UPLOAD_MS', ''],
  ['uploads.c', 'span_eq(SPAN(u->path, u->path_n), coapreq_path(r))', '1'],
  ['respond_get.c', '!res->is_observable || ', ''],
  ['respond_get.c', '!t->is_verified || ', ''],
  ['respond_get.c', ' || t->req.block2.number > 0', ''],
  ['respond_get.c', 'if (t->req.is_odd)', 'if (0)'],
  ['respond_get.c', 'else if (res.code != PDU_UNAVAILABLE)', 'else'],
  ['respond_get.c', 'if (c.observe >= 0 && pdu_class(t->out[1]) != 2)', 'if (0)'],
  ['respond_reply.c', 'if (t->req.accept != COAPREQ_ANY && t->req.accept != c->res->format)', 'if (0)'],
  ['respond_reply.c', 'if (has_valid_etag(&t->req, c->res))', 'if (0)'],
  ['respond_reply.c', 'if (read_part(t, c, off, room, n))', 'if (read_part(t, c, off, room, n) && 0)'],
  ['respond_reply.c', 'struct span text = span_cut(span_str(why), 0, COAP_DIAGNOSTIC_MAX);', 'struct span text = span_str(why);'],
  ['respond_reply.c', '\tif (text.n < (size_t)(w->end - w->p))\n', ''],
  ['respond_listing.c', 'if (t->req.pdu.type != PDU_NON || ', 'if ('],
  ['respond_listing.c', 't->req.pdu.code != PDU_GET || ', ''],
  ['respond_listing.c', '|| !respond_is_listing(&t->req))', ')'],
  ['respond_listing.c', 'if (!l || l->text.n == 0 || !slot)', 'if (!l || !slot)'],
  ['respond_listing.c', 'if (slot->n && pdu_class(slot->bytes[1]) != 2)', 'if (0)'],
  ['respond_listing.c', 'if (l->is_made && span_eq(buf_span(&l->query), query))', 'if (l->is_made)'],
  ['respond_post.c', 'if (t->req.pdu.payload.n > REPORT_MAX)', 'if (0)'],
  ['respond_post.c', '\tif (x)\n\t\treturn respond_repeated(t, x);\n', ''],
  ['respond_post.c', '\tif (t->req.is_odd)\n\t\treturn PDU_NOT_FOUND;\n', ''],
  ['respond_post.c', 'if (x->tries == RESPOND_TRIES_MAX)', 'if (0)'],
  ['respond_post.c', 'if (x->type != PDU_CON)\n\t\treturn 0;', ''],
  ['respond_observe.c', 'if (o->sm.at == OBSERVER_CONFIRMING && o->tries == RESPOND_TRIES_MAX)', 'if (0)'],
  ['respond_observe.c', 'if (o->sm.at == OBSERVER_QUIET)\n\t\t\tnotify', 'notify'],
  ['respond_observe.c', 'if (n == 0 || (!news && !must))', 'if (n == 0)'],
  ['respond_observe.c', '\tif (is_reset) {\n\t\tobservers_drop(&r->observers, o);\n\t} else', '\t'],
  ['respond_observe.c', '\tif (pdu_class(out[1]) != 2)\n\t\tobservers_drop(&r->observers, o);\n\telse', '\t'],
  ['responder.c', 'return t->is_verified ? respond_post(t) : respond_with_echo(t);', 'return respond_post(t);'],
  ['responder.c', 't->cap = t->is_verified ? COAP_MESSAGE_MAX : guard_budget(t->in->bytes.n);', 't->cap = COAP_MESSAGE_MAX;'],
  ['responder.c', '\tif (t->in->via.was_group)\n\t\treturn code ? 0 : respond_group(t);\n', ''],
  ['responder.c', 'return code ? 0 : respond_group(t);', 'return respond_group(t);'],
  ['responder.c', '\tif (verdict == GUARD_TOO_MANY)\n\t\treturn respond_wait(t, PDU_TOO_MANY, NULL, 1);\n', ''],
  ['responder.c', '\tif (code == PDU_BAD_OPTION && m->type == PDU_NON)', '\tif (0)'],
  ['responder.c', '\tif (t->in->was_cut)\n\t\treturn respond_code(t, PDU_TOO_LARGE, NULL);\n', ''],
  ['responder.c', 'if (verdict == GUARD_DROP)', 'if (0)'],
  ['responder.c', 'if (m.type == PDU_CON && !t->in->via.was_group)', 'if (!t->in->via.was_group)'],
  ['responder.c', 'if (m.type == PDU_CON && !t->in->via.was_group)', 'if (m.type == PDU_CON)'],
  ['responder.c', ' && m->type == PDU_CON && !t->in->via.was_group)', ' && m->type == PDU_CON)'],
  ['links.c', 'if (f->is_prefix)', 'if (0)'],
  ['links.c', 'if (l->left_out) {', 'if (0) {'],
  ['endpoint.c', 'if (has_bits_after(&p))', 'if (0)'],
  ['endpoint.c', 'rest == 0 ||', '1 ||'],
]

const dir = await mkdtemp(join(tmpdir(), 'gatepost-mutants-'))
const object = (file) => join('objects', file.replaceAll('/', '_') + '.o')

async function compile(file) {
  const { code, stderr } = await run('cc', [...CFLAGS, '-c', file, '-o', object(file)], { cwd: dir })
  if (code) throw new Error(stderr)
}

await mkdir(join(dir, 'objects'))
const objects = []
for (const folder of FOLDERS) {
  await cp(join(root, folder), join(dir, folder), { recursive: true })
  for (const name of (await readdir(join(dir, folder))).filter((n) => n.endsWith('.c'))) {
    await compile(join(folder, name))
    objects.push(object(join(folder, name)))
  }
}

/** Do the tests pass with what is compiled now? */
async function passes() {
  const { code, stderr } = await run('cc', [SANITIZE, ...objects, '-lcheck', '-lsubunit', '-lm', '-lrt', '-lpthread', '-o', 'run-tests'],
    { cwd: dir })
  if (code) throw new Error(stderr)
  return (await run('./run-tests', [], { cwd: dir, env: { CK_DEFAULT_TIMEOUT: '20' }, deadline_ms: 300_000 })).code === 0
}

if (!await passes()) throw new Error('the tests fail without any mutant')
let alive = 0
for (const [name, from, to] of mutants) {
  const file = join('src/coap', name)
  const source = await readFile(join(dir, file), 'utf8')
  if (!source.includes(from)) throw new Error(`not in ${file}: ${from}`)
  await writeFile(join(dir, file), source.replace(from, () => to))
  await compile(file)
  if (await passes()) {
    alive++
    console.log(`ALIVE ${file}: ${from.trim()}`)
  }
  await writeFile(join(dir, file), source)
  await compile(file)
}
console.log(`${mutants.length} mutants, ${mutants.length - alive} caught`)
await rm(dir, { recursive: true })
process.exitCode = alive ? 1 : 0
