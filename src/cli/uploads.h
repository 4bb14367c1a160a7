/* uploads.h: `--upload` targets on a command line, and what became of them, for people and for programs. */
#ifndef CLI_UPLOADS_H
#define CLI_UPLOADS_H

#include "cli/publisher.h"
#include "publish/upload.h"

struct uploads {
	struct target target[UPLOAD_TARGETS_MAX];
	size_t need;			/* --need; 0: not given */
	struct progress shown;
	struct pack_watch watch;	/* .arg is this */
};

/* --upload, --need, --pin-wait; the job gets targets, limits and callbacks, whose arg is *out. */
MUST_USE int uploads_read(const struct publisher_options *o, const struct cli *cli, struct uploads *out,
			  struct upload_job *job, struct err *e);

/* A note for people: "uploading: kubo:http://…", and from now on the bar's title. */
void uploads_say(struct uploads *u, const char *what, const char *detail);

/* JSON: an array of {target, state, ok, verified, bytes, error}; else of lines. */
json_t *uploads_json(const struct cli *cli, const struct upload_job *job, const struct upload_result *results, size_t n);

/* `publish --only-upload` and `publish --only-car` (only.c). */
MUST_USE int publish_only_upload(struct cli *cli, const struct publisher_options *o, struct err *e);
MUST_USE int publish_only_car(struct cli *cli, const struct publisher_options *o, struct err *e);

#endif
