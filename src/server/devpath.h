/* devpath.h: the paths of chapter 7, taken apart. Nothing is decoded: a path is what it says byte for byte. */
#ifndef SERVER_DEVPATH_H
#define SERVER_DEVPATH_H

#include "base/span.h"
#include "formats/cid.h"

enum devpath_kind {
	DEVPATH_NONE,
	DEVPATH_MANIFEST,	/* /fw/{vendor}/{model} */
	DEVPATH_IMAGE,		/* …/image */
	DEVPATH_INFO,		/* …/info */
	DEVPATH_FRESHNESS,	/* …/freshness */
	DEVPATH_REPORT,		/* …/report */
	DEVPATH_ENTRIES,	/* /entries/{vendor}/{model} */
	DEVPATH_SHA256,		/* /sha256/{64 hex digits} */
	DEVPATH_CID,		/* /ipfs/{cid} */
	DEVPATH_NO_CID,		/* /ipfs/ and one segment that is no CID */
	DEVPATH_OTHER_CID,	/* the same, a CID of a kind that no image has: another hash function or codec */
};

struct devpath {
	enum devpath_kind kind;
	struct span product;	/* "vendor/model", into the path */
	struct hash32 sha256;
	struct cid cid;
};

/* kind is DEVPATH_NONE for everything else: other paths, empty or extra segments, names outside
 * [a-z0-9][a-z0-9._-]{0,31}, malformed digests. */
struct devpath devpath_read(struct span path);

/* A device's id: [A-Za-z0-9._:-]{1,64}. */
bool devpath_is_device(struct span id);

#endif
