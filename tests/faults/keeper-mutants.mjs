// Takes each check of the keeper's cache logic away in turn: admission, eviction, adoption, the scrubber, verification, catalogs, what a full or
// failing disk makes of it all; and of what is active, and why: judge, history, ledger. Some unit test must fail then, or, with the mutant as the
// real keeper, a story. `node tests/faults/keeper-mutants.mjs [--fast] [--units] [FILE…]` tells which notices what (--units: without stories); the
// long tier runs it as well.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildDir } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'
import { cFiles, report, rows, withoutEachIf, workshop } from '../support/mutants.mjs'
import { embedSql } from './store-mutants.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const NAMES = ['degraded', 'keeper_disk', 'keeper_images', 'keeper_sweep', 'stuck', 'scrubber', 'verify', 'verified', 'catalogs', 'settle', 'settle_look', 'settle_walk', 'keeper_own',
  'entryfiles', 'devices', 'restoring', 'backup', 'kept', 'keeper_start', 'fetch', 'fetch_open', 'fetcher', 'judge', 'history', 'ledger']

const MEMORY = 'only an allocation can fail there', DAMAGED = 'a damaged database answers nothing more, and the keeper ends'

/** Conditions that may go unnoticed, and why. */
const spared = {
  'degraded.c': { 'strcmp(d->why, e->msg) != 0': 'the log' },
  'keeper_sweep.c': { 'images_totals(k->store, &t, NULL)': DAMAGED },
  'verify.c': { '!v->trouble[0]': 'which of several troubles is named', 'v->lying.lost': 'the log', 'images_totals(v->k->store, &t, &e)': DAMAGED,
    '!v @ verify_new': MEMORY, '!more': MEMORY },
  'catalogs.c': {
    '!r->has_facts': 'none is shown without them, nor is of a channel',
    'rc @ look_at_release': DAMAGED,
    'rc @ send_now 1': MEMORY,
    'rc @ send_last': MEMORY,
    'rc @ publish_new 1': 'what follows fails in the same way',
    'rc @ catalogs_publish': 'what follows fails in the same way',
  },
  'settle_look.c': { 'rc @ look_at_release': DAMAGED },
  'settle_walk.c': { 'rc && rc != ERR_NOT_FOUND': DAMAGED },
  'keeper_own.c': {
    '!rc && r->was_there': 'the log',
    'owncopy_trouble(k->store)[0] && !was_in_trouble': 'the log',
    'k->is_copy_in_trouble && !was_in_trouble': 'the log',
    '!k->is_copy_in_trouble && was_in_trouble': 'the log',
  },
  'keeper_start.c': { 'rc @ open_floors': MEMORY, 'floor_found(k->floors) == FLOOR_ONE': 'the log' },
  'restoring.c': { 'pid > 0': 'it ends by itself, and we do a moment later' },
  'history.c': { 'n & (n - 1)': 'spares work', 'history_is_continuous(h)': 'spares work: the signers in force are the remembered ones' },
  'ledger.c': {
    'row->keep == follow->keep && !row->in_rollout': 'spares work: SQLite writes no page that stays as it is',
    '!p @ make_product': MEMORY,
    '!rc @ take_undone': 'the log',
    'rc @ take_proven': DAMAGED,
    'rc @ ledger_save_proofs': DAMAGED,
    'rc @ ledger_forget_unstored': DAMAGED,
  },
  'entryfiles.c': { 'fd < 0 @ append': 'the write that follows fails as well', 'rc == ERR_MEMORY': MEMORY },
}

