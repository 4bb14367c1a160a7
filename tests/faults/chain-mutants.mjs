// Takes each check of src/chain, and of what it trusts in src/formats, away in turn; some test of tests/unit must fail then.
// `node tests/faults/chain-mutants.mjs [--fast] [FILE…]` tells which test notices what; the long tier runs it as well.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FORMATS = ['trie', 'header', 'rlp', 'keccak', 'abi'].map((n) => `src/formats/${n}.c`)

/** Conditions that may go unnoticed, and why. Most are there for the reader, or for a day on which something else has changed. */
const spared = {
  'formats/keccak.c': {
    'k->n % 8 == 0 && n >= 8': 'eight bytes at once; the other branch takes them one by one',
  },
  'formats/header.c': {
    'n > sizeof v->room - v->used': 'the widest fields of all forks together have 1,748 bytes, the room 2,048',
  },
  'chain/calls.c': {
    'x->n == RPC_BATCH_MAX': 'no step has more calls open at a provider than there are fetch slots, which are as many',
  },
  'chain/check.c': {
    '!is_answered(&f->provider[i])': 'what a provider gave before a break counts only if enough of those who answer now give it, too',
  },
  'chain/entry.c': {
    '!slash': 'without a slash the first part is too long, by the difference of two pointers',
  },
  'chain/explain.c': {
    '!v': 'memory',
    '!table_add(&f->ids_by_id, table_hash(SPAN_OF(u->id)), f->ids_n)': 'memory',
    '!add(f, &(struct unexplained){ .id = *id, .at = at, .is_final = is_final })': 'memory',
    '!ask(f)': 'nobody can be asked: the step ends as any other without an open call does',
  },
  'chain/follower.c': { rc: 'memory' },
  'chain/heads.c': {
    '!h': 'memory',
    '!h->part[i]': 'memory',
  },
  'chain/history.c': {
    '!s->digests': 'memory',
    'n == 0 || n + x->got.n != x->words.entries - t->final.entries || record_prev_block(&x->got.v[0], &prev, NULL) || prev != x->base.v[n - 1].block':
      'spares the hashing; the head below decides',
  },
  'chain/doubt.c': {
    'rc == ERR_MEMORY': 'memory',
    '!d': 'memory',
    'asked->n': 'copies nothing from nowhere',
  },
  'chain/prove.c': {
    '!ask_account(f)': 'nobody can be asked: the step ends as any other without an open call does',
  },
  'chain/promote.c': {
    '!anchor_ask(f, &f->final, s->block.number)': 'nobody has to be asked: the step ends as any other without an open call does',
  },
  'chain/records.c': {
    'n <= list->cap': 'spares an allocation',
    rc: 'memory',
  },
  'chain/track.c': {
    'records->n > w->entries': 'the difference wraps around to a position far above the end, which is refused below',
    gone: 'moves everything by nothing',
  },
  'chain/witness.c': {
    '!grown': 'memory',
    '!node': 'memory; the other one is in every test',
    'w->n <= 2 * w->used + SLACK': 'spares sweeping at each change',
  },
  'chain/words.c': {
    '!s': 'memory',
    '!h': 'memory',
    '!grown': 'memory',
    '!reserve(t, products_at(f) + 2 * f->tracks_n)': 'memory',
    '!reserve(t, (size_t)n)': 'memory',
    '!take_heads(f)': 'memory',
    '!explain_note(f, &t->sought[i].word, t->ids_at + i, t->level == LEVEL_FINAL)': 'memory',
    '!note_ids(f)': 'memory',
    '!look(f)': 'memory',
    'n <= t->sought_cap': 'spares an allocation',
    'explain_is_due(f)': 'matters from LISTED_OPEN_MAX ids on: tests/integration/many-products.long.test.mjs',
    's->is_known': 'spares a walk to what an answer has proven',
  },
}

