/* limits.h: every bound on what an outsider can make us hold, do or wait for, each with its reason.
 *
 * Operators can change the ones that name a key of gatepost.conf(5). Sections
 * follow the folders. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB 1024
#define MIB (1024 * 1024)
#define GIB (1024 * 1024 * 1024LL)

/* --- registry and releases (chapters 2 and 3; the contract enforces the same) --- */
#define NAME_PART_MAX 32		/* vendor, model: [a-z0-9][a-z0-9._-]{0,31} */
#define PRODUCT_NAME_MAX 65		/* vendor/model */
#define MANIFEST_MAX 4096		/* bytes of a signed envelope; the contract refuses more */
#define MANIFEST_DEVICE_MAX 1024	/* device profile: fits an MCU's buffer */
#define SIGNERS_MAX 8			/* keys a product can have, and signatures an envelope can carry */
#define COSE_KEY_MAX 128		/* bytes of a registered COSE_Key */
#define REASON_MAX 256			/* bytes of a revocation's reason on chain */
#define VERSION_MAX 32			/* bytes of a version text */
#define CHANNEL_MAX 16			/* bytes of a channel name, [a-z0-9-] */
#define HARDWARE_MAX 16			/* hardware names in a manifest that we keep apart */
#define HARDWARE_NAME_MAX 32		/* bytes of one of them */
#define IMAGE_MAX 0xffffffffLL		/* 4 GiB - 1: image-size is a uint that devices keep in 32 bits */

/* --- chunk digests (chapter 3) --- */
#define CHUNK_SIZE 65536		/* bytes under one digest of <sha256>.sums: one read, one hash, one send */

