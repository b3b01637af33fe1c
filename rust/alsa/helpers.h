/* SPDX-License-Identifier: GPL-2.0 */
/* For bindgen: all functions in C that the crate calls. */

#include "helpers.c"
#include "quirks.c"
#if IS_BUILTIN(CONFIG_KUNIT)
#include "layout.c"
#endif
