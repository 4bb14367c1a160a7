// Takes each check and each sync of src/store away in turn, and each of what reads the cache and answers devices; some unit test
// must fail then. `node tests/faults/store-mutants.mjs [--fast] [FILE…]` tells which test notices what; the long tier runs it as well.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SERVER = ['answer', 'chunks', 'coapd_answers', 'devfloors', 'objects', 'objects_hot', 'objects_read'].map((n) => `src/server/${n}.c`)
const CATALOG = ['catalog', 'check', 'filter', 'link'].map((n) => `src/catalog/${n}.c`)

/** Of two statements of own.c. */
const HELD = " WHERE product IN (SELECT product FROM decision WHERE decision = 'held')"

const MEMORY = 'only an allocation can fail there', FSTAT = 'fstat of an open file does not fail'

/** Conditions that may go unnoticed, and why. */
const spared = {
  'store/audit.c': { 'rc @ audit_append': 'what is damaged answers nothing more' },
  'store/blob.c': { 'at == w->hasher.at': 'spares a second read of the image' },
  'store/blob_check.c': {
    'rc && why.sys == EINVAL': 'a file system without O_DIRECT; even tmpfs has it',
    '!rc @ open_past_cache': 'the same',
  },
  'store/blob_dag.c': { '(rc = buf_ok(&b, e))': MEMORY },
  'store/blob_finish.c': { 'fds[i] >= 0': 'what is pushed without a file is nothing' },
  'store/blobdir.c': { '!d && fd >= 0': MEMORY },
  'store/db.c': {
    'rc != SQLITE_OK || now != options[i].value': 'an SQLite that does not know an option',
    '!path || stat(path, &want) < 0': 'only what the kernel remembers of the file',
    'fstat(fd, &have) == 0 && have.st_dev == want.st_dev && have.st_ino == want.st_ino': 'the same',
    'rc != SQLITE_OK @ db_check_pages': FSTAT,
  },
  'store/devices.c': { 'rc @ devices_count': 'db_row_ok says the same' },
  'store/floor.c': { 'rc @ floor_load': MEMORY, 'rc @ floor_check': MEMORY },
  'store/own.c': { 'rc != SQLITE_OK': MEMORY },
  'store/owncopy.c': {
    '(rc = buf_ok(&record, e))': MEMORY,
    'rc @ open_log': 'what cannot be moved away cannot be opened either',
    '!c @ copy_new': MEMORY,
    '!c @ owncopy_begin': MEMORY,
    'folder < 0': 'the sync that follows fails as well',
    '!rc @ make_anew 1': 'only an allocation can have failed there before',
  },
  'store/owncopy_ahead.c': { 'rc && rc != ERR_NOT_FOUND': 'only a line of the log' },
  'store/owncopy_recall.c': { 'rc @ lacks_recall': 'db_row_ok says the same' },
  'store/pagesum.c': {
    '!is_page(n, at) @ main_write': 'reading refuses such a file before',
    'frame < w->frames': 'spares work',
    '!sums || !known': MEMORY,
    'page >= 0 && page < w->frames': 'what was not written whole is not read again',
    'sqlite3_vfs_find(PAGESUM_VFS)': 'to register twice is harmless',
    '!kernel': 'an SQLite without a file system',
  },
  'store/release_read.c': { '(rc = db_row_ok(q, e)) @ read_row': 'what is damaged answers nothing more, so read_times says it' },
  'store/save.c': {
    'faccessat(dir, SCRATCH_DB(SCRATCH) "-wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0': 'SQLite would have to fail within its own end: every-call.test.mjs makes it',
    'errno != ENOENT': 'the directory was made a moment ago',
  },
  'store/savefile.c': { '(rc = buf_ok(&head, e))': MEMORY },
  'store/scratch.c': { 'n < 0 || (size_t)n >= sizeof path': 'store_open refuses such a path as well' },
  'store/stmt.c': { 'q.rc @ db_stmt_of': 'spares work: what has failed is not run' },
  'store/store_check.c': {
    'c->tables > 0 || c->is_done': 'the last pages are only read again',
    '(rc = db_row_ok(q, e)) @ expect_ok': 'what is not "ok" is damage either way',
  },
  'store/sysio.c': { 'errno != EINVAL && errno != ENOSYS': 'the other way fails as well then' },
  'catalog/catalog.c': { '!c @ open_take': MEMORY, is_mapped: MEMORY, 'p == MAP_FAILED': MEMORY },
  'server/answer.c': { '!s @ answers_new': MEMORY, 'n @ answer_read': 'to copy no bytes is harmless' },
  'server/coapd_answers.c': { '!c @ coapd_answers_new': MEMORY },
  'server/devfloors.c': { '!f @ devfloors_new': MEMORY, '!f->was_full': 'only a line of the log' },
  'server/chunks.c': { '!all @ chunks_new': MEMORY },
  'server/objects.c': {
    '!o @ object_new': MEMORY,
    '!all @ objects_new_take': MEMORY,
    'rc @ open_sums': 'what stands there then is not what the catalog names',
  },
  'server/objects_hot.c': {
    'memfd < 0': 'the write that follows fails as well',
    '*map == MAP_FAILED': MEMORY,
    'rc && rc != ERR_CORRUPT': 'only a line in the log',
  },
  'server/objects_read.c': {
    'rc @ object_fill': 'what stands there then does not fit its digest',
    '!t @ transfer_new': MEMORY,
    't->chunk && t->index == index': 'spares work',
  },
  'store/tokens.c': { '(rc = buf_ok(&b, e))': MEMORY, 'rc @ tokens_load 1': MEMORY, 'rc @ tokens_read': MEMORY },
}