/* --- chain (chapter 4) --- */
#define RPC_BODY_MAX (8 * MIB)		/* an answer; 2,000 full-size logs of 4 KiB hex fit */
#define RPC_SMALL_BODY_MAX (2 * MIB)	/* an answer without logs or many keys: 20 blocks with 1,400 transaction hashes each */
#define RPC_BIG_MAX 4			/* answers of up to RPC_BODY_MAX on their way at once, from all providers together */
#define RPC_JSON_HEAP_MAX (16 * MIB)	/* jansson can take 80 times the text */
#define RPC_LOGS_MAX 2000		/* logs an answer; more than any product gains between two polls */
#define RPC_BATCH_MAX 20		/* calls a batch; what the large providers take */
#define PROOF_NODES_MAX 64		/* a path of 64 nibbles has no more nodes */
#define PROOF_NODE_MAX 1024		/* a full branch is 532 bytes; an account leaf below 150 */
#define PROOF_KEYS_MAX 500		/* storage keys an eth_getProof call: stays under RPC_BODY_MAX */
#define PROOF_KEYS_A_ROUND 2000		/* of many products, at the recent block and at the anchor each: 9 MB a poll when strangers change the registry all over */
#define WITNESS_BYTES_MAX (40 * MIB)	/* trie nodes kept: 3 MiB for 5,000 products, 20 MiB for 20,000 */
#define LISTED_OPEN_MAX 1000		/* registered ids that nobody explains and that are asked about again: 56 KB */
#define EXPLAIN_RETRY_MS 3600000	/* and no more seldom than this */
#define RECORD_DATA_MAX 8192		/* a log's data; the largest event, a release, has 4,288 */
#define RECORDS_HELD_MAX (32 * MIB)	/* one product's records on their way to a proven head: 40,000 releases */
#define ENTRIES_FILE_MAX (32 * MIB)	/* one product's history as JSON lines, served or taken: 16,000 releases of 2 KiB a line */
#define ENTRIES_LINE_MAX (20 * KIB)	/* one of its lines: RECORD_DATA_MAX and the topics in hex are 17 KiB */
#define ENTRIES_SOURCES_MAX 33		/* places that such files are asked of: SOURCES_MAX of them, and our own; one bit each in a mask */
#define ENTRIES_ASKS_MAX 2		/* such files on their way at a time: each is held whole */
#define ENTRIES_AGAIN_MAX_MS 600000	/* a source that was no use rests no longer: history is complete again within 10 minutes */
#define PROVIDERS_MAX 16		/* configured RPC endpoints: one bit each in a mask, and every one is asked each poll */
#define RPC_RATE_MAX 100		/* calls a second to one provider; free plans of the large ones allow 15 to 100 */
#define RPC_RATE_MIN 1			/* and at least, however much it throttles us: a round still ends */
#define RPC_PATIENCE_MS 3000		/* a small call without an answer is given up after this, if the others suffice */
#define RPC_BULK_PATIENCE_MS 20000	/* the same for records and proofs of many keys: 1 MiB at 50 kB/s */
#define RPC_LEAN_AGAIN_MS 21600000	/* six hours: a provider that lacks eth_getHeaderByNumber may be upgraded */
#define RPC_STEP_MS 10000		/* a small call, whole exchange: a trickling provider must not hold up a round */
#define RPC_BULK_MS 60000		/* records and proofs of many keys: 8 MiB at 140 kB/s */
#define QUARANTINE_PROBE_MS 600000	/* chapter 4: a quarantined provider is probed every 10 minutes */
#define FOREIGN_BASE_MS 1000		/* a provider of another chain is no liar, often only set up wrong: asked again like one that is down */
#define QUARANTINE_AGREEMENTS 10	/* and trusted again after so many agreements in a row */
#define FINAL_QUIET_MAX 4		/* rounds in which the final block is not asked for, after a step of finality */
#define FINAL_STEP_MAX_S 1800		/* a longer step than this was an exception, and no measure of the next one */
#define FINALITY_STALL_S 3600		/* mainnet finalises in 13 to 19 minutes; an hour without is an incident */
#define WATCH_AHEAD_BLOCKS 1000		/* a provider that is further ahead of a quorum is named; minutes on the fastest chains */
#define WATCH_AHEAD_S 900		/* and one whose blocks are so much younger */
#define WATCH_LAG_BLOCKS 64		/* and one that is so far behind; two epochs */
#define WATCH_ODD_S 60			/* contradictions for less than this are a load balancer's, or a reorg's */
#define LINK_RING 8191			/* EIP-2935: blocks whose hashes the history contract keeps */
#define LINK_PARENTS_MAX 64		/* headers fetched to link a proof to the anchor by parent hashes: 110 kB */
#define FOLLOW_PENDING_MAX 64		/* proofs at recent blocks that wait for the anchor: 20 on mainnet */
#define PRODUCTS_MAX 20000		/* followed products: 200 bytes each */
#define HEADER_MAX 2048			/* an RLP header: 500 to 750 bytes; extraData is 32 on mainnet */

/* --- IPFS (chapter 5) --- */
#define BLOCK_MAX (2 * MIB)		/* a block; the network's own limit */
#define CID_BYTES_MAX 133		/* identity CIDs of 128 bytes at the most, whose length takes two bytes */
#define CID_TEXT_MAX 224		/* base32 of the above with its prefix, and a NUL */
#define CAR_HEADER_MAX 4096		/* one root is 60 bytes */
#define DAG_LINKS_MAX 8192		/* links a node: 2 MiB blocks hold no more */
#define DAG_DEPTH_MAX 64		/* 4 GiB at width 2 is depth 12 with 1 MiB leaves, 32 with 1-byte ones */
#define DAG_FRONTIER_MAX 65536		/* links open at once, half of them out of turn; 4 GiB in 64 KiB leaves; 3 MiB of memory */
#define PLAN_SEEN_MAX 65536		/* leaves remembered so that repeated ones are not fetched twice; 1 MiB of memory */
#define DAG_NODES_FREE 16384		/* nodes any file may have, repeated ones counted each time … */
#define DAG_BYTES_PER_NODE 4096		/* … and one more for each of these: nobody cuts large files smaller */
#define PLAN_PLACE_MAX (16 * MIB)	/* bytes written for one block that the file repeats; the rest waits for plan_settle */
#define STRAY_BLOCKS_MAX 64		/* unasked-for blocks a reply before its source is dropped */
#define STRAY_BYTES_MAX (4 * MIB)	/* and their bytes */
#define BUNDLE_ROOT_MAX 1024		/* a bundle's directory of four files is 270 bytes */
#define BUNDLE_PROOF_MAX (512 * KIB)	/* its header and proofs as JSON: three paths of PROOF_NODES_MAX nodes of PROOF_NODE_MAX bytes, in hex; real ones have 20 KiB */
#define BUNDLE_FILE_MAX (IMAGE_MAX / 20 * 21 + 64 * MIB)	/* a whole bundle: the largest image as blocks, and what proves it */
#define ODD_LEAVES_MAX 4		/* leaves of a plain file that do not fit before the reply is given up, and as many as fitted */

