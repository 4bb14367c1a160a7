/* link.h: what gatepost's own processes say to each other.
 *
 * All of it are datagrams over SOCK_SEQPACKET sockets (base/io.h): one type
 * byte, then fixed fields, big-endian, and byte strings with a 32-bit length.
 * The other end runs under another sandbox and may be taken over, so a reader
 * treats a datagram as input from outside: every length is checked, and bytes
 * left over are an error.
 *
 *	supervisor ⇄ child	SUP_*	descriptor 3 of each child
 *	server ⇄ keeper		LINK_*	the pair that SUP_PEER hands out
 *	gatepost ⇄ keeper	LINK_CALL, LINK_ANSWER over RUN_DIR/control.sock
 *
 * Structs borrow: their spans point into the datagram that was read. */
#ifndef CATALOG_LINK_H
#define CATALOG_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

/* Where a child finds its socket to the supervisor. */
#define SUP_FD 3

enum sup_type {
	/* supervisor → child; [fd] says that a descriptor travels along */
	SUP_CONF = 'c',		/* [fd] the resolved configuration, a sealed memfd; first message after start */
	SUP_LISTENER = 'l',	/* [fd, to the server only] kind byte, then "ADDR:PORT" as bound (text to the end) */
	SUP_CATALOG = 'k',	/* [fd] the newest catalog, a sealed memfd; keeper → supervisor → server */
	SUP_PEER = 'p',		/* [fd] this child's end of a fresh keeper ⇄ server pair; an older one is closed */
	SUP_GO = 'g',		/* all of the above was handed over: sandbox, then work */
	SUP_RELOAD = 'r',	/* [fd] a new resolved configuration */
	SUP_STOP = 's',		/* end within a second */
	/* child → supervisor */
	SUP_READY = 'R',	/* up; once after each SUP_GO */
	SUP_ALONE = 'Q',	/* from the server: the pair to the keeper broke; another one, if the keeper lives */
	SUP_TAKEN = 'T',	/* from the server: one SUP_CATALOG more was looked at; before that the gateway is not ready */
	SUP_ALIVE = 'A',	/* from the child's main loop, every SUP_ALIVE_MS: feeds the watchdog */
};

enum listener_kind { LISTENER_HTTP = 'h', LISTENER_COAP = 'u', LISTENER_OPERATOR = 'o' };

#define SUP_MESSAGE_MAX 128	/* kind and an address text; everything longer travels as a memfd */
#define SUP_ALIVE_MS 2000
#define SUP_EXIT_LATER ERR_EXIT_LATER	/* could not start: to be started again, also when it was never ready */

enum link_type {
	/* server → keeper; never blocks: a full socket drops all but reports and calls, and those are refused (503) */
	LINK_SEEN = 'S',
	LINK_REPORT = 'R',
	LINK_ROT = 'B',
	LINK_ENTRIES_ROT = 'H',
	LINK_DAG_ROT = 'D',
	LINK_WANTED = 'W',
	LINK_STATS = 'N',
	LINK_CATALOG_ACK = 'K',
	LINK_CALL = 'C',	/* also gatepost → keeper */
	/* keeper → server */
	LINK_REPORT_ACK = 'r',
	LINK_ANSWER = 'c',	/* also keeper → gatepost */
	LINK_FLOORS = 'f',	/* [fd] memfd of link_floor records, each written by link_floor_put; sent first on a new pair */
};

enum link_protocol { LINK_HTTP = 1, LINK_COAP = 2, LINK_DTLS = 3 };

/* One device as the server met it since the last message about it. */
struct link_seen {
	struct span device;	/* id, [A-Za-z0-9._:-]{1,64} */
	struct span product;	/* "vendor/model" */
	struct span channel;
	struct span address;	/* text */
	uint64_t given;		/* highest sequence offered to it; 0: none */
	uint64_t bytes;		/* firmware bytes sent since then */
	uint8_t protocol;	/* enum link_protocol */
};

enum report_state {
	REPORT_DOWNLOADING, REPORT_DOWNLOADED, REPORT_INSTALLING, REPORT_INSTALLED,
	REPORT_REBOOTING, REPORT_RUNNING, REPORT_FAILED, REPORT_STATES
};

/* "downloading" … "failed" (chapter 7). */
const char *report_state_name(enum report_state s);
MUST_USE int report_state_read(struct span text, enum report_state *out, struct err *e);

