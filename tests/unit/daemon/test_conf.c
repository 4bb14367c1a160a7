/* test_conf.c: the configuration's grammar, values and rules; and that table, man page and example agree. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "catalog/link.h"
#include "daemon/conf_files.h"
#include "daemon/conf_table.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ADDR "0x1111111111111111111111111111111111111111"
#define HASH "0x2222222222222222222222222222222222222222222222222222222222222222"
#define PRINT "3333333333333333333333333333333333333333333333333333333333333333"

/* 9 lines; what a test adds begins in line 10. */
#define HEAD \
	"[chain]\n" \
	"chain-id = 31337\n" \
	"registry = " ADDR "\n"
#define PROVIDERS \
	"[provider a]\nurl = http://127.0.0.1:1\noperator = x\n" \
	"[provider b]\nurl = http://127.0.0.1:2\noperator = y\n" \
	"[provider c]\nurl = http://127.0.0.1:3\noperator = z\n"
#define SOURCE "[source s]\nurl = http://127.0.0.1:4\nkind = trustless\n"
#define PRODUCT "[product acme/thermostat]\nregistrant = " ADDR "\n"
#define GOOD HEAD PROVIDERS SOURCE PRODUCT

static char dir[] = "/tmp/test-conf-XXXXXX";
static char file[64];

static void make_dir(void)
{
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/g.conf", dir);
}

static void remove_dir(void)
{
	char cmd[96];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);	/* discouraged: a test's own directory */
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

struct said {
	char errors[4096], warnings[4096];
};

static void on_problem(void *arg, bool is_error, const char *text)
{
	struct said *s = arg;
	char *to = is_error ? s->errors : s->warnings;
	size_t used = strlen(to);

	snprintf(to + used, 4096 - used, "%s\n", text);
}

static int load(const char *text, struct said *said, struct conf **out)
{
	const struct conf_say say = { on_problem, said };
	struct err e = { 0 };

	write_file("g.conf", text);
	*said = (struct said){ "", "" };
	*out = NULL;
	return conf_load(file, &say, out, &e);
}

START_TEST(defaults_are_the_documented_ones)
{
	struct said said;
	struct conf *c;

	ck_assert_msg(load(GOOD, &said, &c) == ERR_OK, "%s", said.errors);
	ck_assert_str_eq(said.warnings, "");
	ck_assert_str_eq(c->gateway.state_dir, "/var/lib/gatepost");
	ck_assert_str_eq(c->gateway.run_dir, "/run/gatepost");
	ck_assert_int_eq(c->gateway.log_level, LOG_INFO_LEVEL);
	ck_assert_int_eq(c->gateway.clock, CONF_CLOCK_KERNEL);
	ck_assert_uint_eq(c->chain.chain_id, 31337);
	ck_assert_uint_eq(c->chain.registry.b[19], 0x11);
	ck_assert(hash32_is_zero(&c->chain.code_hash));
	ck_assert_int_eq(c->chain.finality, CONF_FINALIZED);
	ck_assert_int_eq(c->chain.anchor, CONF_QUORUM);
	ck_assert_uint_eq(c->chain.quorum, 2);
	ck_assert_int_eq(c->chain.max_age_ms, 3600000);
	ck_assert_int_eq(c->chain.poll_ms, 60000);
	ck_assert_uint_eq(c->providers_n, 3);
	ck_assert_str_eq(c->providers[1].name, "b");
	ck_assert_str_eq(c->providers[1].url, "http://127.0.0.1:2");
	ck_assert_str_eq(c->providers[2].operator, "z");
	ck_assert_uint_eq(c->sources_n, 1);
	ck_assert_str_eq(c->sources[0].token, "");
	ck_assert_uint_eq(c->sources[0].priority, 10);
	ck_assert(!c->sources[0].private_ok);
	ck_assert_uint_eq(c->products_n, 1);
	ck_assert_str_eq(c->products[0].channels.at[0], "stable");
	ck_assert_uint_eq(c->products[0].keep, 2);
	ck_assert_uint_eq(c->products[0].max_image, 64 * MIB);
	ck_assert_uint_eq(c->cache.size, 2 * GIB);
	ck_assert_str_eq(c->http.listen.at[0].host, "0.0.0.0");
	ck_assert_uint_eq(c->http.listen.at[0].port, 8080);
	ck_assert_uint_eq(c->coap.listen.at[0].port, 5683);
	ck_assert_str_eq(c->coap.trusted, "on-link");
	ck_assert_str_eq(c->op.listen.at[0].host, "127.0.0.1");
	ck_assert_uint_eq(c->limits.hot, 64 * MIB);
	ck_assert_str_eq(c->network.proxy, "");
	conf_free(c);
}
END_TEST

