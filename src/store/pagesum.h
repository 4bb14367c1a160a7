/* pagesum.h: an SQLite VFS that notices when a page is not what was written. Internal to src/store.
 *
 * SQLite finds damage in its structure, not in its content: a flipped bit in a
 * stored state would simply be believed. So the last PAGESUM_LEN bytes of each
 * page of the main file (SQLite leaves them to us: "reserved bytes") hold a
 * checksum over the page's place and content, written and compared below
 * SQLite. Pages in the WAL are compared with checksums kept in memory since
 * they were written or recovered (recovery itself checks the frames).
 *
 * A WAL has its full size from the beginning, and where SQLite empties it, it
 * loses its header, not its room (docs/decisions.md, "Store").
 *
 * A page that does not fit is SQLITE_IOERR_DATA. Other programs can still read
 * the file. It has no shared memory and no mmap: the WAL needs
 * locking_mode=EXCLUSIVE, which is how we open it. */
#ifndef STORE_PAGESUM_H
#define STORE_PAGESUM_H

#define PAGESUM_VFS "gatepost"
#define PAGESUM_PAGE 4096
#define PAGESUM_LEN 8
#define PAGESUM_WAL (1024 * 1024)	/* what a WAL has from the beginning and keeps: journal_size_limit */

/* Makes PAGESUM_VFS known to SQLite; again is fine. An SQLite result code. */
int pagesum_register(void);

#endif
