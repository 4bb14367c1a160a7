/* describe.h: a manifest, as `manifest check` and `inspect` show it. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "formats/suit.h"

#include <jansson.h>

/* set may be empty; who is what suit_verify gave. */
json_t *describe_manifest(const struct suit_envelope *env, const struct suit_manifest *m, const struct suit_signers *set,
			  uint32_t who);

#endif