#define SOURCE_URL_MAX 1024		/* a configured source's URL */
#define SOURCE_TOKEN_MAX 512		/* of a bearer token: JWTs of hosted services have 200 to 400 */
#define SECRET_MIN 6			/* shorter parts of a URL ("v3", "eth") are not taken for keys: hiding them would garble texts */
#define SECRET_SURE_MIN 4		/* passwords and tokens are no words of a path; three letters would still be found anywhere */
#define SECRET_PART 8			/* so much of a key's beginning is hidden as the whole: no text has it by chance */
#define RETRY_AFTER_MAX_MS 3600000	/* an hour: a source does not decide for longer when it is asked again */
#define RETRY_AFTER_DEFAULT_MS 30000	/* 429 or 503 without Retry-After */

/* --- HTTP towards the uplink --- */
#define NET_HEADERS_MAX (32 * KIB)	/* a reply's header lines together */
#define NET_STALL_MS 30000		/* this long without a byte ends a transfer */
#define METER_BURST_MS 200		/* of its rate an idle uplink may take at once: short beside what people notice */
#define METER_BURST_MIN 16384		/* and at least what curl hands over in one piece */
#define METER_TICK_MS 20		/* between two looks at who may go on; rate × this is the least that goes on */

/* --- catalog --- */
#define CATALOG_MAX (64 * MIB)		/* 10,000 releases with 4 KiB manifests, and 32-bit offsets to spare */

#define GATEWAY_NAME_MAX 64		/* bytes of `[gateway] name` in a catalog */
#define FORMAT_NAME_MAX 32		/* bytes of an image's sniffed format, "mcuboot" and the like */

/* --- store (chapter 6) --- */
#define DB_HEAP_MAX (24 * MIB)		/* SQLite's memory, caches included: a board with 512 MiB has more to do */
#define DB_UNREADABLE_MAX 4		/* reads with EIO, over some seconds, that make a page damaged rather than out of reach */
#define DB_VALUE_MAX (128 * KIB)	/* a value or a row: the longest of ours is a manifest of 4 KiB */
#define FLOOR_PRODUCTS_MAX 5000		/* as many as `[product *]` is made for */
#define FLOOR_REVOKED_MAX 4096		/* single revocations of one product; above, a publisher raises the floor */
#define FLOOR_FILE_MAX (16 * MIB)	/* a floor file: 5,000 products with some hundred revocations each */
#define TOKENS_MAX 256			/* people and programs that steer one gateway */
#define AUDIT_ROWS_MAX 100000		/* some years of operators' commands; about 20 MB */
#define OWNCOPY_LOG_DUE (1 * MIB)	/* changes beside the second copy before it is made anew … */
#define OWNCOPY_LOG_PART 8		/* … and no sooner than they are this part of it: 0.15 ms for each is what a start takes to read them back */
#define OWNCOPY_RETRY_MS 15000		/* when it cannot be made, before it is tried again; doubles … */
#define OWNCOPY_RETRY_MAX_MS 3600000	/* … up to this: each try may write tens of MB */
#define OWNCOPY_LOG_MAX (32 * MIB)	/* and at most: 100,000 devices that show themselves some times meanwhile; it is read whole */
#define SAVE_FRONT_MAX 512		/* what a backup says of itself: names and numbers */
#define SAVE_DATABASE_MAX (256 * MIB)	/* what it has of the database: 100,000 devices and audit records are some 60 MB */
#define SAVE_TOKENS_MAX (64 * KIB)	/* TOKENS_MAX lines of 160 bytes */
#define DAG_FILE_MAX (64 * MIB)		/* IPFS blocks kept beside one image; 64 MiB of image need 12 KB */

