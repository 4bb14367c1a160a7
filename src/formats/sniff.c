/* sniff.c: see sniff.h. Each row is a magic at an offset. */
#include "formats/sniff.h"

static const struct { const char *name; size_t at, n; const char *magic; } magics[] = {
	{ "mcuboot", 0, 4, "\x3d\xb8\xf3\x96" },	/* 0x96f3b83d, little-endian: MCUboot's image header */
	{ "uf2", 0, 8, "UF2\nWQ]\x9e" },		/* Microsoft UF2, both start words */
	{ "elf", 0, 4, "\x7f" "ELF" },
	{ "uboot", 0, 4, "\x27\x05\x19\x56" },		/* legacy uImage, IH_MAGIC */
	{ "uboot", 0, 4, "\xd0\x0d\xfe\xed" },		/* FIT: a flattened device tree */
	{ "rauc", 0, 4, "hsqs" },			/* a RAUC bundle begins as squashfs */
	{ "swu", 0, 6, "070701" },			/* SWUpdate: a cpio archive, new ASCII or */
	{ "swu", 0, 6, "070702" },			/* with checksums */
	{ "esp", 0, 1, "\xe9" },			/* ESP image header */
};

static bool is_hex_record(struct span head)
{
	if (head.n < 11 || head.p[0] != ':')
		return false;
	for (size_t i = 1; i < 11; i++)
		if (!memchr("0123456789ABCDEFabcdef", head.p[i], 22))
			return false;
	return true;
}

const char *sniff(struct span head)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (span_eq(span_cut(head, magics[i].at, magics[i].n), SPAN(magics[i].magic, magics[i].n)))
			return magics[i].name;
	return is_hex_record(head) ? "ihex" : "raw";
}
