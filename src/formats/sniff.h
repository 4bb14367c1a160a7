/* sniff.h: what kind of firmware a file looks like, for people. It decides nothing (chapter 3, "Image"). */
#ifndef FORMATS_SNIFF_H
#define FORMATS_SNIFF_H

#include "base/span.h"

#define SNIFF_BYTES 512

/* head: the first SNIFF_BYTES of the file, or all of a shorter one. "mcuboot", "esp", "swu", "rauc", "uboot", "elf", "ihex",
 * "uf2" or "raw". */
const char *sniff(struct span head);

#endif