/** [file in src, what stands there, what stands there instead]: above all every sync, then what compares without an `if`. */
const more = [
  ['server/answer.c', '		ask->is_odd |= known[i].value->p != NULL;\n', ''],
  ['server/answer.c', ' : SPAN("", 0);', ' : SPAN(NULL, 0);'],
  ['server/answer.c', 's.n == 0 || s.n > 19', 's.n > 19'],
  ['server/answer.c', 's.n == 0 || s.n > 19', 's.n == 0'],
  ['server/answer.c', 's.n == 0 || s.n > 19', 's.n == 0 || s.n > 18'],
  ['server/answer.c', "s.p[i] < '0' || s.p[i] > '9'", "s.p[i] > '9'"],
  ['server/answer.c', "s.p[i] < '0' || s.p[i] > '9'", "s.p[i] < '0'"],
  ['server/answer.c', 'ask->device.p && !devpath_is_device(ask->device)', '!devpath_is_device(ask->device)'],
  ['server/answer.c', 'ask->device.p && !devpath_is_device(ask->device)', 'ask->device.p'],
  ['server/answer.c', 'ask->from.p && !read_number', '!read_number'],
  ['server/answer.c', '	t->out->is_private = true;\n', ''],
  ['server/answer.c', 'return r->channel == t->channel_row && ', 'return '],
  ['server/answer.c', 'r->sequence >= floor && ', ''],
  ['server/answer.c', 'r->sequence >= floor && ', 'r->sequence > floor && '],
  ['server/answer.c', 'r->sequence >= t->from && ', ''],
  ['server/answer.c', 'r->sequence >= t->from', 'r->sequence > t->from'],
  ['server/answer.c', ' && t->from >= r->from_sequence &&\n', ' &&\n'],
  ['server/answer.c', 't->from >= r->from_sequence', 't->from > r->from_sequence'],
  ['server/answer.c', 'catalog_fits_hardware(c, r, t->ask->hardware) && ', ''],
  ['server/answer.c', ' && catalog_image(c, r->image)->state != CATALOG_REVOKED;', ';'],
  ['server/answer.c', 'r->sequence < t->channel->withdrawn && ', ''],
  ['server/answer.c', 'r->sequence < t->channel->withdrawn', 'r->sequence <= t->channel->withdrawn'],
  ['server/answer.c', ' && !floor->is_certain;', ';'],
  ['server/answer.c', 'return t->ask->device.n ? devfloors_get', 'return true ? devfloors_get'],
  ['server/answer.c', '		is_any |= r->channel == t->channel_row;\n', ''],
  ['server/answer.c', '!is_any && t->channel->is_pending', 't->channel->is_pending'],
  ['server/answer.c', '!is_any && t->channel->is_pending', '!is_any'],
  ['server/answer.c', 'ask->is_silent && !is_rise', 'ask->is_silent'],
  ['server/answer.c', 'ask->is_silent && !is_rise', '!is_rise'],
  ['server/answer.c', 't->ask->accept == FORMAT_ANY || t->ask->accept == format', 't->ask->accept == format'],
  ['server/answer.c', 't->ask->accept == FORMAT_ANY || t->ask->accept == format', 't->ask->accept == FORMAT_ANY'],
  ['server/answer.c', '	t->out->is_observable = true;\n', ''],
  ['server/answer.c', 't->ask->accept == FORMAT_JSON || t->ask->accept == FORMAT_CBOR ?', 't->ask->accept == FORMAT_CBOR ?'],
  ['server/answer.c', 't->ask->accept == FORMAT_JSON || t->ask->accept == FORMAT_CBOR ?', 't->ask->accept == FORMAT_JSON ?'],
  ['server/answer.c', 't->ask->accept == FORMAT_JSON || t->ask->accept == FORMAT_CBOR ?', 'true ?'],
  ['server/answer.c', 't->ask->prefers == FORMAT_CBOR ? FORMAT_CBOR : FORMAT_JSON', 'FORMAT_JSON'],
  ['server/answer.c', 't->ask->prefers == FORMAT_CBOR ? FORMAT_CBOR : FORMAT_JSON', 'FORMAT_CBOR'],
  ['server/answer.c', 'format == FORMAT_CBOR ? made_info_cbor : made_info_json', 'made_info_json'],
  ['server/answer.c', 'format == FORMAT_CBOR ? made_info_cbor : made_info_json', 'made_info_cbor'],
  ['server/answer.c', 'format == FORMAT_CBOR ? made_freshness_cbor : made_freshness_json', 'made_freshness_json'],
  ['server/answer.c', 'format == FORMAT_CBOR ? made_freshness_cbor : made_freshness_json', 'made_freshness_cbor'],
  ['server/answer.c', '	t->out->is_absent = true;\n', ''],
  ['server/answer.c', '	t->out->is_immutable = true;\n', ''],
  ['server/answer.c', 't->ask->protocol == LINK_HTTP ? 400 : 404', '400'],
  ['server/answer.c', 't->ask->protocol == LINK_HTTP ? 400 : 404', '404'],
  ['server/answer.c', '!check_ask(&t) || !get_catalog(&t)', '!get_catalog(&t)'],
  ['server/answer.c', '!check_ask(&t) || !get_catalog(&t)', '!check_ask(&t)'],
  ['server/answer.c', 'a->catalog ? catalog_find_product', 'true ? catalog_find_product'],
  ['server/answer.c', 'p ? catalog_find_channel(a->catalog, p, ask->channel, NULL) : NULL', 'catalog_find_channel(a->catalog, p, ask->channel, NULL)'],
  ['server/answer.c', 'ask->body_format == FORMAT_JSON ||\n', ''],
  ['server/answer.c', 'ask->body_format == FORMAT_ANY && ask->body.n', 'ask->body.n'],
  ['server/answer.c', " && ask->body.p[0] == '{');", ');'],
  ['server/answer.c', 'ask->device.n && body.n && !span_eq(ask->device, body)', 'body.n && !span_eq(ask->device, body)'],
  ['server/answer.c', 'ask->device.n && body.n && !span_eq(ask->device, body)', 'ask->device.n && !span_eq(ask->device, body)'],
  ['server/answer.c', 'ask->device.n && body.n && !span_eq(ask->device, body)', 'ask->device.n && body.n'],
  ['server/answer.c', 'body.n ? body : ask->device', 'body'],
  ['server/answer.c', 'body.n ? body : ask->device', 'ask->device'],
  ['server/answer.c', 'return devpath_is_device(*out);', 'return true;'],
  ['server/answer.c', 'state == REPORT_INSTALLED || state == REPORT_REBOOTING || ', 'state == REPORT_REBOOTING || '],
  ['server/answer.c', 'state == REPORT_INSTALLED || state == REPORT_REBOOTING || ', 'state == REPORT_INSTALLED || '],
  ['server/answer.c', ' || state == REPORT_RUNNING;', ';'],
  ['server/answer.c', 'c ? catalog_find_product(c, name) : NULL', 'catalog_find_product(c, name)'],
  ['server/answer.c', 'rc == ERR_LIMIT ? 413 : 400', '413'],
  ['server/answer.c', 'rc == ERR_LIMIT ? 413 : 400', '400'],
  ['server/answer.c', '	case DEVPATH_NONE:\n		return ANSWER_NO_PATH;\n', ''],
  ['server/answer.c', '	case DEVPATH_REPORT:\n		return ANSWER_TAKES_POST;\n', ''],

  ['server/coapd_answers.c', '	case 204:\n		return PDU_CHANGED;\n', ''],
  ['server/coapd_answers.c', '	case 400:\n		return PDU_BAD_REQUEST;\n', ''],
  ['server/coapd_answers.c', '	case 403:\n		return PDU_FORBIDDEN;\n', ''],
  ['server/coapd_answers.c', '	case 404:\n', ''],
  ['server/coapd_answers.c', '	case 410:\n', ''],
  ['server/coapd_answers.c', '	case 405:\n		return PDU_NOT_ALLOWED;\n', ''],
  ['server/coapd_answers.c', '	case 406:\n		return PDU_NOT_ACCEPTABLE;\n', ''],
  ['server/coapd_answers.c', '	case 413:\n		return PDU_TOO_LARGE;\n', ''],
  ['server/coapd_answers.c', '	case 415:\n		return PDU_UNSUPPORTED_FORMAT;\n', ''],
  ['server/coapd_answers.c', '	case 429:\n		return PDU_TOO_MANY;\n', ''],
  ['server/coapd_answers.c', '	case COAPREQ_ANY:\n', ''],
  ['server/coapd_answers.c', '	case CONTENT_OCTETS:\n', ''],
  ['server/coapd_answers.c', '	case CONTENT_JSON:\n		return FORMAT_JSON;\n', ''],
  ['server/coapd_answers.c', '	case CONTENT_CBOR:\n		return FORMAT_CBOR;\n', ''],
  ['server/coapd_answers.c', '	case FORMAT_JSON:\n		return CONTENT_JSON;\n', ''],
  ['server/coapd_answers.c', '	case FORMAT_CBOR:\n		return CONTENT_CBOR;\n', ''],
  ['server/coapd_answers.c', '		.prefers = FORMAT_CBOR,\n', ''],
  ['server/coapd_answers.c', '		.is_silent = in->is_notification,\n', ''],
  ['server/coapd_answers.c', 'a->status == 200 && a->is_immutable', 'a->is_immutable'],
  ['server/coapd_answers.c', 'a->status == 200 && a->is_immutable', 'a->status == 200'],
  ['server/coapd_answers.c', 'out->code == PDU_NOT_FOUND && answer_methods(in->path) == ANSWER_TAKES_POST', 'answer_methods(in->path) == ANSWER_TAKES_POST'],
  ['server/coapd_answers.c', 'out->code == PDU_NOT_FOUND && answer_methods(in->path) == ANSWER_TAKES_POST', 'out->code == PDU_NOT_FOUND'],
  ['server/coapd_answers.c', 'rc == ERR_OK && c->now.kind == ANSWER_IMAGE', 'c->now.kind == ANSWER_IMAGE'],
  ['server/coapd_answers.c', 'rc == ERR_OK && c->now.kind == ANSWER_IMAGE', 'rc == ERR_OK'],
  ['server/coapd_answers.c', 'methods == ANSWER_NO_PATH ? PDU_NOT_FOUND : PDU_NOT_ALLOWED', 'PDU_NOT_ALLOWED'],
  ['server/coapd_answers.c', 'methods == ANSWER_NO_PATH ? PDU_NOT_FOUND : PDU_NOT_ALLOWED', 'PDU_NOT_FOUND'],
  ['server/coapd_answers.c', 'status ? code_of_status(status) : 0', 'code_of_status(status)'],
  ['server/coapd_answers.c', 'l->size ? (int64_t)l->size : -1', '(int64_t)l->size'],
  ['server/coapd_answers.c', '.is_observable = l->kind == ANSWER_MANIFEST', '.is_observable = true'],

  ['server/devfloors.c', 'slots < max * 2', 'slots < max'],
  ['server/devfloors.c', '	sha256_add(&h, key->device);\n	sha256_add(&h, SPAN("", 1));\n', '	sha256_add(&h, key->device);\n'],
  ['server/devfloors.c', '	sha256_add(&h, key->product);\n	sha256_add(&h, SPAN("", 1));\n', '	sha256_add(&h, key->product);\n'],
  ['server/devfloors.c', '	sha256_add(&h, key->device);\n', ''],
  ['server/devfloors.c', '	sha256_add(&h, key->product);\n', ''],
  ['server/devfloors.c', '	sha256_add(&h, key->channel);\n', ''],
  ['server/devfloors.c', 'f->at[i].sequence && memcmp', 'memcmp'],
  ['server/devfloors.c', ' && memcmp(f->at[i].name, s->name, sizeof s->name) != 0)', ')'],
  ['server/devfloors.c', '(i + 1) & f->mask', 'i + 1'],
  ['server/devfloors.c', '->sequence, f->is_whole }', '->sequence, true }'],
  ['server/devfloors.c', '->sequence, f->is_whole }', '->sequence, false }'],
  ['server/devfloors.c', 'at->sequence >= s->sequence', 'at->sequence > s->sequence'],
  ['server/devfloors.c', '!at->sequence && f->count == f->max', 'f->count == f->max'],
  ['server/devfloors.c', '!at->sequence && f->count == f->max', '!at->sequence'],
  ['server/devfloors.c', 'f->count += !at->sequence;', 'f->count++;'],
  ['server/devfloors.c', '	f->is_whole = true;\n', ''],

  ['store/durable.c', 'return sys->fdatasync(fd) < 0 ? err_errno(e, "%s: sync", name) : ERR_OK;', 'return ERR_OK;'],
  ['store/durable.c', 'return sys->fsync(dir) < 0 ? err_errno(e, "%s: sync the directory", name) : ERR_OK;', 'return ERR_OK;'],
  ['store/blob_finish.c', '(rc = sync_file(w->b->sys, w->fd, name, is_sync, e)) || (rc = take_name(w, e))', '(rc = take_name(w, e))'],
  ['store/blob_finish.c', 'int rc = w->is_placed ? ERR_OK : blob_compare(w, e);', 'int rc = ERR_OK;'],
  ['store/blob_finish.c', '	if ((rc = sync_file(b->sys, fd, part, is_sync, e)))\n		return rc;\n', ''],
  ['store/blob_finish.c', '	if ((rc = sync_file(b->sys, fd, name, is_sync, e)))\n		return rc;\n', ''],
  ['store/blob_finish.c', '	return sync_dirs(b, sha256, is_sync, e);', '	return ERR_OK;'],
  ['store/blob_finish.c', 'return rc ? rc : sync_dirs(b, sha256, is_sync, e);', 'return rc;'],
  ['store/blob_finish.c', '(rc = sync_file(b->sys, fd, "an image", is_sync, e)) || ', ''],
  ['store/blob_finish.c', ' && b->sys->fdatasync(fd) == 0', ''],
  ['store/blob_finish.c', '*is_sync = *is_sync || (rc && !blob_is_shortage(&why));', ''],
  ['store/blob_finish.c', '(rc && !blob_is_shortage(&why))', 'rc'],
  ['store/blob_finish.c', 'return hash32_eq(&got, &w->sha256) ? ERR_OK', 'return true ? ERR_OK'],
  ['store/blob_finish.c', 'is_good = hash32_eq(&got, sha256)', 'is_good = true'],
  ['store/blob_check.c', 'is_read && memcmp(', 'memcmp('],
  ['store/blob_check.c', '!s->is_unreadable && ', ''],
  ['store/blob_check.c', ' && hash32_eq(&got, s->sha256);', ';'],
  ['store/blob_check.c', 's->are_sums_good = s->sums.n == blob_hasher_sums(&s->found).n && hash32_eq(&got, digest);', 's->are_sums_good = s->sums.n == blob_hasher_sums(&s->found).n;'],
  ['store/blob_check.c', 'rc == ERR_NOT_FOUND || err_is_shortage(&why)', 'rc == ERR_NOT_FOUND'],
  ['store/blob_check.c', 'rc == ERR_NOT_FOUND || err_is_shortage(&why)', 'err_is_shortage(&why)'],
  ['store/blob_check.c', '*is_damaged = rc != ERR_OK;', '*is_damaged = false;'],
  ['store/blob_check.c', 'out->is_size_wrong = (uint64_t)st.st_size != s->size;', 'out->is_size_wrong = false;'],
  ['store/blob_dag.c', '!hash32_eq(&digest, &d->dag)', 'false'],
  ['store/blob_dag.c', 'w->dag.fd < 0 && (rc = dag_open', '(rc = dag_open'],
  ['store/blob_dag.c', 'dag_open(w, fn, arg, e) : ERR_OK;', 'dag_open(w, NULL, NULL, e) : ERR_OK;'],
  ['store/blob.c', 'rc == ERR_CORRUPT || (!rc && memcmp', '(!rc && memcmp'],
  ['store/blob.c', 'rc == ERR_CORRUPT || (!rc && memcmp', 'rc || (!rc && memcmp'],
  ['store/blob.c', ' || (!rc && memcmp(there, s.p + i, n) != 0))', ')'],
  ['store/blob_finish.c', '(*is_sync || !err_is_of_one_file(&why))', '!err_is_of_one_file(&why)'],
  ['store/blob_finish.c', '(*is_sync || !err_is_of_one_file(&why))', '*is_sync'],
  ['store/blob_finish.c', '(rc = sync_file(w->b->sys, w->fd, name, is_sync, e)) || (rc = take_name(w, e))',
    '(rc = take_name(w, e)) || (rc = sync_file(w->b->sys, w->fd, name, is_sync, e))'],
  ['store/blob_finish.c', 'rc = sync_failed(w, &why);', ';'],
  ['store/blob_finish.c', '	blobs_count_sync_failure(w->b);\n', ''],
  ['store/blob_finish.c', '	err_drop(blobs_remove_part(w->b, &w->sha256, NULL));\n	return', '	return'],
  ['store/blob_finish.c', '	blobs_count_sync_failure(b);\n', ''],
  ['store/blob_finish.c', '	io_forget_pages(b->fd, blobs_path(sha256, name));\n', ''],
  ['store/blobdir.c', 'return b->sys->fsync(fd) < 0 ? err_errno(e, "%s: sync the directory", what) : ERR_OK;', 'return ERR_OK;'],
  ['store/blobdir.c', 'return sync_one(b, b->fd, "objects", e);', 'return ERR_OK;'],
  ['store/blobdir.c', 'atomic_fetch_add(&b->sync_failures, 1);', ''],
  ['store/blobdir.c', 'FILE_OBJECT, FILE_PART, FILE_SUMS, FILE_SUMS_PART, FILE_DAG, FILE_DAG_PART,\n	};', 'FILE_SUMS, FILE_OBJECT, FILE_PART, FILE_SUMS_PART, FILE_DAG, FILE_DAG_PART,\n	};'],
  ['store/blobdir.c', ' || errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? ERR_OK', ' ? ERR_OK'],
  ['store/blobdir.c', '*out || errno == ENOTDIR', 'true || errno == ENOTDIR'],
  ['store/recover.c', 'if (!r->counts.stuck++)', 'if (!r->counts.stuck)'],
  ['store/recover.c', '&r.counts.unread, e)', '&(struct err){ 0 }, e)'],
  ['store/blobdir.c', 'err_drop(blobs_remove(b, sha256, NULL));', ''],
  ['store/blobdir.c', ' && is_new)', ')'],
  ['store/blobdir.c', 'return rc ? rc : blobs_sync_dirs(b, sha256, e);', 'return rc;'],
  ['store/blobdir.c', 'return blobs_sync_failures(b) >= BLOB_SYNC_FAILURES_MAX;', 'return false;'],
  ['store/floor.c', ' || f->sys->fdatasync(fd) < 0)', ')'],
  ['store/floor.c', '	return name_slot(f, i, e);', '	return ERR_OK;'],
  ['store/floor.c', '	f->is_named[i] = false;\n', ''],
  ['store/floor.c', '	f->is_named[i] = true;\n', ''],
  ['store/floor.c', 'rc == ERR_IO ? SLOT_UNREAD : SLOT_DAMAGED', 'SLOT_DAMAGED'],
  ['store/floor.c', 'slot[i] == SLOT_UNREAD;', 'false;'],
  ['store/floor.c', ' || slot[0] == SLOT_DAMAGED) && ', ') && '],
  ['store/floor.c', '(slot[0] == SLOT_MISSING || slot[0] == SLOT_DAMAGED) && ', ''],
  ['store/floor.c', 'n < set.n && (!rc || rc == ERR_LIMIT)', 'n < set.n && !rc'],
  ['store/floor.c', 'rc && rc != ERR_LIMIT', 'rc'],
  ['store/floor.c', '(rc = look_again(f, i, e))', '(rc = look_again(f, i, e), rc = ERR_OK)'],
  ['store/floor.c', 'int older = any ? !f->newest : 0;', 'int older = any ? f->newest : 0;'],
  ['store/floor.c', 'while (rc == ERR_OK && !(f->is_valid[0] && f->is_valid[1]));', 'while (0);'],
  ['store/floor_file.c', 'return memcmp(bytes.p + body->n, sum.b, sizeof sum.b) == 0;', 'return true;'],
  ['store/images.c', '(verified_ms, sha256) > (:ms, :sha256)', 'verified_ms > :ms'],
  ['store/store.c', 'return fsync(dir) < 0 ? err_errno(e, "%s: sync", state_dir) : ERR_OK;', 'return ERR_OK;'],
  ['store/store.c', '(rc = move(dir, DB_NAME "-wal", STORE_DAMAGED "-wal", e)) || ', ''],
  ['store/db.c', '(void)sqlite3_file_control(db->h, "main", SQLITE_FCNTL_PERSIST_WAL, &keeps);', '(void)keeps;'],
  ['store/db.c', 'sqlite3_hard_heap_limit64(DB_HEAP_MAX);', ''],
  ['store/db.c', 'sqlite3_extended_result_codes(db->h, 1);', ''],
  ['store/db.c', 'int reserved = PAGESUM_LEN;', 'int reserved = 0;'],
  ['store/db.c', '"BEGIN IMMEDIATE"', '"SELECT 1"'],
  ['store/db.c', 'code == ERR_NO_SPACE || ', ''],
  ['store/db.c', 'code == ERR_MEMORY || sqlite3', 'sqlite3'],
  ['store/db.c', ' || sqlite3_get_autocommit(db->h);', ' || !db;'],
  ['store/db.c', ' && db->spoilt.code == ERR_OK && ', ' && '],
  ['store/db.c', 'db->is_begun && db->spoilt', 'db->spoilt'],
  ['store/db.c', 'db->not_begun ? refuse_because(&db->why_not_begun, e) : refuse_because(&db->spoilt, e)', 'refuse_because(&db->spoilt, e)'],
  ['store/db.c', 'db->not_begun ? refuse_because(&db->why_not_begun, e) : refuse_because(&db->spoilt, e)', 'db->not_begun ? refuse_because(&db->why_not_begun, e) : ERR_OK'],
  ['store/db.c', 'p->is_outermost && !p->rc)', 'p->is_outermost)'],
  ['store/db.c', 'rc ? rc : db_exec(db, "BEGIN IMMEDIATE", e)', 'db_exec(db, "BEGIN IMMEDIATE", e)'],
  ['store/db.c', 'rc ? rc : db_exec(db, "COMMIT", e)', 'rc'],
  ['store/db.c', 'rc ? rc : db_exec(db, "COMMIT", e)', 'db_exec(db, "COMMIT", e)'],
  ['store/audit.c', 'newest - AUDIT_ROWS_MAX', 'newest - AUDIT_ROWS_MAX - 1'],
  ['store/pagesum.c', 'PAGESUM_PAGE - PAGESUM_LEN) ? SQLITE_OK : SQLITE_IOERR_DATA;', 'PAGESUM_PAGE - PAGESUM_LEN) ? SQLITE_OK : SQLITE_OK;'],
  ['store/pagesum.c', 'return same(&s, &w->sums[page]) ? SQLITE_OK : SQLITE_IOERR_DATA;', 'return SQLITE_OK;'],
  ['store/pagesum.c', 'sha256_add(&h, SPAN_OF(at));', ''],
  ['store/pagesum.c', 'return real(f)->pMethods->xSync(real(f), flags);', 'return SQLITE_OK;'],
  ['store/pagesum.c', 'return size ? real(f)->pMethods->xTruncate(real(f), size) : real(f)->pMethods->xWrite(real(f), none, WAL_HEAD, 0);', 'return real(f)->pMethods->xTruncate(real(f), size);'],
  ['store/pagesum.c', 'return size ? real(f)->pMethods->xTruncate(real(f), size) : real(f)->pMethods->xWrite(real(f), none, WAL_HEAD, 0);', 'return SQLITE_OK;'],
  ['store/release_read.c', 'return hash32_eq(&noted, &digest);', 'return true;'],
  ['store/tokens.c', ' || !hash32_eq(&sum, &written))', ')'],
  ['store/tokens.c', '	set_aside(t);\n	rc = replace', '	rc = replace'],
  ['store/tokens.c', '	t->is_beside = rc != ERR_OK;\n', ''],
  ['store/tokens.c', 't->is_beside = rc != ERR_OK;', 't->is_beside = false;'],
  ['store/tokens.c', 'return s.n > 0 && s.n <= TOKEN_NAME_MAX;', 'return s.n > 0;'],
  ['store/tokens.c', 'return *end == 0 && ', 'return '],
  ['store/tokens.c', 'diff |= (uint32_t)(a->b[i] ^ b->b[i]);', 'diff = (uint32_t)(a->b[i] ^ b->b[i]);'],
  ['store/sysio.c', '		at += n;\n', ''],
  ['store/sysio.c', 's = span_cut(s, (size_t)n, s.n);', 's.n = 0;'],
  ['store/restore.c', '	return sync_dir(r, e);', '	return ERR_OK;'],
  ['store/restore.c', 'return r->sys->fsync(r->dir) < 0 ? err_errno(e, "state directory: sync") : ERR_OK;', 'return ERR_OK;'],
  ['store/restore.c', ' || r->sys->fdatasync(fd) < 0)', ')'],
  ['store/restore.c', '	while (!rc && !c.is_done)\n		rc = store_check_step(s, &c, e);\n', ''],
  ['store/restore.c', 'r->about.chain_id != r->ask->chain_id || ', ''],
  ['store/restore.c', ' || !addr20_eq(&r->about.registry, &r->ask->registry)', ''],
  ['store/restore.c', '!r->result.set_aside && !r->result.had_database', '!r->result.set_aside'],
  ['store/restore.c', '!log || audit_verify(log, NULL)', '!log'],
  ['store/restore.c', 'own_audit_goes_on(*from, log,', 'own_audit_goes_on(r->theirs, log,'],
  ['store/restore.c', 'return rc ? rc : choose_longer(r, r->copy, from, e);', 'return rc;'],
  ['store/restore.c', 'return rc || !is_wanted ? rc : owncopy_see(&r->place, &r->copy, &about, e);', 'return rc;'],
  ['store/restore.c', 'return rc || !is_wanted ? rc :', 'return rc ? rc :'],
  ['store/restore.c', '		owncopy_unsee(&r->place);\n', ''],
  ['store/restore.c', 'return rc ? rc : owncopy_forget(&r->place, e);', 'return rc;'],
  ['store/restore.c', 'r->ask->with_tokens || !r->tokens', '!r->tokens'],
  ['store/restore.c', 'r->ask->with_tokens || !r->tokens', 'r->ask->with_tokens'],
  ['store/restore.c', 'return rc == ERR_MEMORY ? rc : ERR_OK;', 'return rc;'],
  ['store/own.c', '{ { CHOSEN }, { NEW_PRODUCT } },', ''],
  ['store/own.c', 'registrant, is_pinned) VALUES (?1, ?2, ?3, ?4)', 'registrant, is_pinned) VALUES (?1, ?2, ?3, 0)'],
  ['store/own.c', '{ { DEVICES }, { NEW_DEVICE } },', ''],
  ['store/own.c', `${HELD}" }, { NEW_PRODUCT } },`, '" }, { NEW_PRODUCT } },'],
  ['store/own.c', `${HELD}" },\n`, '" },\n'],
  ['store/own.c', ' ON CONFLICT DO NOTHING', ''],
  ['store/own.c', '?3) ON CONFLICT (product) DO NOTHING', '?3)'],
  ['store/own.c', '" ON CONFLICT (product) DO NOTHING" } },\n};', '} },\n};'],
  ['store/own.c', 'SELECT 1 FROM decision WHERE product = ?1 UNION ALL ', ''],
  ['store/own.c', ' UNION ALL SELECT 1 FROM accepted_set WHERE product = ?1', ''],
  ['store/own.c', 'max(sequence, excluded.sequence)"\n', 'excluded.sequence"\n'],
  ['store/own.c', 'max(sequence, excluded.sequence)"\n', 'sequence"\n'],
  ['store/own.c', 'max(sequence, excluded.sequence)" }', 'excluded.sequence" }'],
  ['store/own.c', 'max(sequence, excluded.sequence)" }', 'sequence" }'],
  ['store/own.c', "at_ms FROM decision WHERE decision = 'held'", 'at_ms FROM decision'],
  ['store/own.c', 'NEW_LATCHED " ON CONFLICT (code, subject) DO NOTHING" } },\n	{', 'NEW_LATCHED } },\n	{'],
  ['store/own.c', 'NEW_LATCHED " ON CONFLICT (code, subject) DO NOTHING" } },\n}', 'NEW_LATCHED } },\n}'],
  ['store/own.c', ' ON CONFLICT (device) DO NOTHING', ''],
  ['store/own.c', ' DO UPDATE SET decision = excluded.decision, at_ms = excluded.at_ms', ' DO NOTHING'],
  ['store/own.c', ' WHERE device IN (SELECT device FROM device_floor)', ''],
  ['store/own.c', ' AND reported_ms < ?9', ''],
  ['store/own.c', '?4 WHERE EXISTS (SELECT 1 FROM device WHERE device = ?1)', '?4 WHERE true'],
  ['store/own.c', ' WHERE excluded.reported_ms > reported_ms', ''],
  ['store/own.c', 'SET version = excluded.version,', 'SET version = version,'],
  ['store/own.c', '"DELETE FROM decision; ', '"'],
  ['store/own.c', 'DELETE FROM accepted_set; ', ''],
  ['store/own.c', 'DELETE FROM chosen; ', ''],
  ['store/own.c', 'DELETE FROM latched;', ''],
  ['store/own.c', 'DELETE FROM device; ', ''],
  ['store/own.c', 'DELETE FROM audit"', '"'],
  ['store/own.c', 'int rc = MOVE_ALL(to, copy, known, e);', 'int rc = ERR_OK;'],
  ['store/own.c', '"DELETE FROM decision WHERE product NOT IN (SELECT product FROM chosen);"', ''],
  ['store/own.c', '"DELETE FROM accepted_set WHERE product NOT IN (SELECT product FROM chosen);"', ''],
  ['store/own.c', ' WHERE device NOT IN (SELECT device FROM device)"', ' WHERE false"'],
  ['store/own.c', '*out = in_a == in_b;', '*out = true;'],
  ['store/own.c', '*out = in_a == in_b;', '*out = false;'],
  ['store/own.c', 'is_level ? MOVE_ALL(to, copy, seen, e) : MOVE_ALL(to, copy, newer, e)', 'ERR_OK'],
  ['store/own.c', 'int rc = MOVE_ALL(copy, to, seen, e);', 'int rc = ERR_OK;'],
  ['store/own.c', 'return rc ? rc : audit_each(copy, 0, 0, append_record, to, e);', 'return rc;'],
  ['store/own.c', 'return rc ? rc : own_raise(copy, to, e);', 'return rc;'],
  ['store/own.c', 'goes_on ? replace(copy, to, e)', 'true ? replace(copy, to, e)'],
  ['store/own.c', 'goes_on ? replace(copy, to, e)', 'false ? replace(copy, to, e)'],
  ['store/own.c', 'f.is_there = n == 0;', 'f.is_there = false;'],
  ['store/own.c', 'f->is_there = hash32_eq(&row->hash, &f->hash);', 'f->is_there = true;'],
  ['store/owncopy.c', '"chosen", ', ''],
  ['store/owncopy.c', '"decision", ', ''],
  ['store/owncopy.c', '"accepted_set", ', ''],
  ['store/owncopy.c', '"latched", ', ''],
  ['store/owncopy.c', '"device", ', ''],
  ['store/owncopy.c', '"device_floor", ', ''],
  ['store/owncopy.c', '"audit", NULL', 'NULL'],
  ['store/owncopy.c', ' || c->sys->fdatasync(fd) < 0)', ')'],
  ['store/owncopy.c', 'c->sys->fsync(folder) < 0 || ', ''],
  ['store/owncopy.c', ' || c->sys->fsync(c->dir) < 0)', ')'],
  ['store/owncopy.c', '!S_ISREG(st.st_mode) ?', 'false ?'],
  ['store/owncopy.c', 'leave_savepoint(c);\n	if (listen_anew(c, rc ? NULL : &e) || rc)', 'leave_savepoint(c);\n	if (listen_anew(c, rc ? NULL : &e))'],
  ['store/owncopy.c', 'rc = open_log(c, &e);\n	if (listen_anew(c, rc ? NULL : &e) || rc)', 'rc = open_log(c, &e);\n	if (listen_anew(c, rc ? NULL : &e))'],
  ['store/owncopy.c', '	leave_savepoint(c);\n', ''],
  ['store/owncopy.c', '	cleanup_close(&c->log);\n', ''],
  ['store/owncopy.c', ' && st.st_nlink == 0;', ';'],
  ['store/owncopy.c', 'has_lost_log(c) || (c->log_size', '(c->log_size'],
  ['store/owncopy.c', '!rc && n)', '!rc)'],
  ['store/owncopy.c', '!c->is_made || ', ''],
  ['store/owncopy.c', 'c->trouble[0] || ', ''],
  ['store/owncopy.c', 'c->log_size > OWNCOPY_LOG_DUE && ', ''],
  ['store/owncopy.c', ' && c->log_size > c->made_size / OWNCOPY_LOG_PART)', ')'],
  ['store/owncopy.c', '(c->log_size > OWNCOPY_LOG_DUE && c->log_size > c->made_size / OWNCOPY_LOG_PART)', 'false'],
  ['store/owncopy.c', '!about.is_whole || !has_size', '!has_size'],
  ['store/owncopy.c', '!has_size(c, OWNCOPY_LOG, c->log_size) || ', ''],
  ['store/owncopy.c', ' || (c->is_made && !has_size(c, OWNCOPY_DB, c->made_size))', ''],
  ['store/owncopy.c', '(c->is_made && !has_size(c, OWNCOPY_DB', '(!has_size(c, OWNCOPY_DB'],
  ['store/owncopy.c', ' && (uint64_t)st.st_size == size', ''],
  ['store/owncopy.c', ' && c->log_size > c->made_size / OWNCOPY_LOG_PART)', ')'],
  ['store/owncopy.c', '(c->log_size > OWNCOPY_LOG_DUE && c->log_size > c->made_size / OWNCOPY_LOG_PART)', 'false'],
  ['store/owncopy.c', 'c->made_size = (uint64_t)st.st_size;', ''],
  ['store/owncopy.c', 'c->log_size = (uint64_t)st.st_size;', ''],
  ['store/owncopy.c', '	c->log_size = 0;\n', ''],
  ['store/owncopy.c', 'return append(c, SPAN(NULL, 0), e);', 'return ERR_OK;'],
  ['store/owncopy.c', 'return rc ? rc : empty_log(c, e);', 'return rc;'],
  ['store/owncopy.c', '	c->is_made = true;\n', ''],
  ['store/owncopy.c', "	c->trouble[0] = '\\0';\n", ''],
  ['store/owncopy.c', '	c->is_made = c->is_made && !*is_damaged;\n', ''],
  ['store/owncopy.c', '	err_drop(scratch_remove(c->dir, NEW, c->sys, NULL));\n', ''],
  ['store/owncopy_recall.c', 'rc == ERR_IO || ', ''],
  ['store/owncopy_recall.c', ' || rc == ERR_NO_SPACE', ''],
  ['store/owncopy_recall.c', ' || rc == ERR_READ_ONLY', ''],
  ['store/owncopy_recall.c', 'about->was_there = about->has_base = rc != ERR_NOT_FOUND;', 'about->has_base = rc != ERR_NOT_FOUND;'],
  ['store/owncopy_recall.c', '	about->is_whole = !about->was_there;\n', ''],
  ['store/owncopy_recall.c', '	about->is_whole = !about->was_there;\n', '	about->is_whole = false;\n'],
  ['store/owncopy_recall.c', 'return SQLITE_CHANGESET_OMIT;', 'return SQLITE_CHANGESET_ABORT;'],
  ['store/owncopy_recall.c', 'errno == ENOENT : !S_ISDIR(st.st_mode)', 'errno == ENOENT : false'],
  ['store/owncopy_recall.c', '		about->is_whole &= about->has_base;\n		return', '		return'],
  ['store/owncopy_recall.c', '			about->is_whole &= about->has_base;', '			;'],
  ['store/owncopy_recall.c', 'rc == SQLITE_CORRUPT || ', ''],
  ['store/owncopy_recall.c', '	about->was_there = true;\n', ''],
  ['store/owncopy_recall.c', ' ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms', ''],
  ['store/owncopy_recall.c', "errno == ENOENT || errno == ENOTDIR ? ERR_OK : err_errno(e, OWNCOPY_DIR);", 'ERR_OK;'],
  ['store/owncopy_recall.c', 'errno == ENOENT || errno == ENOTDIR', 'errno == ENOTDIR'],
  ['store/owncopy_recall.c', ' || errno == ENOTDIR', ''],
  ['store/owncopy_recall.c', '"gatepost.db") < 0 && errno != ENOENT)', '"gatepost.db") < 0)'],
  ['store/owncopy_recall.c', '"log") < 0 && errno != ENOENT)', '"log") < 0)'],
  ['store/owncopy_recall.c', 'return sys_of(at)->fsync(folder) < 0 ? err_errno(e, OWNCOPY_DIR ": sync") : ERR_OK;', 'return ERR_OK;'],
  ['store/owncopy_ahead.c', 'n > (int64_t)newest ? AHEAD : LEVEL', 'AHEAD'],
  ['store/owncopy_ahead.c', 'n > (int64_t)newest ? AHEAD : LEVEL', 'LEVEL'],
  ['store/owncopy_ahead.c', 'n > (int64_t)newest ? AHEAD : LEVEL', 'n >= (int64_t)newest ? AHEAD : LEVEL'],
  ['store/owncopy_ahead.c', 'rc == ERR_NOT_FOUND || seen_ms', 'seen_ms'],
  ['store/owncopy_ahead.c', 'seen_ms > row.last_seen_ms', 'seen_ms >= row.last_seen_ms'],
  ['store/owncopy_ahead.c', 'strcmp(table, "device") != 0 || ', ''],
  ['store/owncopy_ahead.c', ' || op == SQLITE_DELETE', ''],
  ['store/owncopy_ahead.c', 'op == SQLITE_INSERT ? sqlite3changeset_new(at, DEVICE_DEVICE, &v) : sqlite3changeset_old(at, DEVICE_DEVICE, &v)', 'sqlite3changeset_new(at, DEVICE_DEVICE, &v)'],
  ['store/owncopy_ahead.c', '*out = v > *out ? v : *out;', '*out = v;'],
  ['store/owncopy_ahead.c', 'v == UNDECIDED && i < r.n', 'i < 1 && i < r.n'],
  ['store/owncopy_ahead.c', 'r.n - 1 - i', 'i'],
  ['store/owncopy_recall.c', '		s->is_older = true;\n', '		;\n'],
  ['store/ownlog.c', 'memcmp(s.p, MAGIC, MAGIC_LEN) != 0)', 'false)'],
  ['store/ownlog.c', 'return memcmp(sum.b, s.p + MAGIC_LEN + 4, SUM_LEN) == 0;', 'return true;'],
  ['store/ownlog.c', '	sha256_add(&h, SPAN(length, 4));\n', ''],
  ['store/ownlog.c', '	*skipped += rest->n;\n', ''],
  ['store/ownlog.c', ', ++*skipped)', ')'],
  ['store/store_check.c', 'kind == SQLITE_IOERR || ', ''],
  ['store/store_check.c', ' || kind == SQLITE_NOMEM', ''],
  ['store/ownpatch.c', 'i < VARINT_LEN', 'i < VARINT_LEN + 1'],
  ['store/ownpatch.c', 'keys.n == 0 || ', ''],
  ['store/ownpatch.c', ' || keys.n > OWNPATCH_COLUMNS_MAX', ''],
  ['store/ownpatch.c', '\t\tcur_take(c, NUMBER_LEN);\n', ''],
  ['store/ownpatch.c', '\tdefault:\n\t\tcur_fail(c);\n', ''],
  ['store/ownpatch.c', 'op != SQLITE_INSERT && ', ''],
  ['store/ownpatch.c', 'op != SQLITE_UPDATE && ', ''],
  ['store/ownpatch.c', ' && op != SQLITE_DELETE)', ')'],
  ['store/ownpatch.c', 'op != SQLITE_DELETE || ', ''],
  ['store/ownpatch.c', 'return cur_ok(&c);', 'return true;'],
  ['store/ownpatch.c', '*skipped += OWNLOG_HEAD + patch->n)', '(void)0)'],
  ['store/db.c', '		db_leave_wal(db, true);\n', ''],
  ['store/db.c', '	db_committed(p->db);\n', ''],
  ['store/db.c', 'db->on_commit && ', ''],
  ['store/db.c', ' && sqlite3_get_autocommit(db->h))\n		db->on_commit', ')\n		db->on_commit'],
  ['store/store.c', '	owncopy_end(s);\n', ''],
  ['store/audit.c', 'newest == 0 || r->n == newest + 1 ?', 'r->n == newest + 1 ?'],
  ['store/audit.c', 'newest == 0 || r->n == newest + 1 ?', 'newest == 0 ?'],
  ['store/audit.c', 'newest == 0 || r->n == newest + 1 ?', 'true ?'],
  ['store/devices.c', 'max(0, count(*) - :devices_max + 1)', 'count(*) - :devices_max + 1'],
  ['store/devices.c', 'max(0, count(*) - :devices_max + 1)', 'iif(count(*) < :devices_max, 0, 1)'],
  ['store/products.c', ' ON CONFLICT (product) DO UPDATE SET is_pinned = excluded.is_pinned', ' ON CONFLICT (product) DO NOTHING'],
  ['store/products.c', '" ON CONFLICT (product) DO NOTHING"', ''],
  ['store/products.c', ' AND chosen.is_pinned)', ')'],
  ['store/products.c', ' || (rc = products_choose(s, id, e)))', ')'],
  ['store/releases.c', 'rc = products_choose(s, product, e);', 'rc = ERR_OK;'],
  ['store/victims.c', ' AND c.is_pinned)', ')'],
  ['store/victims.c', 'n.sequence > r.sequence AND " N_IS_HERE "))"', 'n.sequence > r.sequence))"'],
  ['store/victims.c', '(n.state = \'superseded\' AND " N_IS_HERE ")', 'n.state = \'superseded\''],
  ['store/victims.c', ' AND m.state IN (\'good\', \'damaged\')', ''],
  ['store/victims.c', 'm.state IN (\'good\', \'damaged\')', 'm.state = \'good\''],
  ['store/savefile.c', ' || head.n > SAVE_FRONT_MAX - START)', ')'],
  ['store/savefile.c', "s.p[i] < ' ' || ", ''],
  ['store/savefile.c', " || s.p[i] > '~')", ')'],
  ['store/scratch.c', 'O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC', 'O_PATH | O_DIRECTORY | O_CLOEXEC'],
  ['store/walcheck.c', 'is_commit(w, i) && fits(w, i) && ', 'fits(w, i) && '],
  ['store/walcheck.c', ' && fits(w, i + 1))', ')'],
  ['store/walcheck.c', 'is_commit(w, i) && fits(w, i) && ', 'is_commit(w, i) && '],
  ['store/store.c', 'has_rotten_log && !s->is_new', 'false'],
  ['store/store.c', '	db_leave_wal(s->db, s->is_older);\n', ''],
  ['store/store.c', '		db_leave_wal(s->db, false);\n', ';\n'],
  ['store/store.c', 'return rc || !s->is_older ? rc : note_older(s, e);', 'return rc;'],
  ['store/space.c', 'return min64(reserve, total / 4);', 'return reserve;'],
  ['store/space.c', 'min64(cache_size, less(used_bytes + free_bytes, s.reserve_bytes))', 'less(used_bytes + free_bytes, s.reserve_bytes)'],
  ['catalog/check.c', 'return r.at <= c->head->table[TABLE_POOL].n && r.n <=', 'return r.n <='],
  ['catalog/check.c', ' && r.n <= c->head->table[TABLE_POOL].n - r.at;', ';'],
  ['catalog/check.c', 'return r.n >= min && ', 'return '],
  ['catalog/check.c', ' && r.n <= max && ', ' && '],
  ['catalog/check.c', ' && utf8_is_printable(catalog_bytes(c, r));', ';'],
  ['catalog/catalog.c', 'F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;', 'F_SEAL_SHRINK | F_SEAL_GROW;'],
  ['server/objects.c', 'image->state == CATALOG_GOOD && ', ''],
  ['server/objects.c', ' && hash32_eq(&image->sums, &o->sums_sha256) && o->state', ' && o->state'],
  ['server/objects.c', ' && o->state != OBJECT_BAD;', ';'],
  ['server/objects_hot.c', 'F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE', 'F_SEAL_SHRINK | F_SEAL_GROW'],
  ['server/objects_read.c', 'is_free = all->transfers < OBJECT_TRANSFERS_MAX;', 'is_free = true;'],
]