/** [file in src/keeper, what stands there, what stands there instead]: what compares, limits or syncs without an `if`. */
const more = [
  ['degraded.c', 'code == ERR_NO_SPACE || ', ''],
  ['degraded.c', 'code == ERR_READ_ONLY || ', ''],
  ['degraded.c', 'code == ERR_IO || ', ''],
  ['degraded.c', ' || code == ERR_CORRUPT;', ';'],
  ['degraded.c', 'd->tries < 8 ? d->tries : 8', 'd->tries'],
  ['degraded.c', 'ms < DEGRADED_RETRY_MAX_MS ? ms : DEGRADED_RETRY_MAX_MS', 'ms'],
  ['degraded.c', '	d->tries++;\n', ''],
  ['degraded.c', '	d->fine_ms = clock_mono_ms(d->clock);\n', ''],
  ['degraded.c', "	d->why[0] = '\\0';\n", ''],
  ['degraded.c', '2 * d->pause_ms', '0'],

  ['keeper_disk.c', '	fetcher_pause(&k->fetcher, k->degraded.why);\n', ''],
  ['keeper_disk.c', '	chain_pause(&k->chain);\n', ''],
  ['keeper_disk.c', '	devices_pause(&k->devices);\n', ''],
  ['keeper_disk.c', '	keeper_alarm_over(k, "store-degraded", "store");\n', ''],
  ['keeper_disk.c', '	latch_again(k);\n', ''],
  ['keeper_disk.c', '	devices_resume(&k->devices);\n', ''],
  ['keeper_disk.c', '	chain_resume(&k->chain);\n', ''],
  ['keeper_disk.c', '	fetcher_resume(&k->fetcher);\n', ''],
  ['keeper_disk.c', '	keeper_settle_all(k);\n', ''],
  ['keeper_disk.c', 'store_is_unreadable(k->store) ? store_check(k->store, e) : store_try(k->store, e)', 'store_try(k->store, e)'],
  ['keeper_disk.c', 'store_is_unreadable(k->store) ? store_check(k->store, e) : store_try(k->store, e)', 'store_check(k->store, e)'],
  ['keeper_disk.c', '!rc && floor_is_dirty(k->floors)', '!rc && false'],
  ['keeper_disk.c', '	uv_stop(&k->loop);\n', ''],
  ['keeper_disk.c', '	keeper_alarm(k, "store-degraded", "store", e->msg, false);\n', ''],
  ['keeper_disk.c', '	keeper_alarm(k, "store-degraded", "store", why->msg, false);\n', ''],
  ['keeper_disk.c', 'err_may_pass(e) ? SUP_EXIT_LATER : 1', '1'],
  ['keeper_disk.c', 'err_may_pass(e) ? SUP_EXIT_LATER : 1', 'SUP_EXIT_LATER'],

  ['keeper_images.c', 'i.state == IMAGE_IS_WANTED &&\n', '1 &&\n'],
  ['keeper_images.c', 'r->image_is_wrong ? ERR_OK : ', ''],
  ['keeper_images.c', 'return rc ? rc : store_commit(&tx, e);', 'return rc;'],
  ['keeper_images.c', 'strcmp(v->target->cid, r->facts.cid) || ', ''],
  ['keeper_images.c', ' || v->target->size != r->facts.size)', ')'],
  ['keeper_images.c', 'i->state == IMAGE_IS_WANTED || i->state == IMAGE_IS_FETCHING;', 'true;'],
  ['keeper_images.c', 'i->state == IMAGE_IS_WANTED || i->state == IMAGE_IS_FETCHING;', 'i->state == IMAGE_IS_WANTED;'],
  ['keeper_images.c', 'k->conf->cache.size, totals.bytes', 'UINT64_MAX / 2, totals.bytes'],
  ['keeper_images.c', 'k->conf->cache.size, totals.bytes', 'k->conf->cache.size, 0'],
  ['keeper_images.c', ' + i->digests.dag_bytes;', ';'],
  ['keeper_images.c', 'need - leaving.bytes, evict', 'need, evict'],
  ['keeper_images.c', ' && (uint64_t)st.st_size == i->size;', ';'],
  ['keeper_images.c', 'return rc == ERR_NOT_FOUND ? ERR_OK : rc;\n	if (scrubber', 'return rc;\n	if (scrubber'],
  ['keeper_images.c', '.is_whole = i.state == IMAGE_IS_GOOD', '.is_whole = false'],
  ['keeper_images.c', '.has_room = i.state != IMAGE_IS_WANTED', '.has_room = false'],
  ['keeper_images.c', '.has_room = i.state != IMAGE_IS_WANTED', '.has_room = true'],
  ['keeper_sweep.c', 'return ms >= EVICT_UNREAD_MS || ', 'return '],
  ['keeper_sweep.c', 'ms >= EVICT_UNREAD_MS || (ms', 'true || (ms'],
  ['keeper_sweep.c', ' || (ms < 0 && clock_mono_ms(k->clock) - k->started_mono_ms >= EVICT_UNREAD_MS);', ';'],
  ['keeper_sweep.c', 'ms < 0 && clock_mono_ms(k->clock) - k->started_mono_ms >= EVICT_UNREAD_MS', 'ms < 0'],
  ['keeper_sweep.c', 'k->catalogs.acknowledged < k->catalogs.generation || ', ''],
  ['keeper_sweep.c', ' || !is_unread_long_enough(k, i))', ')'],
  ['keeper_sweep.c', 'clock_state(k->clock) == CLOCK_SYNCED && ', ''],
  ['keeper_sweep.c', 'k->scan_next_mono_ms && clock_mono_ms(k->clock)', 'clock_mono_ms(k->clock)'],
  ['keeper_sweep.c', ' && clock_mono_ms(k->clock) >= k->scan_next_mono_ms)', ')'],
  ['keeper_sweep.c', ' || row.state != IMAGE_IS_EVICTING)', ')'],
  ['keeper_sweep.c', 'images_get(k->store, &k->stuck.at[i].sha256, &row, NULL) || ', '!images_get(k->store, &k->stuck.at[i].sha256, &row, NULL) && '],

  ['stuck.c', '!known && s->n < STUCK_MAX', '!known'],
  ['stuck.c', 'known && now_ms < known->next_ms', 'known'],
  ['stuck.c', 'known->next_ms = now_ms + STUCK_RETRY_MS', 'known->next_ms = now_ms'],
  ['keeper_images.c', ' || (uint64_t)m->chunk * CHUNK_SIZE >= i.size)', ')'],
  ['keeper_images.c', ' && i.state == IMAGE_IS_GOOD && (i.digests', ' && (i.digests'],
  ['keeper_images.c', ' && (i.digests.dag_bytes || !i.format[0])', ''],
  ['keeper_images.c', ' && !i.is_dag_lost)', ')'],
  ['keeper_images.c', 'r->state != RELEASE_EVICTED || ', ''],
  ['keeper_images.c', 'bundle_import_brings(k->import, &f->sha256) ||', '0 ||'],
  ['keeper_images.c', '||\n	    keeper_is_adopting(k, &f->sha256))', ')'],
  ['keeper_images.c', 'fetcher_is_fetching(&k->fetcher, sha256) || ', ''],
  ['keeper_images.c', ' || bundle_import_brings(k->import, sha256) || ', ' || '],
  ['keeper_images.c', ' || scrubber_is_reading(&k->scrubber, sha256);', ';'],
  ['keeper_images.c', 'n->unread.code && !catalogs_last_has_rows(k)', 'n->unread.code'],
  ['keeper_images.c', 'n->unread.code && !catalogs_last_has_rows(k)', 'false'],
  ['keeper_images.c', 'k->is_recovered || !may_lack_rows(k, n) ? "what', '!may_lack_rows(k, n) ? "what'],
  ['keeper_images.c', 'k->scans < 8 ? k->scans : 8', '0'],
  ['keeper_images.c', 'ms < RECOVER_RETRY_MAX_MS ? ms : RECOVER_RETRY_MAX_MS', 'ms'],
  ['keeper_images.c', 'is_adopting || may_lack_rows(k, &n)', 'may_lack_rows(k, &n)'],
  ['keeper_images.c', 'is_adopting || may_lack_rows(k, &n)', 'is_adopting'],
  ['keeper_images.c', '	k->scan_next_mono_ms = 0;\n', ''],
  ['keeper_images.c', 'catalogs_last_cid(k, &a->sha256, cid) ? cid : ""', '""'],

  ['scrubber.c', 'now->state == IMAGE_IS_GOOD && now->verified_ms', 'now->verified_ms'],
  ['scrubber.c', 'now->verified_ms == before->verified_ms && ', ''],
  ['scrubber.c', 'now->since_ms == before->since_ms &&\n', '1 &&\n'],
  ['scrubber.c', 'now->size == before->size && ', ''],
  ['scrubber.c', 'hash32_eq(&now->digests.sums, &before->digests.sums) &&', '1 &&'],
  ['scrubber.c', ' &&\n	       hash32_eq(&now->digests.dag, &before->digests.dag);', ';'],
  ['scrubber.c', 's->rc == ERR_NOT_FOUND ? 0 : last', 'last'],
  ['scrubber.c', 's->rc == ERR_NOT_FOUND ? 0 : last', '0'],
  ['scrubber.c', 's->rc != ERR_BUSY && ', ''],
  ['scrubber.c', ' && is_same(&s->image, &now);', ';'],
  ['scrubber.c', 's->tried_n++ % SCRUB_ASKED_MAX', '0'],
  ['scrubber.c', 's->check.damaged || s->check.is_size_wrong)', 's->check.damaged)'],
  ['scrubber.c', 's->check.damaged || s->check.is_size_wrong)', 's->check.is_size_wrong)'],
  ['scrubber.c', 's->check.is_dag_damaged || is_worth_a_try(s)', 'is_worth_a_try(s)'],
  ['scrubber.c', 's->check.is_dag_damaged && !s->image.is_dag_lost', 's->check.is_dag_damaged'],
  ['scrubber.c', 'return gap > 0 ? gap : 1;', 'return gap;'],
  ['scrubber.c', 'images ? interval_ms / (int64_t)images : interval_ms', 'interval_ms'],
  ['scrubber.c', 'i->state == IMAGE_IS_GOOD && !fetcher', '!fetcher'],
  ['scrubber.c', ' && !fetcher_is_fetching(&s->k->fetcher, &i->sha256);', ';'],
  ['scrubber.c', ' || i.is_dag_lost)', ')'],
  ['scrubber.c', 's->k->adoptions > 0 || ', ''],
  ['scrubber.c', ' || fetcher_is_working(&s->k->fetcher) || ', ' || '],
  ['scrubber.c', ' || keeper_is_paused(s->k);', ';'],
  ['scrubber.c', ' && now - s->yield_ms < SCRUB_YIELD_MAX_MS;', ';'],
  ['scrubber.c', 's->has_read ? s->read_ms + gap / SCRUB_CATCH_UP - now : 0', '0'],
  ['scrubber.c', 'return wait > 0 ? wait : 0;', 'return wait;'],
  ['scrubber.c', 's->looked_ms && now', 'now'],
  ['scrubber.c', ' || has_to_yield(s, now))\n		return;', ')\n		return;'],
  ['scrubber.c', 'min64(SCRUB_START_MS, interval_ms(s) / 2)', '0'],
  ['scrubber.c', '	fetcher_hurry(&s->k->fetcher, &s->image.sha256);\n', ''],
  ['scrubber.c', ' && hash32_eq(&s->image.sha256, sha256);', ';'],

  ['verify.c', 'damaged && floor_save(v->k->floors, &e) == ERR_OK;', 'damaged;'],
  ['verify.c', 'rc = owncopy_save(v->k->store, &e);', ';'],
  ['verify.c', '"catalog", rc == ERR_OK);', '"catalog", true);'],
  ['verify.c', ' && !fetcher_is_fetching(&v->k->fetcher, &i->sha256))', ')'],
  ['verify.c', 'i->state == IMAGE_IS_GOOD && !fetcher', '!fetcher'],
  ['verify.c', ' && now.state == IMAGE_IS_GOOD;', ';'],
  ['verify.c', 's->rc || c->damaged || c->is_size_wrong', 's->rc || c->is_size_wrong'],
  ['verify.c', 's->rc || c->damaged || c->is_size_wrong', 's->rc || c->damaged'],
  ['verify.c', 's->rc || c->damaged || c->is_size_wrong', 'c->damaged || c->is_size_wrong'],
  ['verify.c', 'return rc == ERR_NOT_FOUND;', 'return false;'],
  ['verify.c', '!f->is_repaired && !is_file(f)', '!f->is_repaired'],
  ['verify.c', 'i.state != IMAGE_IS_DAMAGED && ', ''],
  ['verify.c', ' && i.state != IMAGE_IS_WANTED', ''],
  ['verify.c', ' && i.state != IMAGE_IS_FETCHING', ''],
  ['verify.c', ' && !i.is_dag_lost;', ';'],
  ['verify.c', 'v->k->adoptions > 0 || (open', '(open'],
  ['verify.c', ' || (open && fetcher_is_working(&v->k->fetcher));', ';'],
  ['verify.c', 'open == 0 && v->k->adoptions == 0', 'open == 0'],
  ['verify.c', ' || now - v->progress_ms >= VERIFY_REPAIR_MS)', ')'],
  ['verify.c', ' && v->open != SIZE_MAX ? VERIFY_LOOK_MS : 0', ' ? VERIFY_LOOK_MS : 0'],
  ['verify.c', '*are_repaired = v->unnamed == 0;', '*are_repaired = true;'],
  ['verify.c', '*are_repaired &= v->finding[i].is_repaired;', ''],
  ['verify.c', 'are_repaired && !v->trouble[0]', 'are_repaired'],
  ['verify.c', 'js_u64(v->findings + v->unnamed)', 'js_u64(v->findings)'],
  ['verify.c', '	check_floors(v);\n', ''],
  ['verify.c', '	check_copy(v);\n', ''],
  ['verify.c', '	check_catalog(v);\n', ''],
  ['verify.c', '	check_objects(v);\n', ''],

  ['verified.c', '	sha256_add(&sum, SPAN_OF(envelope));\n', ''],
  ['verified.c', '	sha256_add(&sum, SPAN_OF(set->threshold));\n', ''],
  ['verified.c', '		sha256_add(&sum, SPAN_OF(is_usable));\n', ''],
  ['verified.c', '		sha256_add(&sum, SPAN_OF(set->signer[i].thumbprint));\n', ''],
  ['verified.c', 'cap <= VERIFIED_MAX ? calloc(cap, sizeof *slots) : NULL', 'calloc(cap, sizeof *slots)'],
  ['verified.c', 's->rc == ERR_OK || s->left-- > 0', 'true'],
  ['verified.c', 's->rc == ERR_OK || s->left-- > 0', 's->rc == ERR_OK'],
  ['verified.c', 'return known->rc ? err_set(e, known->rc, "%s", known->why) : ERR_OK;', 'return ERR_OK;'],

  ['catalogs.c', 'rc == ERR_OK && (i.state == IMAGE_IS_GOOD || i.state == IMAGE_IS_DAMAGED)', 'rc == ERR_OK'],
  ['catalogs.c', 'i.state == IMAGE_IS_GOOD || i.state == IMAGE_IS_DAMAGED', 'i.state == IMAGE_IS_GOOD'],
  ['catalogs.c', ' | 1u << RELEASE_SUPERSEDED)', ')'],
  ['catalogs.c', 'g->view == KEPT ? &none : &p->file', '&p->file'],
  ['catalogs.c', 'c->is_pending && !(g->view == KEPT && c->has_release)', 'c->is_pending'],
  ['catalogs.c', 'proof_of(p, g->view == SENT)', 'proof_of(p, true)'],
  ['catalogs.c', 'unlinkat(k->state_dir, FILE_NAME, 0) == 0 && fsync(k->state_dir)', '0'],
  ['catalogs.c', 'rc && durable_overwrite(k->state_dir, FILE_NAME, bytes, NULL, NULL)', 'rc'],
  ['catalogs.c', '(!f->name || span_is(name, f->name))', '1'],
  ['catalogs.c', 'addr20_eq(&f->registrant, &p->registrant) && ', ''],
  ['catalogs.c', 'known->proven.number == 0 || ', ''],
  ['catalogs.c', ' || (f && f->proven > known->final_sequence);', ';'],
  ['catalogs.c', 'p[i].proof.number && ', ''],
  ['catalogs.c', ' && keeps_product(k, last, &p[i]) && ', ' && '],
  ['catalogs.c', 'return !floor_is_revoked(k->floors, &p->id, r->sequence);', 'return true;'],
  ['catalogs.c', ' || k->adoptions > 0)', ')'],
  ['catalogs.c', '(!k->is_recovered && !keeper_is_paused(k)) || k->adoptions', 'k->adoptions'],
  ['catalogs.c', '!k->is_recovered && !keeper_is_paused(k)', '!k->is_recovered'],
  ['catalogs.c', '	c->content = c->kept = (struct hash32){ { 0 } };\n', ''],
  ['catalogs.c', '!hash32_eq(&kept, &was)', 'true'],
  ['catalogs.c', '!hash32_eq(&kept, &was)', 'false'],
  ['catalogs.c', 'is_holding(k) || floor_is_dirty', 'floor_is_dirty'],
  ['catalogs.c', ' || floor_is_dirty(k->floors) || ', ' || '],
  ['catalogs.c', ' || clock_mono_ms(k->clock) - k->catalogs.sent_ms < CATALOG_PROOF_MS)', ')'],
  ['catalogs.c', 'f.chain_id != k->conf->chain.chain_id || ', ''],
  ['catalogs.c', ' || !addr20_eq(&f.registry, &k->conf->chain.registry))', ')'],
  ['catalogs.c', 'k->catalogs.saved_ms && open_copy', 'open_copy'],
  ['catalogs.c', 'k->catalogs.is_proof_untold ? catalogs_refresh(k, e) : ERR_OK', 'ERR_OK'],
  ['catalogs.c', '	k->catalogs.generation = catalog_facts(c).generation;\n', ''],
  ['catalogs.c', '	keeper_sweep_entries(k);\n', ''],

  ['settle.c', 'return f && f->proven > final_sequence(s);', 'return false;'],
  ['settle.c', 'l->owner.is_recovering && l->owner.is_recovering(l->owner.arg)', 'false'],
  ['settle.c', 'j->image == IMAGE_GOOD &&\n', '1 &&\n'],
  ['settle.c', 'j->state == RELEASE_ACTIVE || j->state == RELEASE_SUPERSEDED || ', 'j->state == RELEASE_SUPERSEDED || '],
  ['settle.c', 'j->state == RELEASE_ACTIVE || j->state == RELEASE_SUPERSEDED || ', 'j->state == RELEASE_ACTIVE || '],
  ['settle.c', ' || j->state == RELEASE_READY || ', ' || '],
  ['settle.c', ' || j->state == RELEASE_HELD);', ');'],
  ['settle.c', 'j->is_wanted && j->image != IMAGE_GOOD', 'j->is_wanted'],
  ['settle.c', 'return rc == ERR_RULE ? ERR_OK : rc;', 'return rc;'],
  ['settle.c', 'memcmp(&s->row, &s->was, sizeof s->row) ? products_put(s->l->store, &s->row, e) : ERR_OK', 'products_put(s->l->store, &s->row, e)'],
  ['settle.c', 'memcmp(&s->row, &s->was, sizeof s->row) ? products_put(s->l->store, &s->row, e) : ERR_OK', 'ERR_OK'],
  ['settle.c', '.proven = final_sequence(s), ', ''],
  ['settle.c', '.floor = s->history.floor, ', ''],
  ['settle.c', 'is_needed ? IMAGE_IS_GOOD : IMAGE_IS_REVOKED', 'IMAGE_IS_GOOD'],
  ['settle.c', 'is_behind_floor(s) || is_recovering(s->l)', 'is_recovering(s->l)'],
  ['settle.c', 'is_behind_floor(s) || is_recovering(s->l)', 'is_behind_floor(s)'],
  ['settle.c', '	p->judged = p->proven;\n', ''],
  ['settle.c', '	p->final_sequence = final_sequence(&s);\n', ''],
  ['settle.c', '	p->is_marked = false;\n', ''],
  ['settle.c', 'floor_is_dirty(l->floors) && floor_save(l->floors, rc ? NULL : &failed)', 'false'],

  ['settle_look.c', 'r->times_ms[RELEASE_READY] || ', ''],
  ['settle_look.c', ' || r->times_ms[RELEASE_ACTIVE] || ', ' || '],
  ['settle_look.c', ' || r->times_ms[RELEASE_SUPERSEDED] || ', ' || '],
  ['settle_look.c', ' || r->times_ms[RELEASE_EVICTED];', ';'],
  ['settle_look.c', 'i->state != IMAGE_IS_WANTED && ', ''],
  ['settle_look.c', ' && i->state != IMAGE_IS_FETCHING;', ';'],
  ['settle_look.c', 'r->image_is_wrong || (is_verified', '(is_verified'],
  ['settle_look.c', ' || (is_verified(i) && i->size != r->facts.size))', ')'],
  ['settle_look.c', 'is_verified(i) && i->size != r->facts.size', 'i->size != r->facts.size'],
  ['settle_look.c', 'was_here(r) ? IMAGE_EVICTED : IMAGE_NONE', 'IMAGE_NONE'],
  ['settle_look.c', 'image.state == IMAGE_IS_DAMAGED || image.is_dag_lost', 'image.state == IMAGE_IS_DAMAGED'],
  ['settle_look.c', 'image.state == IMAGE_IS_DAMAGED || image.is_dag_lost', 'image.is_dag_lost'],
  ['settle_look.c', 'n->is_leaving = image.state == IMAGE_IS_EVICTING;', ''],
  ['settle_look.c', '.was_active = r.times_ms[RELEASE_ACTIVE] != 0', '.was_active = false'],

  ['settle_walk.c', 'known->block != now->block || ', ''],
  ['settle_walk.c', '!hash32_eq(&known->tx, &now->tx) || ', ''],
  ['settle_walk.c', 'known->entry_order != now->entry_order ||', '0 ||'],
  ['settle_walk.c', 'known->has_facts != now->has_facts || ', ''],
  ['settle_walk.c', 'known->manifest_len != now->manifest_len ||', '0 ||'],
  ['settle_walk.c', ' ||\n	       memcmp(known->manifest, now->manifest, now->manifest_len) != 0;', ';'],
  ['settle_walk.c', 'en->order < s->row.final_entries || ', ''],
  ['settle_walk.c', ' || en->order < s->p->bundle.entries;', ';'],
  ['settle_walk.c', '	s->row.head = zero;\n', ''],
  ['settle_walk.c', '	s->row.sequence = s->row.floor = s->row.last_block = 0;\n', ''],
  ['settle_walk.c', '	s->row.owner = (struct addr20){ .b = { 0 } };\n', ''],
  ['settle_walk.c', '	s->row.signers = (struct product_signers){ .threshold = 0 };\n', ''],

  ['keeper_own.c', 'k->copy_tries < 8 ? k->copy_tries : 8', '0'],
  ['keeper_own.c', 'pause_ms < OWNCOPY_RETRY_MAX_MS ? pause_ms : OWNCOPY_RETRY_MAX_MS', 'pause_ms'],
  ['keeper_own.c', '!owncopy_is_due(k->store) || ', ''],
  ['keeper_own.c', ' || clock_mono_ms(k->clock) < k->copy_next_mono_ms)', ')'],
  ['keeper_own.c', '!was_behind && !k->is_copy_in_trouble', '!k->is_copy_in_trouble'],
  ['keeper_own.c', '	keeper_look_at_store(k);\n', ''],

  ['entryfiles.c', 'f->is_seen_to && f->entries == entries', 'f->is_seen_to'],
  ['entryfiles.c', 'f->is_seen_to && f->entries == entries', 'f->entries == entries'],
  ['entryfiles.c', 'n > 0 && k < (size_t)n && room[k] == want.p[k]', 'n > 0 && k < (size_t)n'],
  ['entryfiles.c', ' && keeps(arg, &id);', ';'],
  ['entryfiles.c', 'return rc ? rc : buf_ok(out, e);', 'return rc;'],
  ['entryfiles.c', 'whole.n ? sha256_of(buf_span(&whole)) : (struct hash32){ { 0 } }', 'sha256_of(buf_span(&whole))'],

  ['devices.c', 'id.n >= 1 && ', ''],
  ['devices.c', ' && id.n <= DEVICE_ID_MAX', ''],
  ['devices.c', " && !memchr(id.p, '\\0', id.n);", ';'],
  ['devices.c', 'd->seen_n < DEVICES_PENDING_MAX ? calloc(1, sizeof *s) : NULL', 'calloc(1, sizeof *s)'],
  ['devices.c', 'm->bytes < SEEN_BYTES_MAX ? m->bytes : SEEN_BYTES_MAX', 'm->bytes'],
  ['devices.c', 'strcmp(r.facts.channel, s->channel) ? 0 : s->given', 's->given'],
  ['devices.c', '!is_device_id(m->device) || ', ''],
  ['devices.c', 'state == REPORT_INSTALLED || state == REPORT_RUNNING || state == REPORT_FAILED', 'state == REPORT_RUNNING || state == REPORT_FAILED'],
  ['devices.c', 'state == REPORT_INSTALLED || state == REPORT_RUNNING || state == REPORT_FAILED', 'state == REPORT_INSTALLED || state == REPORT_FAILED'],
  ['devices.c', 'state == REPORT_INSTALLED || state == REPORT_RUNNING || state == REPORT_FAILED', 'state == REPORT_INSTALLED || state == REPORT_RUNNING'],
  ['devices.c', 'd->reports_n < DEVICES_PENDING_MAX ? calloc(1, sizeof *w) : NULL', 'calloc(1, sizeof *w)'],
  ['devices.c', '.raises_floor = w->state == REPORT_INSTALLED || w->state == REPORT_RUNNING', '.raises_floor = true'],
  ['devices.c', '.raises_floor = w->state == REPORT_INSTALLED || w->state == REPORT_RUNNING', '.raises_floor = w->state == REPORT_RUNNING'],
  ['devices.c', '.raises_floor = w->state == REPORT_INSTALLED || w->state == REPORT_RUNNING', '.raises_floor = w->state == REPORT_INSTALLED'],
  ['devices.c', 'rc == ERR_LIMIT && w->sequence <= INT64_MAX ? 503 : 400', '400'],
  ['devices.c', 'w->status == 204 && ', ''],
  ['devices.c', 'd->is_paused || write_reports(d, &e) != ERR_OK', 'write_reports(d, &e) != ERR_OK'],
  ['devices.c', 'failed ? 503 : w->status', 'w->status'],
  ['devices.c', ' && !w->is_forgotten)', ')'],
  ['devices.c', '	flush_sightings(d);\n	commit_reports(d);\n', '	commit_reports(d);\n'],
  ['devices.c', '	flush_sightings(d);\n	commit_reports(d);\n', '	flush_sightings(d);\n'],

  ['restoring.c', 'return hash32_eq(&right, id);', 'return true;'],
  ['restoring.c', '.is_product = is_product, ', ''],
  ['restoring.c', '	ask.chain_id = c->chain.chain_id;\n', ''],
  ['restoring.c', '	ask.registry = c->chain.registry;\n', ''],
  ['restoring.c', 'return rc || !printed;', 'return rc;'],
  ['restoring.c', 'return rc || !printed;', 'return 0;'],

  ['backup.c', 'int rc = floor_save(k->floors, e);', 'int rc = ERR_OK;'],
  ['backup.c', ' >= BUNDLE_IDLE_MS)', ' >= 0)'],
  ['backup.c', 'k->backup && clock_mono_ms', '0 && clock_mono_ms'],
  ['backup.c', 'rest - at < room ? (size_t)(rest - at) : room', 'room'],
  ['backup.c', 'b->piece.n < BUNDLE_PIECE && b->at', 'b->at'],
  ['backup.c', '	sha256_add(&b->sum, buf_span(&b->piece));\n', ''],
  ['backup.c', ' && b->piece.n + SAVEFILE_SUM <= BUNDLE_PIECE)', ')'],
  ['backup.c', 'offset != b->at && offset', 'offset'],
  ['backup.c', ' && offset < b->about.total && ', ' && '],
  ['backup.c', '	b->touched_ms = clock_mono_ms(b->k->clock);\n', ''],

  ['kept.c', 'return rc ? rc : kept_add(arg, &cid, block, e);', 'return rc;'],

  ['keeper_start.c', 's == CLOCK_UNSET ? CLOCK_UNSET : CLOCK_SYNCED', 'CLOCK_SYNCED'],
  ['keeper_start.c', ' - (s->kind == CONF_PEER ? PEER_AHEAD : 0)', ''],
  ['keeper_start.c', '	secrets_add_url(&k->secrets, c->network.proxy);\n', ''],
  ['keeper_start.c', '		secrets_add_url(&k->secrets, c->providers[i].url);\n', ''],
  ['keeper_start.c', '		secrets_add_url(&k->secrets, c->sources[i].url);\n', ''],
  ['keeper_start.c', '		secrets_add_url(&k->secrets, c->sources[i].inner);\n', ''],
  ['keeper_start.c', '		secrets_add_url(&k->secrets, c->sources[i].entries);\n', ''],
  ['keeper_start.c', '		secrets_add(&k->secrets, c->sources[i].token);\n', ''],
  ['keeper_start.c', '	rc = restore_lock(k->state_dir, e);	/* not beside a restore */\n', ''],
  ['keeper_start.c', 'm.chain_id == k->conf->chain.chain_id && addr20_eq', 'addr20_eq'],
  ['keeper_start.c', 'm.chain_id == k->conf->chain.chain_id && addr20_eq(&m.registry, &k->conf->chain.registry)', 'm.chain_id == k->conf->chain.chain_id'],
  ['keeper_start.c', ' || rc == ERR_BUSY)', ')'],
  ['keeper_start.c', 'rc == ERR_NO_SPACE || rc == ERR_READ_ONLY || rc == ERR_IO', 'rc == ERR_READ_ONLY || rc == ERR_IO'],
  // … nor without ERR_READ_ONLY: of a disk that has become read-only SQLite says that the file cannot be locked, which is ERR_IO
  ['keeper_start.c', 'rc == ERR_NO_SPACE || rc == ERR_READ_ONLY || rc == ERR_IO', 'rc == ERR_NO_SPACE || rc == ERR_READ_ONLY'],
  ['keeper_start.c', '	store_keep_wal(k->store);\n', ''],
  ['keeper_start.c', '	k->exit_status = 0;		/* a failure', '	/* a failure'],
  ['keeper_start.c', '!store_is_new(k->store) && !r->was_there', '!store_is_new(k->store)'],
  ['keeper_start.c', 'r->was_there || floor_at(k->floors, 0)', 'r->was_there'],
  ['keeper_start.c', 'r->was_there || floor_at(k->floors, 0)', 'floor_at(k->floors, 0)'],

  ['fetch.c', 'rc == ERR_NO_SPACE || rc == ERR_READ_ONLY', 'rc == ERR_READ_ONLY'],
  ['fetch.c', 'rc == ERR_READ_ONLY || rc == ERR_IO)', 'rc == ERR_IO)'],
  ['fetch.c', ' || rc == ERR_IO)', ')'],
  ['fetch.c', 'f->disk.code == ERR_IO && f->told_io', 'false'],
  ['fetch.c', 'e.code && !is_bad_place(f)', 'e.code'],
  ['fetch.c', '	f->disk.code = ERR_OK;\n', ''],
  ['fetch.c', '	fetch_next_claim(f);\n', ''],
  ['fetch.c', '	f->told_io |= e.code == ERR_IO;\n', ''],
  ['keeper_images.c', ' || (rc == ERR_OK && !is_unfinished(&i)) || bundle', ' || rc == ERR_OK || bundle'],
  ['keeper_images.c', ' || (rc == ERR_OK && !is_unfinished(&i)) || bundle', ' || bundle'],
  ['keeper_sweep.c', '!k->is_recovered || fetcher_progress', 'fetcher_progress'],
  ['keeper_sweep.c', '&p) || bundle_import_brings(k->import, &i->sha256) ||', '&p) ||'],
  ['keeper_sweep.c', 'fetcher_progress(&k->fetcher, &i->sha256, &p) || bundle', 'bundle'],
  ['keeper_sweep.c', ' ||\n	    now_ms(k) - i->wanted_ms < EVICT_UNREAD_MS)', ')'],
  ['fetch.c', '	blob_keep_part(f->blob);\n', ''],
  ['fetch.c', 'f->is_doubted = f->is_unlike = false;', 'f->is_doubted = false;'],
  ['fetch.c', 'f->is_doubted = f->is_unlike = false;', 'f->is_unlike = false;'],
  ['fetch.c', 'f->is_unlike ? FETCH_WRONG : FETCH_WAITING', 'FETCH_WRONG'],
  ['fetch_open.c', 'f->is_for_blocks && rc;', '!!rc;'],
  ['fetch_open.c', 'f->is_for_blocks && rc;', 'f->is_for_blocks && rc == ERR_PROOF;'],
  ['fetch_open.c', '!rc || !f->told_io || ', '!rc || '],
  ['fetch_open.c', '!rc || !f->told_io || !err_is_of_one_file(e)', '!rc || !f->told_io'],
  ['fetch_open.c', '	kept_fini(&f->kept);\n', ''],
  ['fetch.c', '	f->unproven++;\n', ''],
  ['fetch.c', ' && f->unproven < FETCH_UNPROVEN_MAX)', ')'],
  ['fetch.c', '	memset(f->use, 0, sizeof f->use);\n', ''],
  ['fetch.c', '	memset(f->denied, 0, sizeof f->denied);\n', ''],
  ['fetch.c', "	f->unproven = 0;\n	f->why", '	f->why'],
  ['fetch.c', '	f->tries++;\n', ''],

  ['fetcher.c', 'is_urgent != is_first_urgent ? is_urgent : fetch_is_newer(it, first)', 'fetch_is_newer(it, first)'],
  ['fetcher.c', 'is_urgent != is_first_urgent ? is_urgent : fetch_is_newer(it, first)', 'is_urgent'],
  ['fetcher.c', '(!first || goes_before(it, first))', '!first'],
  ['fetcher.c', ' + (fetch_is_urgent(it) ? FETCHES_URGENT : 0)', ''],
  ['fetcher.c', 'FETCHES_MAX + (fetch', 'UINT_MAX / 2 + (fetch'],
  ['fetcher.c', '		let_others_pass(f, it);\n', ''],
  ['fetcher.c', '!f->is_closing && !f->paused[0]', '!f->paused[0]'],
  ['fetcher.c', '!f->is_closing && !f->paused[0]', '!f->is_closing'],
  ['fetcher.c', '	fetcher_next(f);\n}\n\nvoid fetcher_close', '}\n\nvoid fetcher_close'],
  ['fetcher.c', '	f->is_starting = true;		/* starts', '	/*'],

  ['kept.c', '(rc || is_under(k, root))', '(rc || is_under(k, root) || true)'],
  ['kept.c', 'rc != ERR_LIMIT && (rc', '(rc'],
  ['kept.c', '(rc = must_fit(k, block, e)) ||', '((rc = must_fit(k, block, e)) && false) ||'],
  ['kept.c', 'k->blocks == 0 || ', ''],
  ['kept.c', ' && !cid_same_block(&k->block[i].cid, cid)', ''],
  ['kept.c', '	table_free(&k->by_digest);\n', ''],

  ['judge.c', 'r->image_detail ? r->image_detail : ""', 'r->image_detail'],
  ['judge.c', 'p->needs_approval && !r->is_approved && r->image', '!r->is_approved && r->image'],
  ['judge.c', 'p->needs_approval && !r->is_approved && r->image', 'p->needs_approval && r->image'],
  ['judge.c', '!r->is_approved && r->image == IMAGE_GOOD', '!r->is_approved'],
  ['judge.c', 'r->image == IMAGE_GOOD && !r->h->is_final', '!r->h->is_final'],
  ['judge.c', 'r->image == IMAGE_GOOD && !r->h->is_final', 'r->image == IMAGE_GOOD'],
  ['judge.c', 'p->is_frozen && !r->was_active && r->image', '!r->was_active && r->image'],
  ['judge.c', 'p->is_frozen && !r->was_active && r->image', 'p->is_frozen && r->image'],
  ['judge.c', '!r->was_active && r->image == IMAGE_GOOD', '!r->was_active'],
  ['judge.c', 'rule->detail ? rule->detail(r) : ""', 'rule->detail(r)'],
  ['judge.c', 'r->h->verdict == HISTORY_GOOD && !r->h->is_revoked && ', '!r->h->is_revoked && '],
  ['judge.c', 'r->h->verdict == HISTORY_GOOD && !r->h->is_revoked && ', 'r->h->verdict == HISTORY_GOOD && '],
  ['judge.c', ' && !r->h->is_revoked_soon &&\n', ' &&\n'],
  ['judge.c', 'r->is_channel_followed && r->image', 'r->image'],
  ['judge.c', ' && r->image != IMAGE_WRONG;', ';'],
  ['judge.c', 'r->h->is_final && !r->is_held && ', '!r->is_held && '],
  ['judge.c', 'r->h->is_final && !r->is_held && ', 'r->h->is_final && '],
  ['judge.c', ' && (!p->needs_approval || r->is_approved);', ';'],
  ['judge.c', '(!p->needs_approval || r->is_approved)', '!p->needs_approval'],
  ['judge.c', '(!p->needs_approval || r->is_approved)', 'r->is_approved'],
  ['judge.c', 'i < t->n && ', ''],
  ['judge.c', ' && strcmp(t->v[i].channel, name) != 0)', ')'],
  ['judge.c', 'struct tally v[CONF_WORDS_MAX];', 'struct tally v[CONF_WORDS_MAX - 1];'],
  ['judge.c', 'i < CONF_WORDS_MAX)', 'i < CONF_WORDS_MAX - 1)'],
  ['judge.c', '	t->fetchable++;\n', ''],
  ['judge.c', '	t->activatable += may_be_active(p, r);\n', ''],
  ['judge.c', '+= r->image == IMAGE_GOOD && ', '+= '],
  ['judge.c', ' && !first_rule(p, r);', ';'],
  ['judge.c', 'r->image != IMAGE_EVICTED && newer', 'newer'],
  ['judge.c', 'p->keep ? p->keep : 1', 'p->keep'],
  ['judge.c', 'p->keep ? p->keep : 1', '1'],
  ['judge.c', 'may_be_active(p, r) && newer->activatable == 0', 'newer->activatable == 0'],
  ['judge.c', 'may_be_active(p, r) && newer->activatable == 0', 'may_be_active(p, r)'],
  ['judge.c', 'it->image != IMAGE_GOOD && it->is_wanted', 'it->is_wanted'],
  ['judge.c', 'it->image != IMAGE_GOOD && it->is_wanted', 'it->image != IMAGE_GOOD'],
  ['judge.c', 'it->image == IMAGE_EVICTED ? RELEASE_EVICTED : RELEASE_SEEN', 'RELEASE_SEEN'],
  ['judge.c', 'it->image == IMAGE_EVICTED ? " again" : ""', '""'],
  ['judge.c', 'it->image == IMAGE_EVICTED ? RELEASE_EVICTED : it->h', 'it->h'],
  ['judge.c', 'it->h->is_final ? RELEASE_SUPERSEDED : RELEASE_SEEN', 'RELEASE_SUPERSEDED'],
  ['judge.c', 'it->h->is_final ? RELEASE_SUPERSEDED : RELEASE_SEEN', 'RELEASE_SEEN'],
  ['judge.c', 'may_fetch(r) ? tally_of(t, channel(r)) : NULL', 'tally_of(t, channel(r))'],
  ['judge.c', 'newer && is_wanted', 'is_wanted'],

  ['history.c', 'n ? 2 * n : 1', '1'],
  ['history.c', '	qsort(thumb, s->n, sizeof *thumb, by_thumbprint);\n', ''],
  ['history.c', '	sha256_add(&sum, SPAN(threshold, sizeof threshold));\n', ''],
  ['history.c', '	sha256_add(&sum, SPAN(thumb, s->n * sizeof *thumb));\n', ''],
  ['history.c', '{ (uint8_t)(s->threshold >> 8), ', '{ 0, '],
  ['history.c', '	sha256_add(&sum, SPAN(at, sizeof at));\n', ''],
  ['history.c', '	sha256_add(&sum, SPAN_OF(*digest));\n', ''],
  ['history.c', 'r->pinned_n > 0 && ', ''],
  ['history.c', 'h->sets ? &h->set[h->sets - 1] : NULL', '&h->set[h->sets - 1]'],
  ['history.c', 'h->sets && hash32_eq', 'hash32_eq'],
  ['history.c', '	h->remembered = h->sets - 1;\n', ''],
  ['history.c', 'r->verdict == HISTORY_HELD && ', ''],
  ['history.c', ' && hash32_eq(&h->set[r->set].digest, &history_current(h)->digest))', ')'],
  ['history.c', '	apply_pins(&h->rules, &s->signers);\n', ''],
  ['history.c', '!span_is(h->rules.vendor, m->vendor) || ', ''],
  ['history.c', ' || !span_is(h->rules.model, m->model))', ')'],
  ['history.c', 'm->image_size > h->rules.image_max', 'm->image_size >= h->rules.image_max'],
  ['history.c', 'r->has_manifest = !rc;', 'r->has_manifest = true;'],
  ['history.c', 'r->has_manifest = !rc;', ''],
  ['history.c', 'return rc ? rc : check_manifest(h, r, e);', 'return check_manifest(h, r, e);'],
  ['history.c', 'return rc ? rc : check_manifest(h, r, e);', 'return rc;'],
  ['history.c', '&history_current(h)->signers, &r->who', '&h->set[h->remembered].signers, &r->who'],
  ['history.c', 'h->sets == 0 || sequence', 'sequence'],
  ['history.c', ' || sequence != h->releases + 1)', ')'],
  ['history.c', '.is_final = is_final, ', ''],
  ['history.c', ', .set = h->sets - 1 };', ' };'],
  ['history.c', 'sequence >= 1 && ', ''],
  ['history.c', ' && sequence <= h->releases ?', ' ?'],
  ['history.c', '*text ? ": " : ""', '": "'],
  ['history.c', ' && h->release[i].sequence < floor; i++', '; i++'],
  ['history.c', 'h->release[i].sequence < floor;', 'h->release[i].sequence <= floor;'],
  ['history.c', 'i < h->releases && ', ''],
  ['history.c', 'floor > h->releases + 1', 'floor > h->releases'],
  ['history.c', 'is_final && floor > h->floor)', 'floor > h->floor)'],
  ['history.c', 'is_final && floor > h->floor)', 'is_final)'],

  // a product that is found again is refused by its name as well, and that is logged; all else that fails there is a damaged database
  ['ledger.c', '2 * l->cap : 16', 'l->cap : 16'],
  ['ledger.c', 'p->is_marked = p->has_releases = true;', 'p->is_marked = true;'],
  ['ledger.c', 'addr20_eq(&own->registrant, registrant) ? own : NULL', 'own'],
  ['ledger.c', 'row->has_proven ? row->proven : (struct', 'false ? row->proven : (struct'],
  ['ledger.c', 'row->has_proven && l->whole', 'l->whole'],
  ['ledger.c', ' && l->whole.number > row->proven.number)', ')'],
  ['ledger.c', '	p->stored = p->proven.number;\n}\n\nstatic struct', '}\n\nstatic struct'],
  ['ledger.c', '.registrant = row->registrant, .follow', '.follow'],
  ['ledger.c', '.is_marked = true,', ''],
  ['ledger.c', '		.has_releases = true, .final', '		.final'],
  ['ledger.c', '.final_entries = row->final_entries };', '};'],
  ['ledger.c', '	take_proof(l, p, row);\n', ''],
  ['ledger.c', 'while (at > 0 && ', 'while ('],
  ['ledger.c', 'hash32_cmp(&l->product[at - 1]->id, &p->id) > 0)', 'false)'],
  ['ledger.c', 'row->keep == follow->keep && ', ''],
  ['ledger.c', ' && !row->in_rollout)', ')'],
  ['ledger.c', 'return products_set_keep(l->store, &p->id, follow->keep, false, e);', 'return ERR_OK;'],
  ['ledger.c', '!follow || ledger_find(l, id)', 'ledger_find(l, id)'],
  ['ledger.c', '		row.keep = UINT32_MAX;', ''],
  ['ledger.c', 'return rc == ERR_NOT_FOUND ? ERR_OK : rc;', 'return rc;'],
  ['ledger.c', 'return rc ? rc : store_commit(&tx, e);', 'return rc;'],
  ['ledger.c', '!rc && p->bundle.entries > o->position', 'p->bundle.entries > o->position'],
  ['ledger.c', '!rc && p->bundle.entries > o->position', '!rc'],
  ['ledger.c', '		p->bundle.entries = 0;\n		rc = bundles_drop', '		rc = bundles_drop'],
  ['ledger.c', 'rc = bundles_drop(l->store, &o->product, e);', ';'],
  ['ledger.c', '	p->proven = m;', ''],
  ['ledger.c', '	p->stored = m.number;\n', ''],
  ['ledger.c', '	p->final_entries = (uint32_t)o->position;\n', ''],
  ['ledger.c', 'return products_set_proven(l->store, &o->product, &m, e);', 'return ERR_OK;'],
  ['ledger.c', 'whole && whole->number >= p->proven.number', 'whole'],
  ['ledger.c', 'whole->number >= p->proven.number', 'whole->number > p->proven.number'],
  ['ledger.c', 'p->proven.number > p->stored && ', ''],
  ['ledger.c', ' && !is_covered)', ')'],
  ['ledger.c', '		p->stored = p->proven.number;\n	}', '	}'],
  ['ledger.c', '		take_proof(l, p, &row);\n', ''],
  ['ledger.c', '		p->final_entries = row.final_entries;\n', ''],
  ['ledger.c', '		p->bundle.entries = 0;\n		ledger_mark', '		ledger_mark'],
  ['ledger.c', '		ledger_mark(l, p);\n	}\n	return bundles_each', '	}\n	return bundles_each'],
  ['ledger.c', 'return bundles_each(l->store, load_bundle, l, e);', 'return ERR_OK;'],
  ['ledger.c', '	ledger_mark(l, p);\n	return ERR_OK;\n}\n\nbool ledger_is_by_signers', '	return ERR_OK;\n}\n\nbool ledger_is_by_signers'],
  ['ledger.c', '!p->bundle.is_pinned && ', ''],
  ['ledger.c', ' && p->bundle.entries > p->final_entries;', ';'],
  ['ledger.c', 'return p->bundle.entries && p->bundle.is_pinned && ', 'return p->bundle.is_pinned && '],
  ['ledger.c', 'return p->bundle.entries && p->bundle.is_pinned && ', 'return p->bundle.entries && '],
  ['ledger.c', ' && hash32_eq(&p->proven.hash, &p->bundle.hash);', ';'],
  ['ledger.c', '		ledger_mark(l, p);\n		return take_undone', '		return take_undone'],
  ['ledger.c', '		ledger_mark(l, p);\n		return take_seen', '		return take_seen'],
  ['ledger.c', '		ledger_mark(l, p);\n		return take_proven', '		return take_proven'],
]

