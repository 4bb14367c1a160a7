/* test_suit.c: which envelopes are manifests, and by which name the others are refused. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "envelope.h"
#include "formats/suit.h"
#include "hexes.h"

#define T32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CID "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu"

/* Good ones: the shape allows it, whoever made it. */
static const struct { const char *rule; struct part replaced[PARTS_MAX]; } good[] = {
	{ "the plain one", { { 0 } } },
	{ "any reporting policy", { { "shared", "86 14 @parameters 01 00 02 0e" }, { "validate", "82 03 05" },
				    { "install", "86 14 @source 15 0f 03 00" } } },
	{ "other languages, whatever they say",
	  { { "text", "a3 `de` a1 @component a2 01 6161 20 f93c00 `en` @en 67 'zh-Hant' a1 82 00 80 f6" } } },
	{ "every text", { { "info", "a6 05 `Fixes.` 06 `1` 38ff `beta` 390100 06 390101 82 `rev-a` `rev.b_2` 390102 f5" } } },
	{ "sixteen hardware names", { { "info", "a2 06 `1` 390101 90 `a` `z` `0` `9` `.` `-` `_` `a` `a` `a` `a` `a` `a` `a` `a` `a`" } } },
	{ "an urgency that is none", { { "info", "a2 06 `1` 390102 f4" } } },
	{ "the longest texts", { { "info", "a2 06 7820 '" T32 "' 38ff 70 'aaaaaaaaaaaaaaaa'" } } },
	{ "the longest names", { { "component", "82 58 20 '" T32 "' 5820 'a-._0123456789012345678901234567'" },
				 { "vendor-id", "f819ba40e3aa5b49a9b9adaee1e91273" }, { "class-id", "4b408624b5d55cee833558d974f574ff" } } },
	{ "an image of 4 GiB - 1", { { "size", "1affffffff" } } },
	{ "CIDv0", { { "source", "a1 15 `ipfs://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG`" } } },
	{ "the largest sequence", { { "sequence", "1bffffffffffffffff" } } },
	{ "a kid", { { "sig.p1", "d2 84 <prot.p> a1 04 48 ^p1 f6 5840 %p1:prot.p" } } },
};