/* A device's own report; answered by LINK_REPORT_ACK with the same id. */
struct link_report {
	uint64_t id;
	struct span device, product, address;
	struct span reason;	/* UTF-8, may be empty */
	uint64_t sequence;
	uint8_t state;		/* enum report_state */
	uint8_t progress;	/* 0 to 100; 255: not said */
	uint8_t protocol;
};

/* A chunk of an image failed its digest on read. */
struct link_rot {
	struct hash32 sha256;
	uint32_t chunk;
};

struct link_stats {
	uint64_t http_requests, coap_requests, devices, bytes;	/* since the server's start */
};

enum link_method { LINK_GET = 1, LINK_HEAD, LINK_POST, LINK_PUT, LINK_DELETE };

/* An operator's request, already freed of HTTP: host, origin and sizes were checked by the server. */
struct link_call {
	uint64_t id;
	uint8_t method;		/* enum link_method */
	struct span path;	/* with query, as it stood in the request: "/api/v1/releases?state=held" */
	struct span token;	/* what followed "Bearer ", empty if none. Ignored on the control socket */
	struct span address;	/* of the asker, text; for the audit log */
	struct span body;	/* JSON or empty, ≤ API_BODY_MAX */
};

/* The answer to a call. When the body is longer than LINK_BODY_INLINE it travels as a memfd and body is empty. */
#define LINK_BODY_INLINE (64 * KIB)
struct link_answer {
	uint64_t id;
	uint16_t status;	/* HTTP status */
	struct span type;	/* media type */
	struct span allow;	/* Allow header for 405, or empty */
	struct span body;
};

struct link_report_ack {
	uint64_t id;
	uint16_t status;	/* HTTP status: 204, 400, 404, 503 */
};

/* The highest sequence that a device was given or reported, per channel (chapter 7). */
struct link_floor {
	struct span device, product, channel;
	uint64_t sequence;
};

/* Writers append one whole datagram (type byte included) to b; ask buf_ok(b) at the end. */
void link_seen_write(struct buf *b, const struct link_seen *m);
void link_report_write(struct buf *b, const struct link_report *m);
void link_rot_write(struct buf *b, const struct link_rot *m);
/* The product (its id) whose file of entries is not what the catalog says. */
void link_entries_rot_write(struct buf *b, const struct hash32 *product);
/* The image whose .dag is not what its blocks need. */
void link_dag_rot_write(struct buf *b, const struct hash32 *sha256);
void link_wanted_write(struct buf *b, const struct hash32 *sha256);
void link_stats_write(struct buf *b, const struct link_stats *m);
void link_catalog_ack_write(struct buf *b, uint64_t generation);
void link_call_write(struct buf *b, const struct link_call *m);
void link_answer_write(struct buf *b, const struct link_answer *m);
void link_report_ack_write(struct buf *b, const struct link_report_ack *m);

/* Readers take the whole datagram. ERR_FORMAT: another type, too short, bytes left over, a field out of range. */
MUST_USE int link_seen_read(struct span s, struct link_seen *m, struct err *e);
MUST_USE int link_report_read(struct span s, struct link_report *m, struct err *e);
MUST_USE int link_rot_read(struct span s, struct link_rot *m, struct err *e);
MUST_USE int link_entries_rot_read(struct span s, struct hash32 *product, struct err *e);
MUST_USE int link_dag_rot_read(struct span s, struct hash32 *sha256, struct err *e);
MUST_USE int link_wanted_read(struct span s, struct hash32 *sha256, struct err *e);
MUST_USE int link_stats_read(struct span s, struct link_stats *m, struct err *e);
MUST_USE int link_catalog_ack_read(struct span s, uint64_t *generation, struct err *e);
MUST_USE int link_call_read(struct span s, struct link_call *m, struct err *e);
MUST_USE int link_answer_read(struct span s, struct link_answer *m, struct err *e);
MUST_USE int link_report_ack_read(struct span s, struct link_report_ack *m, struct err *e);

/* The floors memfd is a row of records. link_floor_next takes one off the front; ERR_NOT_FOUND at the end. */
void link_floor_put(struct buf *b, const struct link_floor *f);
MUST_USE int link_floor_next(struct span *s, struct link_floor *f, struct err *e);

#endif