const files = NAMES.map((name) => `src/keeper/${name}.c`)

/** Pairs of rules of judge.c, one after the other, that never apply to one release both: their order is free. */
const apart = ['is_fetching has_failed', 'has_failed needs_approval']

/** The table of rules in judge.c: without each of them, and each after the one that follows it. */
async function withoutEachRule() {
  const file = 'src/keeper/judge.c', text = await readFile(join(root, file), 'utf8')
  const rules = [...text.matchAll(/^\t\{ RELEASE_\w+, (\w+),.*\n/gm)].map(([line, name]) => ({ line, name })), found = []
  rules.forEach(({ line, name }, i) => {
    const next = rules[i + 1]
    found.push({ file, what: `no rule ${name}`, text: text.replace(line, () => '') })
    if (!next || apart.includes(`${name} ${next.name}`)) return
    found.push({ file, what: `${next.name} before ${name}`, text: text.replace(line + next.line, () => next.line + line) })
  })
  return found
}

export async function keeperMutants() {
  const all = [...await rows('src/keeper', more), ...await withoutEachRule()]
  for (const file of files) all.push(...await withoutEachIf(file, spared[basename(file)]))
  return all.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file))
}

/** By file: the unit tests that may notice, the likeliest first. */
const UNITS = {
  degraded: ['degraded', 'catalogs'],
  keeper_disk: ['keeper_disk', 'catalogs', 'entryfiles'],
  keeper_sweep: ['keeper_images', 'bundle_import', 'catalogs', 'scrubber'],
  stuck: ['stuck'],
  keeper_images: ['keeper_images', 'catalogs', 'bundle_import', 'scrubber', 'api'],
  scrubber: ['scrubber_others', 'scrubber', 'verify', 'catalogs'],
  verify: ['verify', 'scrubber_others', 'scrubber', 'api'],
  verified: ['verified', 'ledger', 'history'],
  catalogs: ['catalogs_copy', 'catalogs', 'verify', 'keeper_images', 'entryfiles', 'bundle_import'],
  settle: ['settle', 'ledger', 'catalogs', 'bundle_import'],
  settle_look: ['settle', 'ledger', 'catalogs', 'bundle_import'],
  settle_walk: ['settle', 'ledger', 'catalogs', 'bundle_import'],
  keeper_own: ['keeper_own', 'catalogs'],
  entryfiles: ['entryfiles', 'verify', 'catalogs'],
  devices: ['devices'],
  restoring: ['backup'],
  backup: ['backup', 'api'],
  kept: ['kept', 'fetcher'],
  fetch_open: ['fetcher', 'fetch_sources', 'fetch_lanes'],
  keeper_start: ['keeper_start', 'keeper_state', 'keeper_conf', 'keeper_disk'],
  fetch: ['fetcher', 'fetch_sources', 'fetch_lanes'],
  fetcher: ['fetcher'],
  judge: ['judge', 'ledger', 'settle'],
  history: ['history', 'ledger', 'settle'],
  ledger: ['ledger', 'settle', 'bundle_import', 'catalogs'],
}

