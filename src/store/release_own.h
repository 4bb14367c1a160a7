/* release_own.h: what releases.c (writing) and release_read.c share. */
#ifndef STORE_RELEASE_OWN_H
#define STORE_RELEASE_OWN_H

#include "store/releases.h"
#include "store/store_own.h"

/* Every hardware name with a space after it, and a NUL. */
#define RELEASE_HARDWARE_TEXT_MAX (HARDWARE_MAX * (HARDWARE_NAME_MAX + 1) + 1)

#endif