/* --- keeper --- */
#define CHAIN_SLEEP_MAX_MS 60000	/* the follower is asked at least this often whether something is due */
#define VERIFIED_MAX 16384		/* checked signatures that are remembered: 1 MiB when all are used */
#define CHAIN_NEWS_MS 1000		/* what else a long round brings within this is judged together; a first sync of thousands is long anyway */
#define CHAIN_RESTART_MS 2000		/* after a failed transaction, before the follower is made again */
#define DEGRADED_RETRY_MS 1000		/* after storing failed, before it is tried again; doubles … */
#define DEGRADED_RETRY_MAX_MS 15000	/* … up to this: "normal within 30 s after space returns" */
#define CONTROL_RETRY_MS 1000		/* after the control socket could not be made */
#define MARK_SAVE_MS 900000		/* cursor and proof times when nothing else changed (chapter 6, "Writing little") */
#define LISTENERS_MAX 24			/* addresses of all three kinds */
#define EVICT_UNREAD_MS 600000		/* chapter 1: 10 minutes without a reader */
#define STUCK_MAX 64			/* evicted images that the disk does not let go of and that are remembered: more are a dying disk, and it says so otherwise */
#define STUCK_RETRY_MS 3600000		/* before such a one is tried again: ext4 writes its superblock for each error that it meets */
#define RECOVER_RETRY_MS 15000		/* after objects/ could not be read to its end, before it is read again; doubles … */
#define RECOVER_RETRY_MAX_MS 3600000	/* … up to this: each time adopts, so reads, what could not be kept before */
#define RECOVER_HOLDS 3			/* times that all wait for one object that cannot be adopted: 15 s, 30 s, 60 s; a hiccup is over by then */
#define CATALOG_PROOF_MS 5000		/* a catalog for a newer proof time alone: freshness counts in minutes */
#define ENTRIES_CHECK_MS 1000		/* between two looks at one file that the server calls damaged: it may be wrong, or not ours */
#define SCRUB_START_MS 60000		/* after a start nothing is scrubbed: recovery and the first proofs come first */
#define SCRUB_YIELD_MS 5000		/* between two looks at whether a fetch is over that the scrubber waits for … */
#define SCRUB_YIELD_MAX_MS 3600000	/* … and no longer than this: a thin line may fetch for days */
#define SCRUB_CATCH_UP 4		/* times faster than the even pace, when images are overdue after a pause */
#define SCRUB_DAMAGE_MAX 256		/* damaged chunks of one image that are named; 16 MiB of it */
#define SCRUB_ASKED_MAX 32		/* images whose blocks the server has doubts about, and that wait to be looked at */
#define VERIFY_FINDINGS_MAX 1000	/* damaged things that one `cache verify` names; more are counted */
#define VERIFY_LOOK_MS 250		/* between two looks at whether what it found is repaired */
#define VERIFY_REPAIR_MS 10000		/* without anything being fetched before what is open is called not repaired now: some tries */
#define AGE_MAX_S 315360000		/* ten years: "not wanted for so long" of a purge */
#define HOUSEKEEPING_MS 15000		/* between two looks at evictions and room */
#define SOURCES_MAX 32			/* sources in the configuration: a fetch remembers those it tried in 32 bits */
#define FETCHES_MAX 2			/* images at a time: a thin uplink is better spent on finishing one */
#define FETCHES_URGENT 1		/* so many more for urgent releases: others that drip for hours do not keep them waiting */
#define FETCH_LANES_MAX 12		/* requests in flight for one image (chapter 5: 6 to 16); each holds a block */
#define FETCH_BLOCK_MS 30000		/* that a block of 1 MiB may be on its way: over a thin line there are fewer requests then */
#define FETCH_LANES_A_SOURCE 8		/* and to one server: what HTTP/2 servers and small gateways take well */
#define FETCH_RUNS_A_SOURCE 2		/* of these, runs of the plain file: one on its way while the other is asked for */
#define FETCH_RUN_BYTES (8 * MIB)	/* of one of them: the question costs nothing beside it, and another mirror can have the next */
#define FETCH_DENIED_MAX 64		/* blocks of which is remembered who lacks them */
#define FETCH_LACKS_MAX 32		/* blocks that a source may lack before it is no use for this image */
#define FETCH_ERRORS_MAX 6		/* failures in a row before a source is out for this try: one of three failing gets there once in 700 */
#define FETCH_RESUME_MIN (16 * KIB)	/* bytes of a reply that make it worth asking for the rest at once: 4,096 requests for 64 MiB */
#define FETCH_ERROR_PAUSE_MS 100	/* after the first of them; doubles */
#define FETCH_PATIENCE_MS 5000		/* a source that can be asked again this soon is waited for within a try */
#define FETCH_TICK_MS 500		/* between two looks at how lanes get on */
#define FETCH_PACE_MS 4000		/* a lane's rate is that of so long a time */
#define FETCH_FLOOR_RATE 8000		/* bytes a second below which somebody is asked of whom nothing is known … */
#define FETCH_FLOOR_PART 8		/* … and this part of what another has shown, below which that one is */
#define FETCH_HEDGE_MS 2000		/* the last blocks are asked of a second source after this, or three times what they usually take */
#define FETCH_STEP_BYTES (8 * MIB)	/* hashed or copied between two looks at whether the fetch was cancelled */
#define FETCH_TOTAL_MS 3600000		/* one request: 4 GiB at 1.2 MB/s */
#define FETCH_RATE_MIN 1000		/* bytes a second below which a transfer counts as stalled */
#define FETCH_UNPROVEN_MAX 2		/* times that a complete image of another SHA-256 is read again, before the manifest is called a liar */
#define FETCH_RETRY_BASE_MS 1000	/* after the first round without success */
#define FETCH_RETRY_CAP_MS 300000	/* and never longer: a source that is back is noticed within 5 minutes */
#define FETCH_WINDOW_LOOK_MS 3600000	/* a window that is further away is looked at again after this: the clock may have been set meanwhile; a write an hour */
#define FETCH_RETRY_FLOOR_MS 500	/* jitter must not make a retry immediate */
#define SOURCE_QUARANTINE_MS 600000	/* a source that lied is left alone for 10 minutes */
#define KEPT_BYTES_MAX (16 * MIB)	/* inner blocks of one image: 4 GiB needs about 800 KiB at the usual width */
#define ALARMS_MAX 128			/* alarms at a time: one for each of some dozen codes, providers, sources and products */

