/* sightings.h: which device was met, told to the keeper in few messages.
 *
 * Nothing is written per request: sightings of one (device, product, channel)
 * are added up and told every SIGHTINGS_FLUSH_MS. A rise of what it was given is
 * told at once, so that the keeper knows it before the server can crash. Bounded; when
 * full, the new one is told at once as well. Any thread may call. */
#ifndef SERVER_SIGHTINGS_H
#define SERVER_SIGHTINGS_H

#include "catalog/link.h"

struct keeper;
struct sightings;

/* NULL: no memory. keeper must outlive it. */
struct sightings *sightings_new(struct keeper *keeper);
void sightings_free(struct sightings *s);

/* Spans are copied. is_rise: m->given is higher than ever before. */
void sightings_add(struct sightings *s, const struct link_seen *m, bool is_rise);
void sightings_flush(struct sightings *s);
/* Flushes when it is time. */
void sightings_tick(struct sightings *s, int64_t now_ms);
/* Firmware bytes sent since the start, to devices with and without an id. */
uint64_t sightings_bytes(struct sightings *s);

#endif
