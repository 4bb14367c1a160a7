/* publisher.c: the publisher's subcommands, as a table; each is done in the file of its group. */
#include "cli/publisher.h"

#define END { NULL }
#define PUBLISHER(fn) sizeof(struct publisher_options), fn

static const struct opt keygen_options[] = {
	{ "type", OPT_TEXT, OPT_AT(type), "TYPE", "es256 (default), ed25519 or es256k" }, OPT_OUT, END,
};
static const struct opt register_options[] = { OPT_PRODUCT, OPT_SIGNERS, OPT_THRESHOLD, OPTS_CHAIN, END };
static const struct opt publisher_options[] = {
	OPT_PRODUCT,
	{ "allow", OPT_FLAG, OPT_AT(allow), NULL, "the address may publish from now on" },
	{ "refuse", OPT_FLAG, OPT_AT(refuse), NULL, "it may not, from now on" },
	OPTS_CHAIN, END,
};
static const struct opt floor_options[] = {
	OPT_PRODUCT, { "reason", OPT_TEXT, OPT_AT(reason), "TEXT", "why, for the record" }, OPTS_CHAIN, END,
};
static const struct opt owner_options[] = {
	OPT_PRODUCT,
	{ "accept", OPT_FLAG, OPT_AT(accept), NULL, "take the product that was offered to the wallet" },
	{ "withdraw", OPT_FLAG, OPT_AT(withdraw), NULL, "take an offer back" },
	OPTS_CHAIN, END,
};
static const struct opt new_options[] = {
	OPT_PRODUCT,
	{ "sequence", OPT_TEXT, OPT_AT(sequence), "N", "default: the next one, asked of --rpc and --registry" },
	OPTS_ABOUT, OPT_KEYS, OPT_OUT, OPTS_CHAIN, END,
};
static const struct opt sign_options[] = { OPT_KEYS, OPT_OUT, END };
static const struct opt merge_options[] = { OPT_OUT, END };
static const struct opt check_options[] = {
	OPT_IMAGE, OPT_SIGNERS, OPT_THRESHOLD, OPT_RPC, OPT_REGISTRY, OPT_REGISTRANT, OPT_WALLET, OPT_PASSWORD, OPT_CODE_HASH,
	OPT_CA_FILE, END,
};
static const struct opt publish_options[] = {
	OPT_PRODUCT, OPTS_ABOUT, OPT_KEYS,
	{ "manifest", OPT_TEXT, OPT_AT(manifest), "FILE", "publish this signed manifest, made elsewhere" },
	{ "upload", OPT_LIST, OPT_AT(uploads), "TARGET", "kubo:URL[#TOKEN-FILE], dir:PATH or pinning:URL[#TOKEN-FILE]" },
	{ "need", OPT_NUMBER, OPT_AT(need), "N", "publish when N targets gave the image back (default: when all targets did their part)" },
	{ "pin-wait", OPT_NUMBER, OPT_AT(pin_wait), "SECONDS", "for a pinning service to have its copy (default: 600)" },
	{ "dry-run", OPT_FLAG, OPT_AT(dry_run), NULL, "check everything, send nothing" },
	{ "only-upload", OPT_FLAG, OPT_AT(only_upload), NULL, "upload and read back, nothing else; needs no wallet" },
	{ "only-car", OPT_FLAG, OPT_AT(only_car), NULL, "write the image's archive to --out, nothing else" },
	OPT_OUT, OPTS_CHAIN, END,
};
static const struct opt deploy_options[] = { OPT_WALLET, OPT_PASSWORD, OPT_RPC, OPT_CA_FILE, END };
static const struct opt no_options[] = { END };

const struct command publisher_commands[] = {
	{ "keygen", "--type es256|ed25519|es256k --out FILE", "make a key that signs releases",
	  keygen_options, PUBLISHER(run_keygen) },
	{ "registry deploy", "--wallet FILE --rpc URL", "put a registry of one's own on a chain",
	  deploy_options, PUBLISHER(run_registry_deploy) },
	{ "product register", "PRODUCT --signer KEY … --threshold N --wallet FILE --rpc URL --registry 0x…",
	  "register a product; the wallet becomes its owner and first publisher",
	  register_options, PUBLISHER(run_product_register) },
	{ "product signers", "PRODUCT --signer KEY … --threshold N --wallet FILE --rpc URL --registry 0x…",
	  "replace the keys that sign releases; without --signer: show them",
	  register_options, PUBLISHER(run_product_signers) },
	{ "product publisher", "PRODUCT 0xADDRESS --allow|--refuse --wallet FILE --rpc URL --registry 0x…",
	  "say who may publish", publisher_options, PUBLISHER(run_product_publisher) },
	{ "product floor", "PRODUCT SEQUENCE --reason TEXT --wallet FILE --rpc URL --registry 0x…",
	  "revoke every release below a sequence number", floor_options, PUBLISHER(run_product_floor) },
	{ "product owner", "PRODUCT 0xADDRESS|--accept|--withdraw --wallet FILE --rpc URL --registry 0x…",
	  "offer the product to another owner, or take an offer", owner_options, PUBLISHER(run_product_owner) },
	{ "manifest new", "--product VENDOR/MODEL --version TEXT --image FILE --sequence N --out FILE",
	  "make a release's manifest, to be signed elsewhere", new_options, PUBLISHER(run_manifest_new) },
	{ "manifest sign", "FILE --signing-key KEY … --out FILE", "add signatures", sign_options, PUBLISHER(run_manifest_sign) },
	{ "manifest merge", "FILE FILE … --out FILE", "bring signatures of one manifest together",
	  merge_options, PUBLISHER(run_manifest_merge) },
	{ "manifest check", "FILE [--image FILE] [--signer KEY … --threshold N | --rpc URL --registry 0x…]",
	  "check a manifest as gateways do", check_options, PUBLISHER(run_manifest_check) },
	{ "publish", "--product VENDOR/MODEL --version TEXT --image FILE --signing-key KEY --wallet FILE --rpc URL --registry 0x… "
	  "--upload TARGET", "publish a release", publish_options, PUBLISHER(run_publish) },
	{ "revoke", "PRODUCT SEQUENCE --reason TEXT --wallet FILE --rpc URL --registry 0x…", "revoke a release",
	  floor_options, PUBLISHER(run_revoke) },
	{ "inspect", "FILE|CID", "say what a manifest, image, archive, key or CID is", no_options, PUBLISHER(run_inspect) },
	END,
};
