/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included after the config where a module's compiler is not the kernel's
 * (Makefile.other-compiler): undoes what the config says of the kernel's compiler
 * and this one cannot do. All of it is optional: the headers have another way that
 * changes no structure.
 */
#ifndef __has_attribute
#define __has_attribute(x) 0
#endif

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 11
#undef CONFIG_CC_HAS_ASM_GOTO_OUTPUT		/* gcc 11 */
#undef CONFIG_CC_HAS_ASM_GOTO_TIED_OUTPUT
#endif
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#undef CONFIG_CC_HAS_TYPEOF_UNQUAL		/* gcc 14 */
#endif
#if !__has_attribute(__counted_by__)
#undef CONFIG_CC_HAS_COUNTED_BY
#undef CONFIG_CC_HAS_COUNTED_BY_PTR
#undef CONFIG_CC_HAS_BROKEN_COUNTED_BY_REF
#endif
#if !__has_attribute(__assume__)
#undef CONFIG_CC_HAS_ASSUME
#endif