/** [file in src, what stands there, what stands there instead] */
const more = [
  // --- formats/keccak: constants and padding; every other line is in each hash
  ['formats/keccak.c', '0x0000000080000001, 0x8000000080008008,', '0x0000000080000001, 0x8000000080008009,'],
  ['formats/keccak.c', 'MOVE(4, 21, 2)', 'MOVE(4, 21, 3)'],
  ['formats/keccak.c', '(uint64_t)0x01 << (8 * (k->n % 8))', '(uint64_t)0x06 << (8 * (k->n % 8))'],
  ['formats/keccak.c', 'UINT64_C(0x80) << 56', '0'],
  ['formats/keccak.c', 'k->n % 8 == 0 && n >= 8', 'n >= 8'],
  ['formats/keccak.c', 's.n - i < room ? s.n - i : room', 's.n - i'],

  // --- formats/rlp: canonical, both ways
  ['formats/rlp.c', '\tif (n <= SHORT_MAX)\n\t\treturn err_set', '\tif (n < SHORT_MAX)\n\t\treturn err_set'],
  ['formats/rlp.c', 'b == SHORT_STRING + 1 && in.p[1] < SHORT_STRING', 'b == SHORT_STRING + 1 && in.p[1] <= SHORT_STRING'],
  ['formats/rlp.c', 'if (in.n - 1 < width)', 'if (in.n < width)'],
  ['formats/rlp.c', 'if (n > in.n - 1 - width)', 'if (n > in.n - 1)'],
  ['formats/rlp.c', 'if (item->body.n > 8)', 'if (item->body.n > 9)'],
  ['formats/rlp.c', 'item->body.n && item->body.p[0] == 0', 'item->body.n > 1 && item->body.p[0] == 0'],
  ['formats/rlp.c', 's.n != 1 || s.p[0] >= SHORT_STRING', 's.n != 1 || s.p[0] > SHORT_STRING'],
  ['formats/rlp.c', '\tif (n <= SHORT_MAX) {', '\tif (n < SHORT_MAX) {'],
  ['formats/rlp.c', 'while (be.n && be.p[0] == 0)', 'if (be.n && be.p[0] == 0)'],

  // --- formats/trie: each half of each rule
  ['formats/trie.c', 'ref->kind == RLP_STRING && ref->body.n == REFERENCE', 'ref->body.n == REFERENCE'],
  ['formats/trie.c', 'ref->kind == RLP_STRING && ref->body.n == 0', 'ref->body.n == 0'],
  ['formats/trie.c', 'if (ref->whole.n >= REFERENCE)', 'if (ref->whole.n > REFERENCE)'],
  ['formats/trie.c', 'if (raw.n > PROOF_NODE_MAX)', 'if (raw.n >= PROOF_NODE_MAX)'],
  ['formats/trie.c', 'item->kind != RLP_STRING || p.n == 0 ||', 'p.n == 0 ||'],
  ['formats/trie.c', '|| p.n == 0 || p.p[0]', '|| p.p[0]'],
  ['formats/trie.c', ' || p.p[0] >> 4 > 3)', ')'],
  ['formats/trie.c', 'p->n != key_left(w) || !path_matches(w, p)', '!path_matches(w, p)'],
  ['formats/trie.c', 'p->n != key_left(w) || !path_matches(w, p)', 'p->n != key_left(w)'],
  ['formats/trie.c', 'value->kind != RLP_STRING || value->body.n == 0', 'value->body.n == 0'],
  ['formats/trie.c', 'value->kind != RLP_STRING || value->body.n == 0', 'value->kind != RLP_STRING'],
  ['formats/trie.c', 'item[1].kind == RLP_STRING && item[1].body.n != REFERENCE', 'item[1].body.n != REFERENCE'],
  ['formats/trie.c', 'item[1].kind == RLP_STRING && item[1].body.n != REFERENCE', 'item[1].kind == RLP_STRING && item[1].body.n == 0'],
  ['formats/trie.c', 'w->node.kind == RLP_STRING && w->node.body.n == 0 && w->depth == 0', 'w->node.body.n == 0 && w->depth == 0'],
  ['formats/trie.c', 'w->node.body.n == 0 && w->depth == 0', 'w->depth == 0'],
  ['formats/trie.c', ' && w->depth == 0)', ')'],
  ['formats/trie.c', 'key.n > TRIE_KEY_MAX || ', ''],
  ['formats/trie.c', ' || n > PROOF_NODES_MAX)', ')'],
  ['formats/trie.c', 'n == 0 && hash32_eq(root', 'hash32_eq(root'],
  ['formats/trie.c', 'if (n == 0 && hash32_eq(root, &trie_empty_root))', 'if (n == 0)'],
  ['formats/trie.c', 'rc == ERR_OK && !w->is_done', '!w->is_done'],
  ['formats/trie.c', 'item->kind != RLP_STRING || item->body.n != sizeof out->b', 'item->body.n != sizeof out->b'],
  ['formats/trie.c', 'item.kind != RLP_STRING || item.body.n > sizeof word.b ||', 'item.body.n > sizeof word.b ||'],
  ['formats/trie.c', '(item.body.n && item.body.p[0] == 0)', '0'],
  ['formats/trie.c', 'nibble(w->key, w->depth++)', 'nibble(w->key, w->depth)'],
  ['formats/trie.c', '\tw->depth += p.n;\n', ''],

  // --- formats/header: widths, order, what belongs to the hash
  ['formats/header.c', '"extraData",\t\t   BYTES,  1024', '"extraData",\t\t   BYTES,  1025'],
  ['formats/header.c', '"gasUsed",\t\t   NUMBER, 8', '"gasUsed",\t\t   NUMBER, 9'],
  ['formats/header.c', '"difficulty",\t\t   NUMBER, 32', '"difficulty",\t\t   NUMBER, 33'],
  ['formats/header.c', '{ "excessBlobGas",\t   NUMBER', '{ "excessBlobGas",\t   BYTES'],
  ['formats/header.c', 'FIXED,  32,\t PRAGUE', 'FIXED,  32,\t CANCUN'],
  ['formats/header.c', 'FIXED,  32,\t SHANGHAI', 'FIXED,  32,\t CANCUN'],
  ['formats/header.c', '"withdrawals", "author", "sealFields",', '"author", "sealFields",'],
  ['formats/header.c', 'digits.n >= 1 && ', ''],
  ['formats/header.c', "(digits.n == 1 || digits.p[0] != '0')", '1'],
  ['formats/header.c', "text.n < 2 || text.p[0]", "text.p[0]"],
  ['formats/header.c', "text.p[0] != '0' || ", ''],
  ['formats/header.c', " || text.p[1] != 'x')", ')'],
  ['formats/header.c', 'f->kind == FIXED ? digits.n != 2 * f->width : ', ''],
  ['formats/header.c', ' : digits.n > 2 * f->width)', ' : 0)'],
  ['formats/header.c', 'fields_table[n].since <= fields_table[n - 1].since', 'fields_table[n].since < fields_table[n - 1].since'],
  ['formats/header.c', 'item->body.n != f->width : ', 'item->body.n > f->width : '],
  ['formats/header.c', ' : item->body.n > f->width)', ' : 0)'],
  ['formats/header.c', 'f->kind == NUMBER && item->body.n && ', 'item->body.n && '],
  ['formats/header.c', 'rlp.n > HEADER_MAX ?', '0 ?'],
  ['formats/header.c', 'F_STATE_ROOT = 3', 'F_STATE_ROOT = 4'],
  ['formats/header.c', 'F_TIME = 11', 'F_TIME = 10'],
  ['formats/header.c', 'h.hash = keccak256(rlp);', 'h.hash = keccak256(whole.body);'],

  // --- formats/abi: strict layout
  ['formats/abi.c', 'at > r->data.n || r->data.n - at < WORD', 'r->data.n - at < WORD'],
  ['formats/abi.c', 'WORD - bits / 8', 'WORD - 8'],
  ['formats/abi.c', 'WORD - sizeof a.b)))', 'WORD - sizeof a.b - 1)))'],
  ['formats/abi.c', '\tif (v > 1)', '\tif (v > 2)'],
  ['formats/abi.c', '\tif (n > max)', '\tif (n > max + 1)'],
  ['formats/abi.c', 'SPAN(topic->b, WORD - 8)', 'SPAN(topic->b, WORD - 9)'],
  ['formats/abi.c', 'SPAN(topic->b, WORD - sizeof out->b)', 'SPAN(topic->b, WORD - sizeof out->b - 1)'],
  ['formats/abi.c', 'expect_tail(r, from + i * WORD, from);', ''],

  // --- chain/entry: events, heads, storage
  ['chain/entry.c', 'r->topics_n > 0 && ', ''],
  ['chain/entry.c', '[ENTRY_FLOOR]\t   = { "floor",\t     { REGISTRY_TOPIC_FLOOR_RAISED }, 3', '[ENTRY_FLOOR]\t   = { "floor",\t     { REGISTRY_TOPIC_FLOOR_RAISED }, 2'],
  ['chain/entry.c', 'abi_bytes(d, PRODUCT_NAME_MAX)', 'abi_bytes(d, PRODUCT_NAME_MAX + 1)'],
  ['chain/entry.c', 'SIGNERS_MAX, COSE_KEY_MAX)', 'SIGNERS_MAX, COSE_KEY_MAX + 1)'],
  ['chain/entry.c', 'abi_bytes(d, MANIFEST_MAX)', 'abi_bytes(d, MANIFEST_MAX + 1)'],
  ['chain/entry.c', 'out->revoked.reason = abi_bytes(d, REASON_MAX)', 'out->revoked.reason = abi_bytes(d, REASON_MAX + 1)'],
  ['chain/entry.c', 'out->floor.reason = abi_bytes(d, REASON_MAX)', 'out->floor.reason = abi_bytes(d, REASON_MAX + 1)'],
  ['chain/entry.c', 'return rc ? rc : abi_topic_addr(&r->topics[3], &out->release.publisher, e);', 'return abi_topic_addr(&r->topics[3], &out->release.publisher, e);'],
  ['chain/entry.c', 'return rc ? rc : abi_topic_addr(&r->topics[3], &out->owner.to, e);', 'return abi_topic_addr(&r->topics[3], &out->owner.to, e);'],
  ['chain/entry.c', 'keccak_add(&k, SPAN_OF(*head));', ''],
  ['chain/entry.c', 'r->topics_n * sizeof r->topics[0]', '2 * sizeof r->topics[0]'],
  ['chain/entry.c', 's.n == 0 || s.n > NAME_PART_MAX', 's.n == 0 || s.n > NAME_PART_MAX + 1'],
  ['chain/entry.c', 's.n == 0 || s.n > NAME_PART_MAX', 's.n > NAME_PART_MAX'],
  ['chain/entry.c', '!is_first && (c', '(c'],
  ['chain/entry.c', 'i == 0))\n\t\t\treturn false;', '0))\n\t\t\treturn false;'],
  ['chain/entry.c', 'is_name_part(SPAN(name.p, at)) && ', ''],
  ['chain/entry.c', ' && is_name_part(SPAN(slash + 1, name.n - at - 1))', ''],
  ['chain/entry.c', 'carry = (carry >> 8) + (sum >> 8);', 'carry >>= 8;'],
  ['chain/entry.c', 's.packed = plus(s.head, 1);', 's.packed = plus(s.head, 2);'],

  // --- chain/json: strict hex, budget
  ['chain/json.c', 'JSON_REJECT_DUPLICATES | ', ''],
  ['chain/json.c', 'budget.is_on && n > RPC_JSON_HEAP_MAX - budget.used', 'budget.is_on && n > 4 * RPC_JSON_HEAP_MAX'],
  ['chain/json.c', 'budget.used -= n < budget.used ? n : budget.used;', ''],
  ['chain/json.c', "t.n < 2 || t.p[0] != '0' || ", ''],
  ['chain/json.c', " || t.p[1] != 'x'", ''],
  ['chain/json.c', 'digits.n == 0 || ', ''],
  ['chain/json.c', 'digits.n == 0 || digits.n > 2 * n', 'digits.n == 0'],
  ['chain/json.c', 'digits.n > 1 && digits.p[0]', 'digits.p[0]'],
  ['chain/json.c', 'quotation ? (size_t)(quotation - why) : ', ''],
  ['chain/json.c', 'digits.n / 2 > max', 'digits.n / 2 > max + 1'],

  // --- chain/read: what is not in an `if` of its own
  ['chain/read.c', 'n < 2 || n > RECORD_TOPICS_MAX', 'n > RECORD_TOPICS_MAX'],
  ['chain/read.c', 'n < 2 || n > RECORD_TOPICS_MAX', 'n < 2'],
  ['chain/read.c', 'r->block < f->from || ', ''],
  ['chain/read.c', ' || r->block > f->to', ''],
  ['chain/read.c', 'index > UINT32_MAX', 'index > (uint64_t)UINT32_MAX + 1'],
  ['chain/read.c', 'json_object_size(result) > BLOCK_FIELDS_MAX', 'json_object_size(result) > BLOCK_FIELDS_MAX + 1'],
  ['chain/read.c', 'json_array_size(result) > RPC_LOGS_MAX', 'json_array_size(result) > RPC_LOGS_MAX + 1'],
  ['chain/read.c', 'json_array_size(array) > PROOF_NODES_MAX', 'json_array_size(array) > PROOF_NODES_MAX + 1'],
  ['chain/read.c', 'room < PROOF_NODE_MAX ? room : PROOF_NODE_MAX', 'PROOF_NODE_MAX'],
  ['chain/read.c', 'out->n > first && !record_is_after', '!record_is_after'],
  ['chain/read.c', '!json_is_object(result) || !json_is_array(list) || ', ''],
  ['chain/read.c', ' || json_array_size(list) != n)', ')'],
  ['chain/read.c', '!addr20_eq(&said, address)', '0'],

  // --- chain/records, chain/track
  ['chain/records.c', 'a->block == b->block && a->log_index > b->log_index', 'a->block == b->block && a->log_index >= b->log_index'],
  ['chain/records.c', 'a->block > b->block || ', 'a->block >= b->block || '],
  ['chain/records.c', '(list->n + earlier->n) * sizeof *list->v + ', ''],
  ['chain/records.c', '\tlist->bytes += r->data.n;\n', ''],
  ['chain/track.c', ' && block == w->last_block', ''],
  ['chain/track.c', 'hash32_eq(head, &w->head) && block', 'block'],
  ['chain/track.c', 'from < t->final.entries || ', ''],
  ['chain/track.c', ' || from > track_end(t))', ')'],
  ['chain/track.c', 'prev != before || ', ''],
  ['chain/track.c', ' || r->block < prev)', ')'],
  ['chain/track.c', ' && !has_moved(t, from, records)', ''],
  ['chain/track.c', 'from > t->final.entries && records->n', 'records->n'],
  ['chain/track.c', 'from > t->final.entries && records->n && ', 'from > t->final.entries && '],
  ['chain/track.c', '&prev, NULL) == ERR_OK &&', '&prev, NULL) >= 0 &&'],
  ['chain/track.c', 't->final = *w;', ''],
  ['chain/track.c', '\tt->n -= gone;\n', ''],

  // --- chain/vote: every comparison
  ['chain/vote.c', 'c->v[i].provider != provider || c->v[i].header.number != h->number', 'c->v[i].provider != provider'],
  ['chain/vote.c', 'c->v[i].provider != provider || c->v[i].header.number != h->number', 'c->v[i].header.number != h->number'],
  ['chain/vote.c', 'c->v[i].provider == provider && c->v[i].header.number == number', 'c->v[i].header.number == number'],
  ['chain/vote.c', 'c->v[i].provider == provider && c->v[i].header.number == number', 'c->v[i].provider == provider'],
  ['chain/vote.c', 'v->may_vote[provider] && ', ''],
  ['chain/vote.c', ' && v->says[provider] >= number', ''],
  ['chain/vote.c', 'v->says[provider] >= number', 'v->says[provider] > number'],
  ['chain/vote.c', 'c->v[i].header.number == number && counts', 'counts'],
  ['chain/vote.c', 'counts(v, c->v[i].provider, number) &&\n', '1 &&\n'],
  ['chain/vote.c', '&&\n\t\t    hash32_eq(&c->v[i].header.hash, hash))', ')'],
  ['chain/vote.c', 'operators |= UINT32_C(1) << v->operator_of[c->v[i].provider]', 'operators |= UINT32_C(1) << c->v[i].provider'],
  ['chain/vote.c', '< v->quorum)', '<= v->quorum)'],
  ['chain/vote.c', 'h->number != number || ', ''],
  ['chain/vote.c', 'if (found && hash32_eq(&found->hash, &h->hash))', 'if (found)'],
  ['chain/vote.c', 'h && counts(v, p, number) && ', 'h && '],
  ['chain/vote.c', ' && !hash32_eq(&h->hash, hash))', ')'],
  ['chain/vote.c', 'for (size_t p = from;', 'for (size_t p = 0;'],
  ['chain/vote.c', 'operators |= UINT32_C(1) << v->operator_of[p]', 'operators |= UINT32_C(1) << p'],
  ['chain/vote.c', 'v->may_vote[p] && v->says[p] < below', 'v->says[p] < below'],
  ['chain/vote.c', 'v->says[p] > best', 'v->says[p] < best'],
  ['chain/vote.c', '>= v->quorum)', '> v->quorum)'],

  // --- chain/provider: quarantine, back-off, scores
  ['chain/provider.c', 'provider_state(p) != PROVIDER_QUARANTINED && p->identity != IDENTITY_FOREIGN && p->retry', 'p->identity != IDENTITY_FOREIGN && p->retry'],
  ['chain/provider.c', 'p->identity != IDENTITY_FOREIGN && p->retry_at_ms', 'p->retry_at_ms'],
  ['chain/provider.c', ' && p->retry_at_ms <= now', ''],
  ['chain/provider.c', 'tries < 20 ? base_ms << tries : cap_ms', 'base_ms'],
  ['chain/provider.c', 'random % (uint64_t)(top + 1)', 'top'],
  ['chain/provider.c', 'p->failures++, o->random', 'p->failures, o->random'],
  ['chain/provider.c', 'now + o->retry_after_ms > at ? now + o->retry_after_ms : at', 'at'],
  ['chain/provider.c', '\tp->failures = 0;\n', ''],
  ['chain/provider.c', '\tp->retry_at_ms = 0;\n', ''],
  ['chain/provider.c', '\tscore(&p->availability, true);\n', ''],
  ['chain/provider.c', '\t\tscore(&p->availability, false);\n', ''],
  ['chain/provider.c', '\t\tpace_throttled(&p->pace, now);\n\t\tback_off(p, o, now);', '\t\tpace_throttled(&p->pace, now);'],
  ['chain/provider.c', '\t\tpace_throttled(&p->pace, now);\n', ''],
  ['chain/provider.c', '\t\tmove(p, PROVIDER_DOWN);\n\t\tback_off(p, o, now);', '\t\tmove(p, PROVIDER_DOWN);'],
  ['chain/provider.c', 'p->identity == IDENTITY_FOREIGN ? IDENTITY_FOREIGN : IDENTITY_UNKNOWN', 'p->identity'],
  ['chain/provider.c', 'p->identity == IDENTITY_FOREIGN ? IDENTITY_FOREIGN : IDENTITY_UNKNOWN', 'IDENTITY_UNKNOWN'],
  ['chain/provider.c', '\tscore(&p->honesty, false);\n\tp->agreements = 0;', '\tp->agreements = 0;'],
  ['chain/provider.c', '\tp->agreements = 0;\n\tif', '\tif'],
  ['chain/provider.c', '\tp->probe_at_ms = now + probe_ms;\n\tif (provider_state', '\tif (provider_state'],
  ['chain/provider.c', 'p->honesty < HONESTY_MIN && ', ''],
  ['chain/provider.c', ' && now - p->odd_since_ms >= WATCH_ODD_S * 1000', ''],
  ['chain/provider.c', '\tp->no_records_until_ms = now + probe_ms;', ''],
  ['chain/provider.c', 'p->agreements = agrees ? p->agreements + 1 : 0;', 'p->agreements++;'],
  ['chain/provider.c', 'p->agreements < QUARANTINE_AGREEMENTS', 'p->agreements < QUARANTINE_AGREEMENTS - 1'],
  ['chain/provider.c', '\tscore(&p->honesty, agrees);\n\tp->probe_at_ms = now + probe_ms;', '\tscore(&p->honesty, agrees);'],

  // --- chain/rpc: each class by a word or a code of its own, and the shape of answers
  ['chain/rpc.c', '\t{ -32601, RPC_UNSUPPORTED },\n', ''],
  ['chain/rpc.c', '\t{ 4444,\t  RPC_PRUNED },\n', ''],
  ['chain/rpc.c', '\t{ 429,\t  RPC_THROTTLED },\n', ''],
  ['chain/rpc.c', '\t{ -32614, RPC_TOO_LARGE },\n', ''],
  ['chain/rpc.c', '\t{ "missing trie node", RPC_PRUNED },\n', ''],
  ['chain/rpc.c', '\t{ "proof window", RPC_PRUNED },\n', ''],
  ['chain/rpc.c', '\t{ "rate limit", RPC_THROTTLED },\n', ''],
  ['chain/rpc.c', '\t{ "request rate", RPC_THROTTLED },\n', ''],
  ['chain/rpc.c', '\t{ "more than", RPC_TOO_LARGE },\n', ''],
  ['chain/rpc.c', '\t{ "too wide", RPC_TOO_LARGE },\n', ''],
  ['chain/rpc.c', '\t{ "exceed", RPC_TOO_LARGE },\n', ''],
  ['chain/rpc.c', '\t{ "header not found", RPC_BEHIND },\n', ''],
  ['chain/rpc.c', '\t{ "block not found", RPC_BEHIND },\n', ''],
  ['chain/rpc.c', '\t{ "not supported", RPC_UNSUPPORTED },\n', ''],
  ['chain/rpc.c', '\t{ "gateway timeout", RPC_DOWN },\n', ''],
  ['chain/rpc.c', '\t{ "healthy", RPC_DOWN },\n', ''],
  ['chain/rpc.c', 'tolower(message.p[i])', 'message.p[i]'],
  ['chain/rpc.c', 'c == RPC_REFUSED && code == -32005', 'code == -32005'],
  ['chain/rpc.c', 'c == RPC_REFUSED && code == -32005', '0'],
  ['chain/rpc.c', '!json_is_integer(code) || ', ''],
  ['chain/rpc.c', ' || !message.p)', ')'],
  ['chain/rpc.c', 'error && json_is_null(error) && result', '0'],
  ['chain/rpc.c', '!span_is(json_text(json_object_get(object, "jsonrpc")), "2.0")', '0'],
  ['chain/rpc.c', '!result == !error', '!result'],
  ['chain/rpc.c', 'json_is_integer(j) && (uint64_t)json_integer_value(j) == id', '(uint64_t)json_integer_value(j) == id'],
  ['chain/rpc.c', ' && (uint64_t)json_integer_value(j) == id', ''],
  ['chain/rpc.c', '\t\tif (seen > 1)', '\t\tif (0)'],
  ['chain/rpc.c', 'json_array_size(r->root) > n', '0'],
  ['chain/rpc.c', 'x->body.n > RPC_BODY_MAX', '0'],
  ['chain/rpc.c', 'status == 429 || ', ''],
  ['chain/rpc.c', ' || status == 402)', ')'],
  ['chain/rpc.c', 'x->net == ERR_LIMIT ? RPC_GARBAGE : RPC_DOWN', 'RPC_DOWN'],
  ['chain/rpc.c', 'status >= 200 && status < 300 ? RPC_OK : RPC_DOWN', 'RPC_OK'],

  // --- the follower's steps: what is not in an `if`
  ['chain/anchor.c', 'f->latest.may_vote[provider] = f->final.may_vote[provider] = false;', ''],
  ['chain/anchor.c', '\tname_dissenters(f, h);\n\tif (is_new)', '\tif (is_new)'],
  ['chain/anchor.c', '\tname_dissenters(f, h);\n\treturn true;', '\treturn true;'],
  ['chain/anchor.c', 'h.number - f->depth', 'h.number'],
  ['chain/check.c', 'p->has_chain_id = p->has_genesis = p->lacks_genesis = false;', ''],
  ['chain/check.c', 'operators |= UINT32_C(1) << f->operator_of[k];', 'operators |= UINT32_C(1) << k;'],
  ['chain/check.c', 'p->foreign_times++', 'p->foreign_times'],
  ['chain/check.c', '\tp->foreign_times = 0;\n', ''],
  ['chain/explain.c', ' || !product_name_is_valid(entry.registered.name))', ')'],
  ['chain/promote.c', 'f->pending[i].block.number <= f->anchor.number &&', '1 &&'],
  ['chain/promote.c', '(hash32_eq(&f->anchor_header.hash, &f->anchor.hash) && hash32_eq(&s->block.hash, &f->anchor_header.parent))', '0'],
  ['chain/prove.c', 't->tried |= UINT32_C(1) << c->provider;\n\tif (a->class != RPC_OK)\n\t\treturn proof_answered(f, c, a->class);\n\trc = read_proof(a->result, &t->header.state_root, &f->registry, NULL', 'if (a->class != RPC_OK)\n\t\treturn proof_answered(f, c, a->class);\n\trc = read_proof(a->result, &t->header.state_root, &f->registry, NULL'],
  ['chain/prove.c', '!h || !h->is_whole || h->n != f->tracks_n', '!h || !h->is_whole'],
  ['chain/prove.c', '!h || !h->is_whole || h->n != f->tracks_n', '!h || h->n != f->tracks_n'],
  ['chain/history.c', 'got->v[got->n - 1].block != x->words.last_block', '0'],
  ['chain/history.c', 'prev >= x->got.v[0].block || ', ''],
  ['chain/history.c', ' || prev <= t->final.last_block)', ')'],
  ['chain/history.c', '!hash32_eq(&head, &m->head) || ', ''],
  ['chain/history.c', 'x->tried | without_records(f)', 'x->tried'],
  ['chain/link.c', 'rc || hash32_is_zero(&word)', 'rc'],
  ['chain/link.c', 'number % LINK_RING', 'number'],
]