#define BUNDLE_PIECE (45 * KIB)		/* of a bundle in one call: in base64, with room for the rest, below API_BODY_MAX */
#define BUNDLE_IDLE_MS 60000		/* who sends or takes nothing for so long loses the place to the next one */
#define BUNDLE_ASK_MS 15000		/* a provider's answer while a bundle is made; an operator waits */
#define API_LIST_DEFAULT 100		/* rows of a list when limit= is not said */
#define API_LIST_MAX 1000		/* and at most: an answer stays far below API_ANSWER_MAX */
#define DEVICES_FLUSH_MS 5000		/* sightings wait this long: few writes, and little lost with them */
#define REPORTS_COMMIT_MS 200		/* reports wait this long for a common commit; chapter 6 allows a second */
#define DEVICES_PENDING_MAX 4096	/* sightings, and reports, that wait at a time */

/* --- local sockets between our own processes --- */
#define LINK_MESSAGE_MAX (160 * KIB)	/* one datagram: a 64 KiB body with room; larger answers go as a memfd */
#define API_BODY_MAX (64 * KIB)		/* an operator's request body */
#define CONTROL_CLIENTS_MAX 32		/* programs of this host at the control socket */
#define LINK_QUEUE_FDS_MAX 16		/* descriptors among them: each may hold a whole answer of API_ANSWER_MAX */
#define LINK_TURN_MAX 64		/* datagrams of one sender before everybody else's turn on the loop */
#define LINK_QUEUE_MAX (4 * MIB)	/* bytes waiting for a process of ours that does not keep up */
#define API_PATH_MAX 1024		/* path and query of an operator call: names and a cursor */
#define API_TOKEN_MAX 128		/* ours have 64 characters; longer ones are wrong anyway */
#define LINK_ADDRESS_MAX 128		/* a socket address or a media type as text */
#define KEEPER_REPORTS_MAX 256		/* reports that wait for the keeper's commit, at most a second each */
#define KEEPER_REPORT_MS 5000		/* and no longer than this: the device hears 503 and says it again */
#define KEEPER_CALLS_MAX 64		/* operator calls that wait: one for each of the operator's connections */
#define KEEPER_CALL_MS 15000		/* and no longer than this */
#define FLOORS_MAX (32 * MIB)		/* all devices' floors in one message: 100,000 devices, 200 bytes each, some channels */
#define SIGHTINGS_MAX 1024		/* devices added up between two flushes; half a MiB */
#define SIGHTINGS_FLUSH_MS 5000		/* a device's last-seen is late by this at the most */
#define API_ANSWER_MAX (16 * MIB)	/* an operator's answer; lists are paged */

