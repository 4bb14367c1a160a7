/* api_piece.h: what calls about files that travel in pieces share (bundle_api.c, backup_api.c). */
#ifndef KEEPER_API_PIECE_H
#define KEEPER_API_PIECE_H

#include "keeper/api.h"

/* Is the one that is there the one that the path names? Else r has the answer. */
bool api_has_id(const struct api_call *c, struct api_reply *r, bool is_there, uint64_t id);
/* The query's offset. Else r has the answer. */
bool api_read_offset(const struct api_call *c, struct api_reply *r, uint64_t *out);
void api_give_piece(struct api_reply *r, uint64_t offset, struct span piece, bool is_last);

#endif