const story = (file, name) => [`tests/${file}.test.mjs`, name]
const DISK = ['ENOSPC', 'EROFS', 'EIO'].map((error) => story('faults/disk-refuses', `${error} at the start`))
const COPY = ['a page of it has rotted', 'it is gone', 'the log of the database has rotted', 'both are damaged']
  .map((name) => story('faults/second-copy', name))
const BACKUP = ['new-card', 'old-backup', 'refused:', 'damaged-here'].map((name) => story('integration/backup', name))

/** By file: the stories that may notice what no unit test does: [file, name of a test]. */
const STORIES = {
  keeper_disk: DISK.slice(0, 1),
  keeper_images: [story('integration/cache', 'purge'), story('faults/lost-database', 'adoption')],
  scrubber: [story('integration/cache', 'scrubber')],
  verify: [story('integration/cache', 'verify')],
  catalogs: [story('faults/disk-refuses', 'a full disk keeps the copy'), story('integration/stories', 'database-lost')],
  settle_walk: [story('integration/bundle', '')],
  keeper_own: COPY,
  entryfiles: [story('integration/entries', 'database lost'), story('faults/below-cache', 'what is kept beside')],
  restoring: BACKUP,
  backup: BACKUP,
}

const LIBRARIES = ['jansson', 'libcrypto', 'libsecp256k1', 'libuv', 'libcurl', 'sqlite3', 'libseccomp']