/* --- sandbox --- */
#define FILTER_CPU_S 2			/* of CPU to make a seccomp filter: 2 ms on a PC; more is libseccomp without memory */

/* --- configuration --- */
#define CONF_FILE_MAX (1 * MIB)		/* a file: some thousand products; beyond it is not a configuration */
#define CONF_LINE_MAX 4096		/* the longest of use: a URL, or eight thumbprints */
#define CONF_RESOLVED_MAX (4 * MIB)	/* all files together */
#define CONF_LISTENERS_MAX 8		/* addresses of one kind: a descriptor each; LISTENERS_MAX has all three */
#define CONF_SOURCES_MAX 32		/* configured IPFS sources */
#define CONF_HOOKS_MAX 16		/* a site's own tools */
#define CONF_SECTIONS_MAX 4096		/* of one kind, e.g. products by name; more are followed by `[product *]` */
#define CONF_WORDS_MAX 64		/* words of one list */

/* --- LAN: HTTP (chapter 7) --- */
#define HTTP_CONNECTIONS_MAX 1024	/* all clients together */
#define HTTP_CONNECTIONS_PER_ADDRESS 16	/* one client */
#define HTTP_HEADER_MS 10000		/* to send a complete header */
#define HTTP_BODY_MS 15000		/* to send a body */
#define HTTP_TARGET_MAX 1024		/* path and query of any request */
#define HTTP_RATE_MIN 2000		/* bytes a second that a client takes at least … */
#define HTTP_RATE_WINDOW_MS 60000	/* … over this long */
#define HTTP_READ_SIZE (16 * KIB)	/* a cold image is sent in pieces of this */
#define HTTP_REPLIES_MAX 256		/* replies kept ready; a hot answer costs no assembly */
#define HTTP_REPLY_IDLE_MS 30000	/* and that long without use */
#define OPERATOR_CONNECTIONS_MAX 64	/* apart from devices: a browser takes six, a monitor one */
#define OPERATOR_CONNECTIONS_PER_ADDRESS 16	/* two browsers and a monitor */
#define FAILURES_MAX 10			/* wrong tokens of an address … */
#define FAILURES_MS 60000		/* … within this, then 429 */
#define FAILURES_ADDRESSES_MAX 256	/* addresses remembered for that; 24 KiB */
#define HTTP_CONNECTION_MEMORY (8 * KIB)	/* libmicrohttpd's pool for a connection */