const files = [...FORMATS, ...await cFiles('src/chain')]

export async function chainMutants() {
  const all = await rows('src', more)
  for (const file of files) all.push(...await withoutEachIf(file, spared[file.slice('src/'.length)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

const chainTests = (await cFiles('tests/unit/chain', (n) => n.startsWith('test_'))).map((f) => basename(f, '.c'))

/** Test programs that may notice a mutant, the likeliest first. */
export function programsOf({ file, text }) {
  const first = FORMATS.includes(file) ? ['test_ethereum', 'test_abi']
    : /words|heads|witness|explain/.test(file) ? ['test_many', 'test_witness', 'test_steps', 'test_follower']
    : text.includes('"chain/follow.h"') ? ['test_steps', 'test_follower', 'test_borrow'] : ['test_chain', 'test_reading', 'test_entries']
  return [...first, ...chainTests.filter((t) => !first.includes(t))]
}

async function pkgConfig(...packages) {
  const { code, stdout, stderr } = await run('pkg-config', ['--cflags', '--libs', ...packages])
  if (code) throw new Error(stderr)
  return stdout.trim().split(/\s+/)
}

export async function chainWorkshop(is_fast = false) {
  const helpers = [...await cFiles('tests/unit/support'), ...await cFiles('tests/unit/chain', (n) => !n.startsWith('test_'))]
  const programs = {}
  for (const name of chainTests) programs[name] = { sources: [`tests/unit/chain/${name}.c`], helpers }
  for (const name of ['test_ethereum', 'test_abi']) programs[name] = { sources: [`tests/unit/formats/${name}.c`], helpers }
  return workshop({
    sources: [...await cFiles('src/base'), ...await cFiles('src/formats'), ...await cFiles('src/chain')],
    programs,
    is_fast,
    flags: ['-I.', '-Itests/unit', '-Itests/unit/chain', `-DVECTORS_DIR="${join(root, 'tests/vectors')}"`],
    libs: await pkgConfig('jansson', 'libcrypto', 'libsecp256k1'),
    prepare: async (dir) => {
      const { code, stdout, stderr } = await run(process.execPath, [join(root, 'contracts/compile.mjs'), 'header', join(root, 'contracts/FirmwareRegistry.sol')], { deadline_ms: 300_000 })
      if (code !== 0) throw new Error(stderr)
      await mkdir(join(dir, 'contracts'))
      await writeFile(join(dir, 'contracts/registry_gen.h'), stdout)
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const is_fast = process.argv.includes('--fast'), only = process.argv.slice(2).filter((a) => a !== '--fast')
  const mutants = await chainMutants(), shop = await chainWorkshop(is_fast)
  await report(shop, only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(f))) : mutants, programsOf)
  await shop.close()
}