static const struct { const char *rule, *text, *says; } bad[] = {
	{ "an unknown key names its line and the nearest", GOOD "[cache]\nsise = 2G\n", ":19: unknown key \"sise\" in [cache]; nearest: \"size\"" },
	{ "an unknown section names the nearest", GOOD "[limit]\n", ":18: unknown section [limit]; nearest: [limits]" },
	{ "a key of another section is unknown", GOOD "[cache]\nlisten = x\n", "unknown key \"listen\"" },
	{ "a line is a section or a setting", GOOD "[cache]\nsize 2G\n", ":19: neither [section] nor key = value" },
	{ "a section ends", GOOD "[cache\n", ":18: a section ends with ]" },
	{ "a setting stands in a section", "size = 2G\n" GOOD, ":1: a setting before the first [section]" },
	{ "keys are lower case", GOOD "[cache]\nSize = 2G\n", ":19: a key is made of" },
	{ "no control characters", GOOD "[gateway]\nname = a\x01" "b\n", ":19: not UTF-8" },
	{ "UTF-8", GOOD "[gateway]\nname = a\xff\n", ":19: not UTF-8" },
	{ "a key stands once", GOOD "[cache]\nsize = 2G\nsize = 3G\n", ":20: size is set already in line 19" },
	{ "also in a section that comes twice", GOOD "[cache]\nsize = 2G\n[cache]\nsize = 3G\n", ":21: size is set already in line 19" },
	{ "a single section takes no name", GOOD "[cache x]\n", "[cache] takes no name" },
	{ "a named section has one", GOOD "[source]\nurl = http://h\nkind = kubo\n", "[source] needs a name" },
	{ "names are labels", GOOD "[source a b]\nurl = http://h\nkind = kubo\n", "a name is 1 to 32 letters" },

	{ "chain-id 0 is a placeholder", "[chain]\nchain-id = 0\nregistry = " ADDR "\n" PROVIDERS, ":2: chain-id: 0 is a placeholder" },
	{ "chain-id must be set", "[chain]\nregistry = " ADDR "\n" PROVIDERS, "[chain] needs chain-id" },
	{ "a zero registry is a placeholder", "[chain]\nchain-id = 1\nregistry = 0x0000000000000000000000000000000000000000\n" PROVIDERS, ":3: registry: all zeros is a placeholder" },
	{ "an address has 40 digits", "[chain]\nchain-id = 1\nregistry = 0x11\n" PROVIDERS, "registry: must be 0x and 40" },
	{ "an address has 0x", "[chain]\nchain-id = 1\nregistry = 1111111111111111111111111111111111111111\n" PROVIDERS, "registry: must be 0x and 40" },
	{ "a hash has 64 digits", HEAD "code-hash = " ADDR "\n" PROVIDERS, "code-hash: must be 0x and 64" },
	{ "numbers fit 64 bits", "[chain]\nchain-id = 18446744073709551616\nregistry = " ADDR "\n" PROVIDERS, "too large" },
	{ "numbers are digits", "[chain]\nchain-id = -1\nregistry = " ADDR "\n" PROVIDERS, "must begin with a digit" },
	{ "numbers end after their digits", "[chain]\nchain-id = 1x\nregistry = " ADDR "\n" PROVIDERS, "decimal digits" },
	{ "a time has a unit", HEAD "poll = 60\n" PROVIDERS, ":4: poll: must be a time with its unit" },
	{ "poll is at least 100ms", HEAD "poll = 99ms\n" PROVIDERS, "poll: must be from 100" },
	{ "times do not overflow", HEAD "poll = 999999999999999999d\n" PROVIDERS, "poll: must be from" },
	{ "finality is a word", HEAD "finality = final\n" PROVIDERS, "finality: must be finalized" },
	{ "depth needs a number", HEAD "finality = depth\n" PROVIDERS, "finality: must be finalized" },
	{ "depth 0 is latest, and must say so", HEAD "finality = depth:0\n" PROVIDERS, "depth:N needs a number" },
	{ "anchor is quorum or pinned", HEAD "anchor = 2\n" PROVIDERS, "anchor: must be quorum:K" },
	{ "a quorum is at least 1", HEAD "anchor = quorum:0\n" PROVIDERS, "from 1 to 16" },
	{ "a pin has a hash", HEAD "anchor = pinned:12\n" PROVIDERS, "pinned:NUMBER:HASH needs" },

	{ "a provider has a URL", HEAD PROVIDERS "[provider d]\noperator = w\n", "[provider d] needs url" },
	{ "a URL is http or https", HEAD PROVIDERS "[provider d]\noperator = w\nurl = ftp://h/\n", "begins with http:// or https://" },
	{ "a URL has a host", HEAD PROVIDERS "[provider d]\noperator = w\nurl = https:///v1\n", "and a host" },
	{ "operator must be set when K > 1", HEAD PROVIDERS "[provider d]\nurl = http://h\n", ":13: [provider d] needs operator, since quorum:2" },
	{ "K above the number of operators", HEAD "anchor = quorum:4\n" PROVIDERS, ":4: anchor: quorum:4 needs 4 operators, the providers have 3" },
	{ "two URLs of one operator are one vote", HEAD "[provider a]\nurl = http://h\noperator = x\n[provider b]\nurl = http://i\noperator = x\n", "quorum:2 needs 2 operators, the providers have 1" },
	{ "url and url-file exclude each other", HEAD PROVIDERS "[provider d]\noperator = w\nurl = http://h\nurl-file = f\n", "url-file: url is set as well" },
	{ "a URL is no url-file, and is not shown", HEAD PROVIDERS "[provider d]\noperator = w\nurl-file = http://h/key\n",
	  "url-file: must be the name of a file, not a URL\n" },
	{ "a url-file is read", HEAD PROVIDERS "[provider d]\noperator = w\nurl-file = nowhere\n", "nowhere: No such file" },

	{ "a source has a kind", GOOD "[source t]\nurl = http://h\n", "[source t] needs kind" },
	{ "an unknown kind names the nearest", GOOD "[source t]\nurl = http://h\nkind = trustles\n", "nearest: \"trustless\"" },
	{ "bases have no names", GOOD "[source t]\nurl = http://h/{cid}\nkind = trustless\n", ":19: url: names in braces are for the kinds" },
	{ "nor a query", GOOD "[source t]\nurl = http://h/?k=1\nkind = kubo\n", "url: has a query, but paths are put behind it" },
	{ "no source has a fragment", GOOD "[source t]\nurl = http://h/{cid}#x\nkind = car\n", "url: has a fragment" },
	{ "no source has a password in its URL", GOOD "[source t]\nurl = http://me:pw@h/{cid}\nkind = car\n", "url: has a user or password; use token" },
	{ "a template knows six names", GOOD "[source t]\nurl = http://h/{hash}\nkind = mirror\n", "url: knows {cid} {sha256} {vendor} {model} {version} {sequence}, not {hash}" },
	{ "a brace has another half", GOOD "[source t]\nurl = http://h/{cid\nkind = car\n", "{sequence}, not {cid" },
	{ "names do not choose the host", GOOD "[source t]\nurl = http://{vendor}.example/x\nkind = mirror\n", "url: names in braces stand in its path or query" },
	{ "blocks go by their CID", GOOD "[source t]\nurl = http://h/{sha256}\nkind = blocks\n", "url: names each block by {cid}" },
	{ "also behind a query", GOOD "[source t]\nurl = http://h/?x=1\nkind = blocks\n", "url: names each block by {cid}" },
	{ "an @ in a query is no user", GOOD "[source t]\nurl = http://h?a@b\nkind = blocks\n", "url: names each block by {cid}" },
	{ "inner has no password either", GOOD "[source t]\nurl = http://h/{sha256}\nkind = mirror\ninner = http://me:pw@h/{cid}\n", "inner: has a user or password" },
	{ "nor a fragment", GOOD "[source t]\nurl = http://h/{sha256}\nkind = mirror\ninner = http://h/{cid}#x\n", "inner: has a fragment" },
	{ "inner blocks are a mirror's", GOOD "[source t]\nurl = http://h/{cid}\nkind = car\ninner = http://h/i\n", "inner: is for the kind mirror" },
	{ "inner is a template too", GOOD "[source t]\nurl = http://h/{sha256}\nkind = mirror\ninner = http://h/{x}\n", "inner: knows {cid}" },
	{ "a switch is yes or no", GOOD "[source t]\nurl = http://h\nkind = kubo\nprivate = 1\n", "private: must be yes or no" },

	{ "a registrant is required", GOOD "[product a/b]\n", "[product a/b] needs registrant" },
	{ "a zero registrant is a placeholder", GOOD "[product a/b]\nregistrant = 0x0000000000000000000000000000000000000000\n", "placeholder" },
	{ "a product has two parts", GOOD "[product ab]\nregistrant = " ADDR "\n", "a product is vendor/model" },
	{ "and not three", GOOD "[product a/b/c]\nregistrant = " ADDR "\n", "a product is vendor/model" },
	{ "in lower case", GOOD "[product A/b]\nregistrant = " ADDR "\n", "a product is vendor/model" },
	{ "a part begins with a letter or digit", GOOD "[product .a/b]\nregistrant = " ADDR "\n", "a product is vendor/model" },
	{ "a part has at most 32 bytes", GOOD "[product a/012345678901234567890123456789012]\nregistrant = " ADDR "\n", "a product is vendor/model" },
	{ "a channel is a-z, 0-9, -", GOOD PRODUCT "channels = Stable\n", "\"Stable\" is not a channel" },
	{ "a channel has at most 16 bytes", GOOD PRODUCT "channels = abcdefghijklmnopq\n", "is not a channel" },
	{ "a channel stands once", GOOD PRODUCT "channels = a b a\n", "has \"a\" twice" },
	{ "there is a channel", GOOD PRODUCT "channels =\n", "channels: must have a value" },
	{ "a thumbprint has 64 digits", GOOD PRODUCT "signers = " HASH "\n", "is not a thumbprint" },
	{ "a thumbprint stands once", GOOD PRODUCT "signers = " PRINT " " PRINT "\n", "twice" },
	{ "a policy is auto or approve", GOOD PRODUCT "policy = automatic\n", "nearest: \"auto\"" },
	{ "an image fits 4 GiB", GOOD PRODUCT "max-image = 4G\n", "max-image: must be from 1 to 4294967295" },
	{ "sizes have known units", GOOD "[cache]\nsize = 2GB\n", "size: must be a size like" },

	{ "an address has a port", GOOD "[http]\nlisten = 127.0.0.1\n", "does not end with :PORT" },
	{ "a port fits 16 bits", GOOD "[http]\nlisten = 127.0.0.1:65536\n", "does not end with :PORT" },
	{ "a listener has no name", GOOD "[http]\nlisten = localhost:80\n", "not a numeric address" },
	{ "IPv6 stands in brackets", GOOD "[http]\nlisten = ::1:80\n", "not a numeric address" },
	{ "an address stands once", GOOD "[http]\nlisten = 127.0.0.1:80 127.0.0.1:80\n", "twice" },
	{ "operators and devices have their own", GOOD "[http]\nlisten = 127.0.0.1:8081\n", "[http] listens at 127.0.0.1 port 8081 already" },
	{ "tokens do not cross the network in the clear", GOOD "[operator]\nlisten = 0.0.0.0:8081\n", ":19: listen: tokens would cross" },
	{ "nor over IPv6", GOOD "[operator]\nlisten = [::]:8081\n", "tokens would cross" },
	{ "TLS is not pretended", GOOD "[http]\ntls-listen = 0.0.0.0:8443\n", "does not have that yet" },
	{ "trusted is a word or prefixes", GOOD "[coap]\ntrusted = everybody\n", "\"everybody\" is not on-link" },
	{ "a word stands alone", GOOD "[coap]\ntrusted = none 192.0.2.0/24\n", "\"none\" stands alone" },
	{ "a prefix fits its address", GOOD "[coap]\ntrusted = 192.0.2.0/33\n", "is not on-link" },
	{ "a window is two times", GOOD "[network]\nfetch-window = 1:00-5:00\n", "must be local times" },
	{ "a window's hours are hours", GOOD "[network]\nfetch-window = 24:00-05:00\n", "must be local times" },
	{ "a path is absolute", GOOD "[gateway]\nstate-dir = var\n", "state-dir: must be an absolute path" },
	{ "control socket and state do not share", GOOD "[gateway]\nstate-dir = /x\nrun-dir = /x\n", "run-dir: must not be the state directory" },
	{ "a log level is known", GOOD "[gateway]\nlog-level = verbose\n", "log-level: must be debug" },
	{ "a hook does one thing", GOOD "[hook h]\non = alarm\n", "[hook h] needs either url or run" },
	{ "a hook's event is known", GOOD "[hook h]\non = alarms\nrun = /bin/true\n", "nearest: \"alarm\"" },
	{ "entries name the vendor", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://h/e/{model}\n", "{vendor} and {model}" },
	{ "entries name the model", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://h/e/{vendor}\n", "{vendor} and {model}" },
	{ "entries name nothing else", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://h/{vendor}/{model}/{cid}\n", "{vendor} and {model} only" },
	{ "entries have no open brace", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://h/{vendor}/{model}{\n", "{vendor} and {model} only" },
	{ "a product does not choose the host", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://{vendor}.h/{model}\n", "in its path or query" },
	{ "nor is all of it the host", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = http://{vendor}{model}\n", "in its path or query" },
	{ "entries are a URL", GOOD "[source t]\nurl = http://h\nkind = kubo\nentries = ftp://h/{vendor}/{model}\n", "http:// or https://" },
	{ "a token has no blanks", GOOD "[source t]\nurl = http://h\nkind = kubo\ntoken = a b\n", "without blanks" },
	{ "a proxy has no path", GOOD "[network]\nproxy = http://h:1/x\n", "without a path" },
};

START_TEST(refuses)
{
	struct said said;
	struct conf *c;

	ck_assert_msg(load(bad[_i].text, &said, &c) == ERR_USAGE, "%s", bad[_i].rule);
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(said.errors, bad[_i].says) != NULL, "%s: expected \"%s\", said \"%s\"", bad[_i].rule, bad[_i].says, said.errors);
	ck_assert_msg(strncmp(said.errors, file, strlen(file)) == 0, "the file is named: %s", said.errors);
}
END_TEST

static const struct { const char *rule, *text, *warns; } fine[] = {
	{ "comments after a blank", GOOD "[cache] ; c\nsize = 3G\t# c\n", "" },
	{ "a # inside a word is text", GOOD "[gateway]\nname = porch#2\n", "" },
	{ "blanks, tabs, CR and a byte order mark", "\xef\xbb\xbf" GOOD "\t[cache]\r\n  size\t=  3G  \r\n", "" },
	{ "no newline at the end", GOOD "[cache]\nsize = 3G", "" },
	{ "a section in two places", GOOD "[limits]\nhot = 3G\n[http]\n[limits]\ndownloads = 3\n", "downloads: has no effect" },
	{ "IPv6, port 0, several", GOOD "[http]\nlisten = [::]:0 127.0.0.1:0 127.0.0.1:0\n", "" },
	{ "no listener", GOOD "[coap]\nlisten = none\n", "" },
	{ "insecure is a decision", GOOD "[operator]\nlisten = 0.0.0.0:8081\ninsecure = yes\n", "" },
	{ "all of 127/8 and ::1 are loopback", GOOD "[operator]\nlisten = 127.0.0.2:1 [::1]:1\n", "" },
	{ "without providers only bundles bring anything", HEAD SOURCE PRODUCT, "there is no [provider NAME]" },
	{ "K = 1 needs no operator", "[chain]\nchain-id = 1\nregistry = " ADDR "\nanchor = quorum:1\n[provider a]\nurl = http://h\n" SOURCE PRODUCT, "" },
	{ "a chain that cannot be followed", "[chain]\nchain-id = 42161\nregistry = " ADDR "\nanchor = quorum:1\n[provider a]\nurl = http://h\n" SOURCE PRODUCT,
	  ":2: chain-id: 42161 does not suit: Arbitrum One" },
	{ "fewer than 2K - 1 operators", HEAD "anchor = quorum:3\n" PROVIDERS SOURCE PRODUCT, ":4: anchor: quorum:3 with 3 operators stops" },
	{ "a pin needs no operators", HEAD "anchor = pinned:12:" HASH "\n[provider a]\nurl = http://h\n" SOURCE PRODUCT, "" },
	{ "latest is for tests", HEAD "finality = latest\n" PROVIDERS SOURCE PRODUCT, ":4: finality: latest takes blocks" },
	{ "no source", HEAD PROVIDERS PRODUCT, "there is no [source NAME]" },
	{ "no product", HEAD PROVIDERS SOURCE, "there is no [product" },
	{ "every product of a registrant", GOOD "[product *]\nregistrant = " ADDR "\n", "" },
	{ "the longest product name", GOOD "[product a2345678901234567890123456789012/b2345678901234567890123456789012]\nregistrant = " ADDR "\n", "" },
	{ "an emptied optional setting is unset", GOOD "[chain]\ncode-hash =\n", "" },
	{ "hooks are read", GOOD "[hook h]\non = alarm active\nurl = https://h/\n", "on: has no effect" },
};

START_TEST(accepts)
{
	struct said said;
	struct conf *c;

	ck_assert_msg(load(fine[_i].text, &said, &c) == ERR_OK, "%s: %s", fine[_i].rule, said.errors);
	if (*fine[_i].warns)
		ck_assert_msg(strstr(said.warnings, fine[_i].warns) != NULL, "%s: %s", fine[_i].rule, said.warnings);
	else
		ck_assert_msg(!*said.warnings, "%s: %s", fine[_i].rule, said.warnings);
	conf_free(c);
}
END_TEST

START_TEST(every_value_arrives)
{
	struct said said;
	struct conf *c;

	ck_assert_msg(load(HEAD "finality = depth:12\nanchor = pinned:7:" HASH "\nmax-age = 2s\npoll = 100ms\ngenesis-hash = " HASH "\n"
		PROVIDERS "[source p]\nurl = http://h/\nkind = peer\npriority = 0\ntoken = t0\n"
		"entries = http://h/{vendor}/x?m={model}\n"
		"[product a/b]\nregistrant = " ADDR "\nchannels = beta stable\npolicy = approve\nkeep = 5\nsigners = " PRINT "\nmax-image = 1M\n"
		"[http]\nlisten = [2001:db8::1]:80\n[coap]\ntrusted = 192.0.2.0/24 2001:db8::/32\n[operator]\nhosts = a.lan b.lan\n"
		"[network]\nproxy = http://p:1\nuplink = 2M\n[gateway]\nclock = trusted\nlog-level = unusual\nname = Haustür\n", &said, &c) == ERR_OK, "%s", said.errors);
	ck_assert_int_eq(c->chain.finality, CONF_DEPTH);
	ck_assert_uint_eq(c->chain.depth, 12);
	ck_assert_int_eq(c->chain.anchor, CONF_PINNED);
	ck_assert_uint_eq(c->chain.pin_number, 7);
	ck_assert_uint_eq(c->chain.pin_hash.b[0], 0x22);
	ck_assert_uint_eq(c->chain.genesis_hash.b[31], 0x22);
	ck_assert_int_eq(c->chain.max_age_ms, 2000);
	ck_assert_int_eq(c->chain.poll_ms, 100);
	ck_assert_int_eq(c->sources[0].kind, CONF_PEER);
	ck_assert_msg(c->sources[0].private_ok, "a peer implies private = yes");
	ck_assert_str_eq(c->sources[0].token, "t0");
	ck_assert_str_eq(c->sources[0].entries, "http://h/{vendor}/x?m={model}");
	ck_assert_uint_eq(c->products[0].channels.n, 2);
	ck_assert_str_eq(c->products[0].channels.at[0], "beta");
	ck_assert_int_eq(c->products[0].policy, CONF_APPROVE);
	ck_assert_uint_eq(c->products[0].signers.n, 1);
	ck_assert_uint_eq(c->products[0].signers.at[0].b[5], 0x33);
	ck_assert(c->http.listen.at[0].is_ipv6);
	ck_assert_str_eq(c->http.listen.at[0].host, "2001:db8::1");
	ck_assert_str_eq(c->coap.trusted, "192.0.2.0/24 2001:db8::/32");
	ck_assert_uint_eq(c->op.hosts.n, 2);
	ck_assert_uint_eq(c->network.uplink, 2 * MIB);
	ck_assert_int_eq(c->gateway.clock, CONF_CLOCK_TRUSTED);
	ck_assert_int_eq(c->gateway.log_level, LOG_UNUSUAL_LEVEL);
	ck_assert_str_eq(c->gateway.name, "Haustür");
	conf_free(c);
}
END_TEST

START_TEST(drop_ins_replace_by_name)
{
	char path[128];
	struct said said;
	struct conf *c;

	snprintf(path, sizeof path, "%s/conf.d", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("conf.d/10-a.conf", "[cache]\nsize = 3G\n[provider d]\nurl = http://h\noperator = w\n");
	write_file("conf.d/20-b.conf", "[cache]\nsize = 4G\n");
	write_file("conf.d/30-c.conf~", "nonsense");
	ck_assert_msg(load(GOOD "[cache]\nsize = 1G\n", &said, &c) == ERR_OK, "%s", said.errors);
	ck_assert_uint_eq(c->cache.size, 4 * GIB);
	ck_assert_uint_eq(c->providers_n, 4);
	conf_free(c);
	write_file("conf.d/20-b.conf", "[cache]\n\nsize = x\n");
	ck_assert_int_eq(load(GOOD, &said, &c), ERR_USAGE);
	ck_assert_msg(strstr(said.errors, "conf.d/20-b.conf:3: size: "), "%s", said.errors);
}
END_TEST

START_TEST(drop_ins_that_cannot_be_looked_at_are_an_error_and_not_none)
{
	struct said said;
	struct conf *c;

	write_file("conf.d", "a file where a directory belongs");
	ck_assert_int_eq(load(GOOD, &said, &c), ERR_USAGE);
	ck_assert_msg(strstr(said.errors, "conf.d: cannot be read: Not a directory"), "%s", said.errors);
}
END_TEST

START_TEST(all_errors_are_said)
{
	struct said said;
	struct conf *c;

	ck_assert_int_eq(load("[chain]\nchain-id = 0\nregsitry = " ADDR "\n[cahce]\nx = 1\n", &said, &c), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(said.errors, ":2: chain-id"));
	ck_assert_ptr_nonnull(strstr(said.errors, ":3: unknown key \"regsitry\" in [chain]; nearest: \"registry\""));
	ck_assert_ptr_nonnull(strstr(said.errors, ":4: unknown section [cahce]; nearest: [cache]"));
	ck_assert_ptr_nonnull(strstr(said.errors, "[chain] needs registry"));
}
END_TEST

/* Runs conf_resolve on text and gives both memfds. */
static void resolve(const char *text, int fds[2])
{
	int pair[2], got[IO_FDS_MAX];
	uint8_t type[4];
	size_t n = 0;

	write_file("g.conf", text);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert_int_eq(conf_resolve(file, pair[0]), 0);
	ck_assert_int_eq(io_recv_fds(pair[1], type, sizeof type, &n, got, NULL), ERR_OK);
	ck_assert(n == 1 && type[0] == SUP_CONF);
	fds[0] = got[0];
	fds[1] = got[1];
	close(pair[0]);
	close(pair[1]);
}

static void text_of(int fd, char *out, size_t cap)
{
	ssize_t n = pread(fd, out, cap - 1, 0);

	ck_assert_int_gt(n, 0);
	out[n] = '\0';
}

START_TEST(the_resolved_form_says_the_same)
{
	char text[8192];
	struct err e = { 0 };
	struct conf *c;
	int fds[2];

	write_file("key", "https://rpc.example/v1/SECRET\n");
	resolve(GOOD "[provider d]\nurl-file = key\noperator = w\n[http]\nlisten = 127.0.0.1:0 [::1]:81\n[operator]\nlisten = none\n", fds);
	text_of(fds[0], text, sizeof text);
	ck_assert_msg(strncmp(text, "listen http 127.0.0.1 0\nlisten http ::1 81\nlisten coap 0.0.0.0 5683\nrun-dir /run/gatepost\n"
			      "state-dir /var/lib/gatepost\nlog-level info\n\n[chain]\n", 140) == 0, "%s", text);
	ck_assert_msg(conf_read(fds[0], &c, &e) == ERR_OK, "%s", e.msg);
	ck_assert_str_eq(c->providers[3].url, "https://rpc.example/v1/SECRET");
	ck_assert_uint_eq(c->http.listen.n, 2);
	ck_assert_uint_eq(c->op.listen.n, 0);
	ck_assert_uint_eq(c->products_n, 1);
	conf_free(c);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Where `url-file = key` is looked for; the first that is there wins. */
static const char *const places[] = { "cred/key", "cred/gatepost_key", "credentials/key", "key" };

START_TEST(a_secret_is_found)
{
	char path[128], url[64];
	struct said said;
	struct conf *c;

	snprintf(path, sizeof path, "%s/cred", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", path, 1);
	snprintf(path, sizeof path, "%s/credentials", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (int i = _i; i < 4; i++) {
		snprintf(url, sizeof url, "http://h/%d\nsecond line\n", i);
		write_file(places[i], url);
	}
	ck_assert_msg(load(GOOD "[provider d]\nurl-file = key\noperator = w\n", &said, &c) == ERR_OK, "%s", said.errors);
	snprintf(url, sizeof url, "http://h/%d", _i);
	ck_assert_str_eq(c->providers[3].url, url);
	conf_free(c);
}
END_TEST

START_TEST(the_server_gets_no_secret)
{
	char text[8192];
	struct err e = { 0 };
	struct conf *c;
	int fds[2];

	resolve(HEAD PROVIDERS "[source k]\nurl = http://h/KEY1\nkind = kubo\ntoken = KEY2\n"
		"[hook h]\non = alarm\nurl = https://h/KEY3\nsecret = KEY4KEY4KEY4KEY4\n" PRODUCT, fds);
	text_of(fds[1], text, sizeof text);
	ck_assert_ptr_null(strstr(text, "KEY"));
	ck_assert_ptr_null(strstr(text, "127.0.0.1:1"));
	ck_assert_msg(conf_read(fds[1], &c, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(c->providers_n, 0);
	ck_assert_uint_eq(c->products_n, 1);
	ck_assert_uint_eq(c->chain.chain_id, 31337);
	conf_free(c);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_damaged_resolved_form_is_refused)
{
	struct err e = { 0 };
	struct conf *c;
	int fd;

	ck_assert_int_eq(io_sealed_memfd("x", SPAN_LIT("run-dir /x\n\n[chain]\nchain-id = 1\n"), &fd, NULL), ERR_OK);
	ck_assert_int_eq(conf_read(fd, &c, &e), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "needs registry"));
	close(fd);
}
END_TEST

START_TEST(the_run_dir_is_found_without_judging)
{
	char *path = NULL;

	write_file("g.conf", "[gateway]\nrun-dir = /run/other\nnonsense\n[chain]\nchain-id = 0\n");
	ck_assert_int_eq(conf_run_dir(file, &path, NULL), ERR_OK);
	ck_assert_str_eq(path, "/run/other");
	free(path);
	write_file("g.conf", GOOD);
	ck_assert_int_eq(conf_run_dir(file, &path, NULL), ERR_OK);
	ck_assert_str_eq(path, "/run/gatepost");
	free(path);
	ck_assert_int_eq(conf_run_dir("/nonexistent/x", &path, NULL), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	struct err e = { 0 };
	struct conf *c;

	ck_assert_int_eq(conf_load("/nonexistent/g.conf", NULL, &c, &e), ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(e.msg, "/nonexistent/g.conf"));
	ck_assert_int_eq(conf_resolve("/nonexistent/g.conf", -1), 1);
}
END_TEST

START_TEST(lines_and_files_have_limits)
{
	static char text[CONF_LINE_MAX + 64];
	struct said said;
	struct conf *c;

	snprintf(text, sizeof text, "[gateway]\nname = ");
	memset(text + strlen(text), 'x', CONF_LINE_MAX);
	ck_assert_int_eq(load(text, &said, &c), ERR_USAGE);
	ck_assert_msg(strstr(said.errors, ":2: a line of more than 4096 bytes"), "%s", said.errors);
}
END_TEST

/* One more than is allowed: `count` times a piece of text with the number in it. */
static const struct { const char *rule, *head, *piece; int count; const char *says; } many[] = {
	{ "providers", HEAD, "[provider p%d]\nurl = http://h\noperator = o%d\n", PROVIDERS_MAX + 1, "more than 16 [provider] sections" },
	{ "sources", GOOD, "[source p%d]\nurl = http://h/%d\nkind = kubo\n", CONF_SOURCES_MAX, "more than 32 [source] sections" },
	{ "listeners", GOOD "[http]\nlisten =", " 127.0.0.%d:80%d", CONF_LISTENERS_MAX + 1, "more than 8 addresses" },
	{ "signers", GOOD PRODUCT "signers =", " 333333333333333333333333333333333333333333333333333333333333%d%d", SIGNERS_MAX + 1, "more than 8 thumbprints" },
	{ "words", GOOD PRODUCT "channels =", " c%d-%d", CONF_WORDS_MAX + 1, "more than 64 words" },
	{ "prefixes", GOOD "[coap]\ntrusted =", " 192.0.%d.%d", COAP_PREFIXES_MAX + 1, "more than 32 prefixes" },
};

START_TEST(counts_have_limits)
{
	static char text[65536];
	size_t n = (size_t)snprintf(text, sizeof text, "%s", many[_i].head);
	struct said said;
	struct conf *c;

	for (int i = 0; i < many[_i].count; i++) {
		char number[8], *piece = strdup(many[_i].piece), *at;

		/* Two digits each, so that thumbprints keep their length. */
		snprintf(number, sizeof number, "%02d", 10 + i);
		while ((at = strstr(piece, "%d")))
			memcpy(at, number, 2);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", piece);
		free(piece);
	}
	ck_assert_int_eq(load(text, &said, &c), ERR_USAGE);
	ck_assert_msg(strstr(said.errors, many[_i].says) != NULL, "%s: %s", many[_i].rule, said.errors);
}
END_TEST

/* --- table, man page, example --- */

static struct span source_file(const char *name, struct buf *b)
{
	const char *srcdir = getenv("srcdir");
	char path[512];
	struct err e = { 0 };

	snprintf(path, sizeof path, "%s/%s", srcdir ? srcdir : ".", name);
	ck_assert_msg(io_read_file(AT_FDCWD, path, b, &e) == ERR_OK, "%s", e.msg);
	buf_byte(b, 0);
	ck_assert_int_eq(buf_ok(b, &e), ERR_OK);
	return buf_span(b);
}

/* The part of text from the line `start` to the next line that begins with `stop`. */
static char *part(const char *text, const char *start, const char *stop)
{
	const char *from = strstr(text, start), *to;

	if (!from)
		return NULL;
	from += strlen(start);
	to = strstr(from, stop);
	return strndup(from, to ? (size_t)(to - from) : strlen(from));
}

static void default_text(const struct conf_item *item, char *out, size_t cap)
{
	snprintf(out, cap, ".It Ic %s\n.Pq default %s", item->key, item->text ? item->text : "");
}

START_TEST(the_man_page_has_the_table)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_FILE_MAX);
	const struct conf_section *kind = &conf_sections[_i];
	const char *page = (const char *)source_file("man/gatepost.conf.5", &b).p;
	char start[64], line[160];
	autofree char *mine = NULL;
	size_t items = 0;

	snprintf(start, sizeof start, "\n.Ss [%s%s] section\n", kind->word, !kind->count_at ? "" : strcmp(kind->word, "product") ? " NAME" : " VENDOR/MODEL");
	mine = part(page, start, "\n.S");
	ck_assert_msg(mine != NULL, "gatepost.conf(5) has no %s", start);
	for (size_t i = 0; i < kind->items_n; i++) {
		const struct conf_item *item = &kind->items[i];

		if (item->text && *item->text)
			default_text(item, line, sizeof line);
		else
			snprintf(line, sizeof line, ".It Ic %s\n%s", item->key, item->text ? "" : ".Pq required");
		ck_assert_msg(strstr(mine, line) != NULL, "gatepost.conf(5), [%s]: no \"%s\"", kind->word, line);
	}
	for (const char *p = mine; (p = strstr(p, "\n.It Ic ")); p++)
		items++;
	ck_assert_msg(items == kind->items_n, "gatepost.conf(5), [%s] has %zu keys, the table %zu", kind->word, items, kind->items_n);
}
END_TEST

/* A setting stands in the example as "key = value" or "#key = value", in its section. */
static bool example_has(const char *section, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = section; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (*p == '#')
			p++;
		if (strncmp(p, key, n) == 0 && strncmp(p + n, " =", 2) == 0)
			return true;
	}
	return false;
}

START_TEST(the_example_has_the_table)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_FILE_MAX);
	const struct conf_section *kind = &conf_sections[_i];
	const char *text = (const char *)source_file("etc/gatepost.conf", &b).p;
	autofree char *mine = NULL;
	char start[64];

	snprintf(start, sizeof start, "[%s%s", kind->word, kind->count_at ? " " : "]");
	mine = part(text, start, "\n[");
	ck_assert_msg(mine != NULL, "the example has no %s", start);
	for (size_t i = 0; i < kind->items_n; i++)
		ck_assert_msg(example_has(mine, kind->items[i].key), "the example's [%s] has no %s", kind->word, kind->items[i].key);
}
END_TEST

/* Every line of the example, comments taken away from settings, is known; only placeholders are refused. */
START_TEST(the_example_is_refused_for_its_placeholders_only)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_FILE_MAX);
	struct said said;
	struct conf *c;
	char *line, *rest;

	ck_assert_int_eq(load((const char *)source_file("etc/gatepost.conf", &b).p, &said, &c), ERR_USAGE);
	rest = said.errors;
	for (unsigned n = 0; (line = strsep(&rest, "\n")) && *line; n++)
		ck_assert_msg(strstr(line, "placeholder") != NULL, "%s", line);
	ck_assert_str_eq(said.warnings, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_test(t, defaults_are_the_documented_ones);
	tcase_add_loop_test(t, refuses, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_loop_test(t, accepts, 0, (int)(sizeof fine / sizeof *fine));
	tcase_add_test(t, every_value_arrives);
	tcase_add_test(t, drop_ins_replace_by_name);
	tcase_add_test(t, drop_ins_that_cannot_be_looked_at_are_an_error_and_not_none);
	tcase_add_test(t, all_errors_are_said);
	tcase_add_test(t, the_resolved_form_says_the_same);
	tcase_add_loop_test(t, a_secret_is_found, 0, 4);
	tcase_add_test(t, the_server_gets_no_secret);
	tcase_add_test(t, a_damaged_resolved_form_is_refused);
	tcase_add_test(t, the_run_dir_is_found_without_judging);
	tcase_add_test(t, a_missing_file_is_named);
	tcase_add_test(t, lines_and_files_have_limits);
	tcase_add_loop_test(t, counts_have_limits, 0, (int)(sizeof many / sizeof *many));
	tcase_add_loop_test(t, the_man_page_has_the_table, 0, (int)conf_sections_n);
	tcase_add_loop_test(t, the_example_has_the_table, 0, (int)conf_sections_n);
	tcase_add_test(t, the_example_is_refused_for_its_placeholders_only);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