/* --- LAN: images --- */
#define OBJECTS_OPEN_MAX 256		/* image files open at once: two descriptors each when hot */
#define OBJECT_SUMS_MAX (16 * MIB)	/* chunk digests of open images: 32 GiB of images */
#define OBJECT_TRANSFERS_MAX 64		/* cold images being sent: each holds a chunk, 4 MiB in all */
#define CHUNKS_SPARE 8			/* chunks beside those, for block-wise readers */
#define WISH_AGAIN_MS 60000		/* the keeper hears of one image's use this often */
#define WISH_UNKNOWN_MS 1000		/* and of digests that anybody can make up this often */
#define HISTORIES_MAX 256		/* products' files of entries kept ready, damaged ones included: a descriptor each */
#define HISTORIES_BYTES_MAX (2 * ENTRIES_FILE_MAX)	/* and their memory; typical ones have some 100 KiB */
#define HISTORY_AGAIN_MS 2000		/* a damaged one is read again after that: the keeper mends it in a moment */
#define OBJECT_ROT_AGAIN_MS 5000	/* somebody asks for a damaged image: the keeper may not have heard of it */
#define OBJECT_IDLE_MS 60000		/* a hot image unasked for that long makes room for another one */

/* --- LAN: images as IPFS blocks --- */
#define SHARES_MAX 24			/* raw blocks and CARs on their way out: each holds a block, 24 MiB at the usual 1 MiB; three gateways' lanes */
#define BLOCKS_AGAIN_MS 1000		/* an image whose blocks were damaged is looked at again after that: the keeper mends it in a moment */
#define SHARE_NODES_MAX 262144		/* blocks of one image: 4 GiB in leaves of 16 KiB; smaller ones are not served as blocks */
#define SHARE_TREES_MAX (32 * MIB)	/* where all images' blocks lie: 80 bytes a block; 2 GiB in leaves of 256 KiB have 0.6 MiB */

/* --- LAN: CoAP --- */
#define COAP_MESSAGE_MAX 1280		/* a datagram in or out: the IPv6 minimum MTU */
#define COAP_UNVERIFIED_FACTOR 3	/* bytes out per byte in to an address that was not verified (RFC 9175 2.4) */
#define COAP_UNVERIFIED_MAX 136		/* and never more than this */
#define COAP_PATH_MAX 288		/* "/ipfs/" and the longest CID, with room; longer paths name nothing */
#define COAP_QUERIES_MAX 16		/* Uri-Query options of a request; four are known */
#define COAP_DIAGNOSTIC_MAX 64		/* bytes of an error's explanation: fits the smallest buffers */
#define COAP_EXCHANGES_MAX 4096		/* POSTs remembered for 247 s: 16 a second; 1 MiB when all are used */
#define COAP_UPLOADS_MAX 16		/* bodies that arrive in pieces at a time */
#define COAP_OBSERVERS_MAX 1024		/* all peers together; half a MiB when all are used */
#define COAP_OBSERVERS_PER_PEER 64	/* one address: a site's devices may share one behind a router */
#define COAP_OBSERVE_REQUEST_MAX 288	/* a registration that is kept: path, queries, token */
#define COAP_DELAYED_MAX 32		/* multicast replies that wait for their random moment */
#define COAP_LEISURE_MS 5000		/* how long they wait at most (RFC 7252, 8.2: DEFAULT_LEISURE) */
#define COAP_LINKS_MAX (256 * KIB)	/* the listing of /.well-known/core: some 2,000 links */
#define COAP_PREFIXES_MAX 32		/* trusted prefixes: two for each of some interfaces */
#define COAP_BUCKETS 4096		/* networks told apart by the rate limits; 32 KiB a table */
#define COAP_VERIFIED_MAX 4096		/* addresses that have shown that they exist; 160 KiB */
#define COAP_RATE_PER_SOURCE 10000	/* requests a second of a /32 or /64: 10 MB/s; a burst of 20 MB holds most images */
#define COAP_RATE_ALL 50000		/* of all together: what a Raspberry Pi 4 answers */
#define REPORT_MAX 1024			/* bytes of a device's report */
#define DEVICE_ID_MAX 64		/* bytes of a device's id: [A-Za-z0-9._:-] */

#endif