const nameOf = ({ file }) => basename(file, '.c')
export const programsOf = (mutant) => UNITS[nameOf(mutant)].map((name) => `test_${name}`)
export const storiesOf = (mutant) => STORIES[nameOf(mutant)] ?? []

async function output(command, ...args) {
  const { code, stdout, stderr } = await run(command, args, { cwd: root, deadline_ms: 300_000 })
  if (code) throw new Error(stderr)
  return stdout
}

const quoted = (text) => text.trimEnd().split('\n').map((line) => `"${line.replace(/[\\"]/g, '\\$&')}\\n"`).join('\n')

/** What is C that is made: migrations, the registry's code, the description of the REST API. */
async function makeSources(dir) {
  await embedSql(dir)
  await mkdir(join(dir, 'contracts'))
  await writeFile(join(dir, 'contracts/registry_gen.h'), await output(process.execPath, 'contracts/compile.mjs', 'header', 'contracts/FirmwareRegistry.sol'))
  const yaml = await readFile(join(root, 'docs/openapi.yaml'), 'utf8')
  await writeFile(join(dir, 'src/keeper/openapi_gen.h'), `static const char openapi_yaml[] =\n${quoted(yaml)};\n`)
}

export async function keeperWorkshop(is_fast = false) {
  const dag = ['tests/unit/ipfs/dag.c'], helpers = ['world', 'rig', 'yaml', 'peers'].map((n) => `tests/unit/keeper/${n}.c`)
  const names = [...new Set(Object.values(UNITS).flat())], programs = {}
  for (const name of names) programs[`test_${name}`] = { sources: [`tests/unit/keeper/test_${name}.c`], helpers: [...dag, ...helpers] }
  const folders = await Promise.all(['base', 'formats', 'chain', 'ipfs', 'net', 'catalog', 'store', 'daemon', 'keeper']
    .map((f) => cFiles(`src/${f}`, (n) => !/^(main|gatepostd|sandbox_test)/.test(n))))
  const [, version] = /AC_INIT\(\[[^\]]*\], \[([^\]]*)\]/.exec(await readFile(join(root, 'configure.ac'), 'utf8'))
  return workshop({
    sources: [...folders.flat(), 'src/store/migrations.c'],
    programs,
    stories: { program: 'gatepost-keeper', main: 'src/keeper/main.c', build: buildDir },
    is_fast,
    prepare: makeSources,
    flags: [...['.', 'tests/unit', 'tests/unit/ipfs', 'tests/unit/keeper'].map((f) => `-I${f}`), `-DGATEPOST_VERSION="${version}"`,
      '-DGATEPOST_SYSCONFDIR="/etc/gatepost"'],
    libs: (await output('pkg-config', '--cflags', '--libs', ...LIBRARIES)).trim().split(/\s+/),
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (option) => process.argv.includes(option), only = process.argv.slice(2).filter((a) => !a.startsWith('--'))
  const mutants = await keeperMutants(), shop = await keeperWorkshop(has('--fast'))
  const asked = only.length ? mutants.filter((m) => only.some((f) => m.file.endsWith(`/${f}`))) : mutants
  await report(shop, asked, programsOf, has('--units') ? undefined : storiesOf)
  await shop.close()
}