/** Each row of the tables in db.c, and each pragma, with another value. */
async function otherSettings() {
  const text = await readFile(join(root, 'src/store/db.c'), 'utf8'), list = []
  for (const [row, option, value] of text.matchAll(/\{ (SQLITE_DBCONFIG_\w+), (\d) \}/g)) list.push([row, `{ ${option}, ${1 - value} }`])
  for (const [row, limit] of text.matchAll(/\{ (SQLITE_LIMIT_\w+), [^}]+ \}/g)) list.push([row, `{ ${limit}, ${limit.endsWith('THREADS') ? 4 : -1} }`]) // -1: as it was
  const others = { EXCLUSIVE: 'NORMAL', WAL: 'DELETE', FULL: 'NORMAL', MEMORY: 'FILE', ON: 'OFF' }
  for (const [row, name, value] of text.matchAll(/PRAGMA (\w+)=(-?\w+);/g)) {
    if (name !== 'mmap_size') list.push([row, `PRAGMA ${name}=${others[value] ?? value * 2};`]) // the files of pagesum.c cannot be mapped anyway
  }
  return rows('src', list.map((row) => ['store/db.c', ...row]))
}

/** Each rule that a catalog has to keep. */
async function withoutEachRule() {
  const text = await readFile(join(root, 'src/catalog/check.c'), 'utf8')
  return rows('src', [...text.matchAll(/\brule\(k, [^;]*;/g)].map(([call]) => ['catalog/check.c', call, ';']))
}

const files = [...await cFiles('src/store'), ...CATALOG, ...SERVER]

export async function storeMutants() {
  const all = [...await rows('src', more), ...await otherSettings(), ...await withoutEachRule()]
  for (const file of files) all.push(...await withoutEachIf(file, spared[file.slice('src/'.length)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

const STORE = ['test_blob', 'test_dag', 'test_store', 'test_floor', 'test_db', 'test_tokens', 'test_spoilt', 'test_parts', 'test_dbsync', 'test_restore', 'test_damaged', 'test_savefile', 'test_walcheck', 'test_ownpatch', 'test_owncopy', 'test_recall', 'test_owncopy_memory']

const SECOND_COPY = ['test_owncopy', 'test_recall', 'test_owncopy_memory']

/** Test programs that may notice a mutant, the likeliest first. */
export function programsOf({ file }) {
  const name = /(\w+)\.c$/.exec(file)[1]
  if (name === 'coapd_answers') return ['test_coapd_answers']
  if (/^(answer|devfloors)$/.test(name)) return ['test_answer', 'test_histories', 'test_share']
  if (SERVER.includes(file)) return ['test_objects', 'test_answer']
  if (CATALOG.includes(file)) return ['test_catalog', 'test_link', 'test_answer']
  if (name.startsWith('floor')) return ['test_floor']
  if (name.startsWith('blob')) return ['test_blob', 'test_dag']
  if (name === 'durable' || name === 'tokens') return ['test_tokens', 'test_restore']
  if (name === 'sysio') return ['test_blob', 'test_tokens']
  if (name === 'walcheck') return ['test_walcheck']
  if (name === 'ownpatch') return ['test_ownpatch']
  if (/^own(copy|copy_ahead|copy_recall|log)$/.test(name)) return [...SECOND_COPY, 'test_restore']
  if (name === 'own') return [...SECOND_COPY, 'test_damaged', 'test_restore', 'test_parts']
  if (/^(restore|save|savefile|scratch)$/.test(name)) return name === 'savefile' ? ['test_savefile', 'test_damaged'] : ['test_damaged', 'test_restore', 'test_parts']
  if (/^(db|stmt|pagesum|store|store_check)$/.test(name)) return ['test_dbsync', 'test_parts', 'test_spoilt', 'test_db', 'test_store', 'test_walcheck', ...SECOND_COPY]
  return ['test_store', 'test_spoilt', 'test_parts', 'test_db', ...['audit', 'products', 'releases'].includes(name) ? SECOND_COPY : []]
}

async function pkgConfig(...packages) {
  const { code, stdout, stderr } = await run('pkg-config', ['--cflags', '--libs', ...packages])
  if (code) throw new Error(stderr)
  return stdout.trim().split(/\s+/)
}

/** The migrations are C that is made. */
export async function embedSql(dir) {
  const sql = (await run('sh', ['-c', 'ls sql/*.sql'], { cwd: root })).stdout.trim().split('\n')
  const { code, stdout, stderr } = await run(join(root, 'src/store/embed-sql'), sql, { cwd: root })
  if (code) throw new Error(stderr)
  await writeFile(join(dir, 'src/store/migrations.c'), stdout)
}

export async function storeWorkshop(is_fast = false) {
  const programs = {}
  for (const name of STORE) programs[name] = { sources: [`tests/unit/store/${name}.c`] }
  for (const name of ['test_catalog', 'test_link']) programs[name] = { sources: [`tests/unit/catalog/${name}.c`] }
  const helpers = ['tests/unit/server/stand.c', 'tests/unit/ipfs/dag.c']
  for (const name of ['test_objects', 'test_answer', 'test_histories', 'test_share', 'test_coapd_answers']) programs[name] = { sources: [`tests/unit/server/${name}.c`], helpers }
  programs.test_answer.link = ['-Wl,--wrap=pthread_mutex_unlock'] // as in tests/unit/server/local.mk
  const folders = await Promise.all(['base', 'formats', 'coap', 'catalog', 'daemon', 'server', 'store'].map((f) => cFiles(`src/${f}`, (n) => !/^(main|gatepostd|sandbox_test|operatord)/.test(n))))
  return workshop({
    sources: [...folders.flat(), 'src/store/migrations.c'],
    programs,
    is_fast,
    prepare: embedSql,
    flags: ['-I.', '-Itests/unit', '-Itests/unit/store', '-Itests/unit/server', '-Itests/unit/ipfs', '-Itests/unit/catalog', '-DGATEPOST_VERSION="0"', `-DVECTORS_DIR="${join(root, 'tests/vectors')}"`],
    libs: await pkgConfig('jansson', 'libcrypto', 'libsecp256k1', 'sqlite3', 'libmicrohttpd', 'libseccomp'),
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const is_fast = process.argv.includes('--fast'), only = process.argv.slice(2).filter((a) => a !== '--fast')
  const mutants = await storeMutants(), shop = await storeWorkshop(is_fast)
  await report(shop, only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(f))) : mutants, programsOf)
  await shop.close()
}