/* Bad ones: what one replaced part breaks, and how it is said. */
static const struct row { const char *rule; struct part replaced[PARTS_MAX]; enum err_code code; const char *says; } bad[] = {
	/* the envelope */
	{ "no tag", { { "envelope", "a2 02 <wrapper> 03 <manifest>" } }, ERR_FORMAT, "tag 107" },
	{ "another tag", { { "envelope", "d86a a2 02 <wrapper> 03 <manifest>" } }, ERR_FORMAT, "tag 107" },
	{ "not a map", { { "envelope", "d86b 82 <wrapper> <manifest>" } }, ERR_FORMAT, "an array where a map belongs" },
	{ "a severed install", { { "envelope", "d86b a3 02 <wrapper> 03 <manifest> 14 <install>" } }, ERR_RULE, "member 20" },
	{ "a severed text", { { "envelope", "d86b a3 02 <wrapper> 03 <manifest> 17 <text>" } }, ERR_RULE, "member 23" },
	{ "delegation", { { "envelope", "d86b a3 01 80 02 <wrapper> 03 <manifest>" } }, ERR_RULE, "member 1 " },
	{ "an integrated payload", { { "envelope", "d86b a3 02 <wrapper> 03 <manifest> `#fw` 41 00" } }, ERR_RULE, "integrated" },
	{ "no manifest", { { "envelope", "d86b a1 02 <wrapper>" } }, ERR_FORMAT, "no manifest" },
	{ "no wrapper", { { "envelope", "d86b a1 03 <manifest>" } }, ERR_FORMAT, "no authentication wrapper" },
	{ "members twice", { { "envelope", "d86b a3 02 <wrapper> 02 <wrapper> 03 <manifest>" } }, ERR_FORMAT, "twice" },
	{ "members out of order", { { "envelope", "d86b a2 03 <manifest> 02 <wrapper>" } }, ERR_FORMAT, "order" },
	{ "an indefinite map", { { "envelope", "d86b bf 02 <wrapper> 03 <manifest> ff" } }, ERR_FORMAT, "indefinite" },
	{ "a long tag", { { "envelope", "d9006b a2 02 <wrapper> 03 <manifest>" } }, ERR_FORMAT, "shortest" },
	{ "bytes after it", { { "envelope", "d86b a2 02 <wrapper> 03 <manifest> 00" } }, ERR_FORMAT, "left over" },
	/* the wrapper */
	{ "no signature", { { "wrapper", "81 <digest>" } }, ERR_RULE, "no signature" },
	{ "nothing in the wrapper", { { "wrapper", "80" } }, ERR_FORMAT, "no digest" },
	{ "nine signatures", { { "wrapper", "8a <digest> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1>" } },
	  ERR_LIMIT, "more than 8 signatures" },
	{ "bytes after the wrapper", { { "wrapper", "82 <digest> <sig.p1> 00" } }, ERR_FORMAT, "left over" },
	{ "an indefinite wrapper", { { "wrapper", "9f <digest> <sig.p1> ff" } }, ERR_FORMAT, "indefinite" },
	{ "a signature that is not wrapped", { { "wrapper", "82 <digest> @sig.p1" } }, ERR_FORMAT, "a tag where a byte string" },
	/* the digest */
	{ "another manifest's digest", { { "digest", "82 2f 5820 #common" } }, ERR_PROOF, "not the manifest's" },
	{ "SHA-512's number", { { "digest", "82 382b 5820 #manifest" } }, ERR_RULE, "not SHA-256" },
	{ "a digest cut", { { "digest", "82 2f 4100" } }, ERR_FORMAT, "digest has 1 bytes" },
	{ "a digest with more", { { "digest", "83 2f 5820 #manifest 00" } }, ERR_FORMAT, "array of 2" },
	{ "bytes after the digest", { { "digest", "82 2f 5820 #manifest 00" } }, ERR_FORMAT, "left over" },
	{ "a long head in the digest", { { "digest", "82 2f 590020 #manifest" } }, ERR_FORMAT, "shortest" },
	/* signature elements that are none */
	{ "tag 98", { { "sig.p1", "d862 84 <prot.p> a0 f6 5840 %p1:prot.p" } }, ERR_FORMAT, "tag 18" },
	{ "no tag", { { "sig.p1", "84 <prot.p> a0 f6 5840 %p1:prot.p" } }, ERR_FORMAT, "tag 18" },
	{ "an attached payload", { { "sig.p1", "d2 84 <prot.p> a0 <digest> 5840 %p1:prot.p" } }, ERR_FORMAT, "not nil" },
	{ "an empty payload", { { "sig.p1", "d2 84 <prot.p> a0 40 5840 %p1:prot.p" } }, ERR_FORMAT, "not nil" },
	{ "an undefined payload", { { "sig.p1", "d2 84 <prot.p> a0 f7 5840 %p1:prot.p" } }, ERR_FORMAT, "not nil" },
	{ "five in a signature", { { "sig.p1", "d2 85 <prot.p> a0 f6 5840 %p1:prot.p 00" } }, ERR_FORMAT, "array of 4" },
	{ "bytes after a signature", { { "sig.p1", "d2 84 <prot.p> a0 f6 5840 %p1:prot.p 00" } }, ERR_FORMAT, "left over" },
	{ "bytes after the protected header", { { "prot.p", "a1 01 26 00" } }, ERR_FORMAT, "left over" },
	{ "a long head in the protected header", { { "prot.p", "a1 1801 26" } }, ERR_FORMAT, "shortest" },
	{ "alg twice", { { "prot.p", "a2 01 26 01 26" } }, ERR_FORMAT, "twice" },
	{ "an indefinite protected header", { { "prot.p", "bf 01 26 ff" } }, ERR_FORMAT, "indefinite" },
	{ "kid twice", { { "sig.p1", "d2 84 <prot.p> a2 04 48 ^p1 04 48 ^p1 f6 5840 %p1:prot.p" } }, ERR_FORMAT, "twice" },
	{ "a protected header that is not wrapped", { { "sig.p1", "d2 84 a10126 a0 f6 5840 %p1:prot.p" } }, ERR_FORMAT, "a map where a byte string" },
	/* the manifest's members */
	{ "bytes after the manifest", { { "manifest", "a6 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text> 00" } }, ERR_FORMAT, "manifest: 1 bytes are left over" },
	{ "an indefinite manifest", { { "manifest", "bf 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text> ff" } }, ERR_FORMAT, "indefinite" },
	{ "format version 2", { { "manifest", "a6 01 02 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text>" } }, ERR_RULE, "format version" },
	{ "no format version", { { "manifest", "a5 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text>" } }, ERR_FORMAT, "lacks a member" },
	{ "no sequence", { { "manifest", "a5 01 01 03 <common> 07 <validate> 14 <install> 17 <text>" } }, ERR_FORMAT, "lacks a member" },
	{ "no common", { { "manifest", "a5 01 01 02 @sequence 07 <validate> 14 <install> 17 <text>" } }, ERR_FORMAT, "lacks a member" },
	{ "no validate", { { "manifest", "a5 01 01 02 @sequence 03 <common> 14 <install> 17 <text>" } }, ERR_FORMAT, "lacks a member" },
	{ "no install", { { "manifest", "a5 01 01 02 @sequence 03 <common> 07 <validate> 17 <text>" } }, ERR_FORMAT, "lacks a member" },
	{ "no text", { { "manifest", "a5 01 01 02 @sequence 03 <common> 07 <validate> 14 <install>" } }, ERR_FORMAT, "lacks a member" },
	{ "a reference URI", { { "manifest", "a7 01 01 02 @sequence 03 <common> 04 `x` 07 <validate> 14 <install> 17 <text>" } }, ERR_RULE, "member 4 is not allowed" },
	{ "invoke", { { "manifest", "a7 01 01 02 @sequence 03 <common> 07 <validate> 09 <invoke> 14 <install> 17 <text>" }, { "invoke", "82 17 02" } }, ERR_RULE, "member 9 is not allowed" },
	{ "load", { { "manifest", "a7 01 01 02 @sequence 03 <common> 07 <validate> 08 <invoke> 14 <install> 17 <text>" }, { "invoke", "82 17 02" } }, ERR_RULE, "member 8 is not allowed" },
	{ "payload fetch", { { "manifest", "a7 01 01 02 @sequence 03 <common> 07 <validate> 10 <install> 14 <install> 17 <text>" } }, ERR_RULE, "member 16 is not allowed" },
	{ "an install severed inside", { { "manifest", "a6 01 01 02 @sequence 03 <common> 07 <validate> 14 @digest0 17 <text>" }, { "digest0", "82 2f 5820 #install" } }, ERR_RULE, "install is severed" },
	{ "a text severed inside", { { "manifest", "a6 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 @digest0" }, { "digest0", "82 2f 5820 #text" } }, ERR_RULE, "text is severed" },
	{ "members twice", { { "manifest", "a7 01 01 02 @sequence 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text>" } }, ERR_FORMAT, "twice" },
	{ "a text key", { { "manifest", "a7 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text> `x` 00" } }, ERR_FORMAT, "a text where an unsigned integer" },
	{ "a negative sequence", { { "sequence", "20" } }, ERR_FORMAT, "negative" },
	{ "a long sequence", { { "sequence", "1807" } }, ERR_FORMAT, "shortest" },
	/* common */
	{ "two components", { { "components", "82 @component @component" } }, ERR_RULE, "2 components" },
	{ "no component", { { "components", "80" } }, ERR_RULE, "0 components" },
	{ "a component of three", { { "component", "83 44 'acme' 4a 'thermostat' 40" } }, ERR_FORMAT, "component is not an array of 2" },
	{ "names as texts", { { "component", "82 `acme` `thermostat`" } }, ERR_FORMAT, "a text where a byte string" },
	{ "a vendor in capitals", { { "component", "82 44 'Acme' 4a 'thermostat'" } }, ERR_RULE, "vendor is not" },
	{ "a vendor that begins with a dot", { { "component", "82 44 '.cme' 4a 'thermostat'" } }, ERR_RULE, "vendor is not" },
	{ "an empty vendor", { { "component", "82 40 4a 'thermostat'" } }, ERR_RULE, "vendor is not" },
	{ "a model with a slash", { { "component", "82 44 'acme' 4a 'thermo/tat'" } }, ERR_RULE, "model is not" },
	{ "a model with a NUL", { { "component", "82 44 'acme' 4a 'thermosta' 00" } }, ERR_RULE, "model is not" },
	{ "a model of 33 bytes", { { "component", "82 44 'acme' 5821 'a" T32 "'" } }, ERR_RULE, "model is not" },
	{ "common with dependencies", { { "common", "a3 01 a0 02 @components 04 <shared>" } }, ERR_RULE, "common: member 1" },
	{ "common without a shared sequence", { { "common", "a1 02 @components" } }, ERR_FORMAT, "common: it lacks" },
	{ "common without components", { { "common", "a1 04 <shared>" } }, ERR_FORMAT, "common: it lacks" },
	{ "bytes after common", { { "common", "a2 02 @components 04 <shared> 00" } }, ERR_FORMAT, "common: 1 bytes are left over" },
	{ "common out of order", { { "common", "a2 04 <shared> 02 @components" } }, ERR_FORMAT, "common: it lacks" },
	/* the shared sequence */
	{ "bytes after the shared sequence", { { "shared", "86 14 @parameters 01 0f 02 0f 00" } }, ERR_FORMAT, "shared sequence: 1 bytes" },
	{ "an indefinite shared sequence", { { "shared", "9f 14 @parameters 01 0f 02 0f ff" } }, ERR_FORMAT, "indefinite" },
	{ "no class check", { { "shared", "84 14 @parameters 01 0f" } }, ERR_FORMAT, "nothing where" },
	{ "a shared sequence whose head leaves its last check outside", { { "shared", "84 14 @parameters 01 0f 02 0f" } }, ERR_FORMAT, "ends early" },
	{ "a shared sequence whose head says more", { { "shared", "87 14 @parameters 01 0f 02 0f" } }, ERR_FORMAT, "nothing where" },
	{ "the checks in another order", { { "shared", "86 14 @parameters 02 0f 01 0f" } }, ERR_RULE, "command 2 is not allowed" },
	{ "a component slot check too", { { "shared", "88 14 @parameters 01 0f 02 0f 05 0f" } }, ERR_RULE, "command 5 is not allowed" },
	{ "set-component-index", { { "shared", "88 0c 00 14 @parameters 01 0f 02 0f" } }, ERR_RULE, "command 12 is not allowed" },
	{ "try-each", { { "shared", "82 0f 80" } }, ERR_RULE, "command 15 is not allowed" },
	{ "set-parameters, from drafts before 17", { { "shared", "86 13 @parameters 01 0f 02 0f" } }, ERR_RULE, "command 19 is not allowed" },
	{ "a policy over 15", { { "shared", "86 14 @parameters 01 10 02 0f" } }, ERR_RULE, "policy" },
	{ "a negative policy", { { "shared", "86 14 @parameters 01 20 02 0f" } }, ERR_FORMAT, "negative" },
	/* parameters */
	{ "another vendor's UUID", { { "vendor-id", "00000000000000000000000000000000" } }, ERR_RULE, "vendor UUID" },
	{ "another class's UUID", { { "class-id", "00000000000000000000000000000000" } }, ERR_RULE, "class UUID" },
	{ "a UUID cut", { { "parameters", "a4 01 4138 02 50 @class-id 03 <image-digest> 0e @size" } }, ERR_RULE, "vendor UUID" },
	{ "no vendor", { { "parameters", "a3 02 50 @class-id 03 <image-digest> 0e @size" } }, ERR_FORMAT, "parameters lacks" },
	{ "no class", { { "parameters", "a3 01 50 @vendor-id 03 <image-digest> 0e @size" } }, ERR_FORMAT, "parameters lacks" },
	{ "no image digest", { { "parameters", "a3 01 50 @vendor-id 02 50 @class-id 0e @size" } }, ERR_FORMAT, "parameters lacks" },
	{ "no size", { { "parameters", "a3 01 50 @vendor-id 02 50 @class-id 03 <image-digest>" } }, ERR_FORMAT, "parameters lacks" },
	{ "a slot", { { "parameters", "a5 01 50 @vendor-id 02 50 @class-id 03 <image-digest> 05 00 0e @size" } }, ERR_RULE, "parameter 5 is not allowed" },
	{ "a URI among the shared ones", { { "parameters", "a5 01 50 @vendor-id 02 50 @class-id 03 <image-digest> 0e @size 15 `x`" } }, ERR_RULE, "parameter 21 is not allowed" },
	{ "a device identifier", { { "parameters", "a5 01 50 @vendor-id 02 50 @class-id 03 <image-digest> 0e @size 1818 40" } }, ERR_RULE, "parameter 24 is not allowed" },
	{ "parameters twice", { { "parameters", "a5 01 50 @vendor-id 02 50 @class-id 03 <image-digest> 0e 03 0e 03" } }, ERR_FORMAT, "twice" },
	{ "an image digest that is not wrapped", { { "parameters", "a4 01 50 @vendor-id 02 50 @class-id 03 @image-digest 0e @size" } }, ERR_RULE, "severed" },
	{ "an image digest by SHA-384", { { "image-digest", "82 382a 5820 #text" } }, ERR_RULE, "not SHA-256" },
	{ "bytes after the image digest", { { "image-digest", "82 2f 5820 #text 00" } }, ERR_FORMAT, "image digest: 1 bytes" },
	{ "an indefinite image digest", { { "image-digest", "9f 2f 5820 #text ff" } }, ERR_FORMAT, "indefinite" },
	{ "an image of nothing", { { "size", "00" } }, ERR_RULE, "image size" },
	{ "an image of 4 GiB", { { "size", "1b0000000100000000" } }, ERR_RULE, "image size" },
	{ "a size in a long form", { { "size", "1803" } }, ERR_FORMAT, "shortest" },
	/* validate */
	{ "validate without its check", { { "validate", "80" } }, ERR_FORMAT, "validate" },
	{ "validate whose head leaves its check outside", { { "validate", "80 03 0f" } }, ERR_FORMAT, "ends early" },
	{ "install whose head leaves its check outside", { { "install", "84 14 @source 15 02 03 0f" } }, ERR_FORMAT, "ends early" },
	{ "validate with more", { { "validate", "84 03 0f 03 0f" } }, ERR_RULE, "validate: command 3 is not allowed" },
	{ "validate with another check", { { "validate", "82 01 0f" } }, ERR_RULE, "validate: command 1 is not allowed" },
	{ "bytes after validate", { { "validate", "82 03 0f 00" } }, ERR_FORMAT, "validate: 1 bytes" },
	{ "a policy of 16 in validate", { { "validate", "82 03 10" } }, ERR_RULE, "policy" },
	{ "validate in long form", { { "validate", "82 1803 0f" } }, ERR_FORMAT, "validate: an unsigned integer is not in its shortest" },
	/* install */
	{ "install without a fetch", { { "install", "84 14 @source 03 0f" } }, ERR_RULE, "install: command 3 is not allowed" },
	{ "install without a check", { { "install", "84 14 @source 15 02" } }, ERR_FORMAT, "install" },
	{ "install with a write", { { "install", "86 14 @source 12 02 03 0f" } }, ERR_RULE, "install: command 18 is not allowed" },
	{ "install with a run", { { "install", "88 14 @source 15 02 03 0f 17 02" } }, ERR_RULE, "install: command 23 is not allowed" },
	{ "bytes after install", { { "install", "86 14 @source 15 02 03 0f 00" } }, ERR_FORMAT, "install: 1 bytes" },
	{ "install indefinite", { { "install", "9f 14 @source 15 02 03 0f ff" } }, ERR_FORMAT, "indefinite" },
	{ "a policy of 16 for the fetch", { { "install", "86 14 @source 15 10 03 0f" } }, ERR_RULE, "policy" },
	{ "a second parameter", { { "source", "a2 0e 03 15 `ipfs://" CID "`" } }, ERR_RULE, "parameter 14 is not allowed" },
	{ "no URI", { { "source", "a0" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a URI twice", { { "source", "a2 15 `ipfs://" CID "` 15 `ipfs://" CID "`" } }, ERR_FORMAT, "twice" },
	{ "a URI in bytes", { { "source", "a1 15 41 'x'" } }, ERR_FORMAT, "a byte string where a text" },
	{ "another scheme", { { "source", "a1 15 `http://" CID "`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "the scheme in capitals", { { "source", "a1 15 `IPFS://" CID "`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a path after the CID", { { "source", "a1 15 `ipfs://" CID "/fw.bin`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a slash after the CID", { { "source", "a1 15 `ipfs://" CID "/`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a query after the CID", { { "source", "a1 15 `ipfs://" CID "?x`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a fragment after the CID", { { "source", "a1 15 `ipfs://" CID "#x`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a blank after the CID", { { "source", "a1 15 `ipfs://" CID " `" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "ipfs:/ipfs/", { { "source", "a1 15 `/ipfs/" CID "`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a CID that is none", { { "source", "a1 15 `ipfs://firmware`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "a CID cut", { { "source", "a1 15 `ipfs://bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaav`" } }, ERR_RULE, "exactly ipfs://CID" },
	{ "no CID", { { "source", "a1 15 `ipfs://`" } }, ERR_RULE, "exactly ipfs://CID" },
	/* text */
	{ "no English", { { "text", "a1 `de` @en" } }, ERR_FORMAT, "no text in \"en\"" },
	{ "no language", { { "text", "a0" } }, ERR_FORMAT, "no text in \"en\"" },
	{ "a language by number", { { "text", "a1 01 @en" } }, ERR_FORMAT, "where a text belongs" },
	{ "English twice", { { "text", "a2 `en` @en `en` @en" } }, ERR_FORMAT, "twice" },
	{ "languages out of order", { { "text", "a2 `fr` @en `en` @en" } }, ERR_FORMAT, "order" },
	{ "another language indefinite", { { "text", "a2 `en` @en `fr` bf ff" } }, ERR_FORMAT, "indefinite" },
	{ "another language with a key twice", { { "text", "a2 `en` @en `fr` a2 00 00 00 00" } }, ERR_FORMAT, "twice" },
	{ "bytes after text", { { "text", "a1 `en` @en 00" } }, ERR_FORMAT, "text: 1 bytes" },
	{ "a text about another component", { { "en", "a1 82 44 'acme' 4a 'thermostax' @info" } }, ERR_RULE, "another component" },
	{ "a text about two", { { "en", "a2 82 44 'acme' 4a 'thermostat' @info 82 44 'acme' 4a 'thermostax' @info" } }, ERR_FORMAT, "exactly one component" },
	{ "a text about all", { { "en", "a1 01 `All.`" } }, ERR_FORMAT, "where an array belongs" },
	{ "no version", { { "info", "a1 05 `x`" } }, ERR_FORMAT, "no version" },
	{ "an empty version", { { "info", "a1 06 60" } }, ERR_RULE, "version is not 1 to 32" },
	{ "a version of 33 bytes", { { "info", "a1 06 7821 'a" T32 "'" } }, ERR_RULE, "version is not 1 to 32" },
	{ "a version with a line feed", { { "info", "a1 06 63 '1' 0a '2'" } }, ERR_RULE, "version has a control" },
	{ "a version with C1", { { "info", "a1 06 64 '1' c285 '2'" } }, ERR_RULE, "version has a control" },
	{ "a version that is not UTF-8", { { "info", "a1 06 61 ff" } }, ERR_FORMAT, "UTF-8" },
	{ "a version in bytes", { { "info", "a1 06 41 '1'" } }, ERR_FORMAT, "where a text belongs" },
	{ "a description with a NUL", { { "info", "a2 05 61 00 06 `1`" } }, ERR_RULE, "description has a control" },
	{ "a description with an escape", { { "info", "a2 05 64 1b '[2J' 06 `1`" } }, ERR_RULE, "description has a control" },
	{ "a channel in capitals", { { "info", "a2 06 `1` 38ff `Beta`" } }, ERR_RULE, "channel is not" },
	{ "a channel with a dot", { { "info", "a2 06 `1` 38ff `be.ta`" } }, ERR_RULE, "channel is not" },
	{ "an empty channel", { { "info", "a2 06 `1` 38ff 60" } }, ERR_RULE, "channel is not" },
	{ "a channel of 17", { { "info", "a2 06 `1` 38ff `aaaaaaaaaaaaaaaaa`" } }, ERR_RULE, "channel is not" },
	{ "from-sequence of itself", { { "info", "a2 06 `1` 390100 07" } }, ERR_RULE, "from-sequence" },
	{ "from-sequence above", { { "info", "a2 06 `1` 390100 08" } }, ERR_RULE, "from-sequence" },
	{ "a negative from-sequence", { { "info", "a2 06 `1` 390100 20" } }, ERR_FORMAT, "negative" },
	{ "hardware without a name", { { "info", "a2 06 `1` 390101 80" } }, ERR_RULE, "empty list" },
	{ "an empty hardware name", { { "info", "a2 06 `1` 390101 81 60" } }, ERR_RULE, "hardware name" },
	{ "a hardware name in capitals", { { "info", "a2 06 `1` 390101 81 `RevA`" } }, ERR_RULE, "hardware name" },
	{ "a hardware name of 33", { { "info", "a2 06 `1` 390101 81 7821 'a" T32 "'" } }, ERR_RULE, "hardware name" },
	{ "seventeen hardware names", { { "info", "a2 06 `1` 390101 91 `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a` `a`" } }, ERR_LIMIT, "hardware names" },
	{ "hardware as a text", { { "info", "a2 06 `1` 390101 `a`" } }, ERR_FORMAT, "a text where an array" },
	{ "urgency by number", { { "info", "a2 06 `1` 390102 01" } }, ERR_FORMAT, "false or true" },
	{ "a text that nobody knows", { { "info", "a2 06 `1` 390103 01" } }, ERR_RULE, "text member -260" },
	{ "a vendor name", { { "info", "a2 01 `Acme` 06 `1`" } }, ERR_RULE, "text member 1 " },
	{ "texts out of order", { { "info", "a2 06 `1` 05 `x`" } }, ERR_FORMAT, "order" },
	{ "an indefinite text", { { "info", "a1 06 7f 6131 ff" } }, ERR_FORMAT, "indefinite" },
};

static struct suit_signers set_of_p1(void)
{
	AUTO(buf_free) struct buf key = BUF_INIT(COSE_KEY_MAX);
	struct suit_signers set = { .threshold = 1 };

	envelope_expand(NULL, "!p1", &key);
	ck_assert_int_eq(suit_signers_add(&set, buf_span(&key), NULL), ERR_OK);
	return set;
}

START_TEST(takes)
{
	struct suit_signers set = set_of_p1();
	struct suit_manifest m;
	struct err e = { 0 };

	ck_assert_msg(suit_read(envelope_of(good[_i].replaced), &set, NULL, &m, NULL, &e) == ERR_OK, "%s: %s", good[_i].rule,
		      e.msg);
}
END_TEST

START_TEST(refuses)
{
	struct suit_manifest m = { .sequence = 99 };
	struct suit_signers set = set_of_p1();
	struct err e = { 0 };

	ck_assert_msg(suit_read(envelope_of(bad[_i].replaced), &set, NULL, &m, NULL, &e) != ERR_OK, "%s", bad[_i].rule);
	ck_assert_msg(strstr(e.msg, bad[_i].says), "%s: %s", bad[_i].rule, e.msg);
	ck_assert_msg(e.code == bad[_i].code, "%s: %s (%s)", bad[_i].rule, e.msg, err_name(e.code));
	ck_assert_msg(suit_read(envelope_of(bad[_i].replaced), &set, NULL, &m, NULL, NULL) == (int)bad[_i].code,
		      "%s: the same without a place for the reason", bad[_i].rule);
	ck_assert_uint_eq(m.sequence, 99);	/* untouched */
}
END_TEST

/* Everything but an unsigned byte is under a digest or a signature: any changed byte is noticed. */
START_TEST(notices_every_byte)
{
	struct suit_signers set = set_of_p1();
	struct span good_one = envelope_of(NULL);
	uint8_t changed[MANIFEST_MAX];
	struct suit_manifest m;

	for (size_t i = 0; i < good_one.n; i++) {
		memcpy(changed, good_one.p, good_one.n);
		changed[i] ^= 0x01;
		ck_assert_msg(suit_read(SPAN(changed, good_one.n), &set, NULL, &m, NULL, NULL) != ERR_OK, "byte %zu", i);
	}
	for (size_t n = 0; n < good_one.n; n++)
		ck_assert_int_ne(suit_read(SPAN(good_one.p, n), &set, NULL, &m, NULL, NULL), ERR_OK);
}
END_TEST

START_TEST(says_what_it_says)
{
	struct part replaced[PARTS_MAX] = {
		{ "info", "a6 05 `Fixes.` 06 `1.4.2` 38ff `beta` 390100 05 390101 82 `rev-a` `rev-b` 390102 f5" } };
	struct suit_signers set = set_of_p1();
	struct suit_envelope env;
	struct suit_manifest m;
	uint32_t who = 0;

	ck_assert_int_eq(suit_read(envelope_of(replaced), &set, &env, &m, &who, NULL), ERR_OK);
	ck_assert_uint_eq(who, 1);
	ck_assert_uint_eq(m.sequence, 7);
	ck_assert_str_eq(m.vendor, "acme");
	ck_assert_str_eq(m.model, "thermostat");
	ck_assert_str_eq(m.version, "1.4.2");
	ck_assert_str_eq(m.channel, "beta");
	ck_assert_str_eq(m.cid, CID);
	ck_assert_uint_eq(m.image_size, 3);
	ck_assert(span_eq(SPAN_OF(m.image_sha256),
			  hexes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
	ck_assert_uint_eq(m.from_sequence, 5);
	ck_assert(m.urgent);
	ck_assert_uint_eq(m.hardware_n, 2);
	ck_assert(suit_fits_hardware(&m, SPAN_LIT("rev-a")) && suit_fits_hardware(&m, SPAN_LIT("rev-b")));
	ck_assert(!suit_fits_hardware(&m, SPAN_LIT("rev-c")) && !suit_fits_hardware(&m, SPAN_LIT("")));
	ck_assert(span_is(m.description, "Fixes."));
	ck_assert_uint_eq(env.signatures, 1);
}
END_TEST

START_TEST(says_defaults)
{
	struct suit_signers set = set_of_p1();
	struct suit_manifest m;

	ck_assert_int_eq(suit_read(envelope_of(NULL), &set, NULL, &m, NULL, NULL), ERR_OK);
	ck_assert_str_eq(m.channel, "stable");
	ck_assert_uint_eq(m.from_sequence, 0);
	ck_assert(!m.urgent && m.hardware_n == 0 && m.description.n == 0);
	ck_assert(suit_fits_hardware(&m, SPAN_LIT("anything")));
}
END_TEST

START_TEST(keeps_to_its_size)
{
	uint8_t too_long[MANIFEST_MAX + 1] = { 0xd8, 0x6b };
	struct suit_envelope env;
	struct err e = { 0 };

	ck_assert_int_eq(suit_open(SPAN_OF(too_long), &env, &e), ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(e.msg, "4097 bytes, more than 4096"));
	ck_assert_int_eq(suit_open(SPAN(NULL, 0), &env, NULL), ERR_FORMAT);
}
END_TEST

/* The signature is judged first: of a manifest that breaks a rule, an unsigned copy learns only that. */
START_TEST(believes_nothing_unsigned)
{
	struct part replaced[PARTS_MAX] = { { "sequence", "20" }, { "wrapper", "82 <digest> <sig.p2>" } };
	struct suit_signers set = set_of_p1();
	struct suit_manifest m;
	struct err e = { 0 };

	ck_assert_int_eq(suit_read(envelope_of(replaced), &set, NULL, &m, NULL, &e), ERR_PROOF);
	ck_assert_ptr_nonnull(strstr(e.msg, "signed by 0 of the 1 keys"));
}
END_TEST

#define ROWS(table) (int)(sizeof table / sizeof *table)

int main(void)
{
	TCase *t = tcase_create("suit");
	Suite *s = suite_create("suit");

	tcase_add_loop_test(t, takes, 0, ROWS(good));
	tcase_add_loop_test(t, refuses, 0, ROWS(bad));
	tcase_add_test(t, notices_every_byte);
	tcase_add_test(t, says_what_it_says);
	tcase_add_test(t, says_defaults);
	tcase_add_test(t, keeps_to_its_size);
	tcase_add_test(t, believes_nothing_unsigned);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
