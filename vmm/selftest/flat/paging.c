// SPDX-License-Identifier: GPL-2.0-only
/* flat: page tables and their translations (guest/t_paging.c). */
#define REPORT_PLACE 90
#include "flat/flat.h"

FLAT(page_fault_errors, unit_check(t, "pf_errors"),
     "page faults have the right error code and CR2 (P, W, NX, reserved)", ADVICE_MMU, HW)
FLAT(page_fault_user, unit_check(t, "pf_user"),
     "the user bit is obeyed at every level of the page tables", ADVICE_MMU, HW)
FLAT(smep, unit_check(t, "smep"),
     "SMEP keeps ring 0 from executing user pages", ADVICE_MMU, HW)
FLAT(smap, unit_check(t, "smap"),
     "SMAP keeps ring 0 from user data", ADVICE_MMU, HW)
FLAT(accessed_dirty, unit_check(t, "accessed_dirty"),
     "each access sets the accessed and dirty bits that it should", ADVICE_MMU, HW)
FLAT(tlb_flush, unit_check(t, "tlb_flush"),
     "no translation is stale after INVLPG, CR3, CR4.PGE or INVPCID", ADVICE_MMU, HW)
FLAT(large_pages, unit_check(t, "large_pages"),
     "2 MiB and 1 GiB pages translate, split and join", ADVICE_MMU, HW)
FLAT(page_table_writes, unit_check(t, "page_table_writes"),
     "a changed page table entry takes effect after INVLPG", ADVICE_MMU, HW)
FLAT(cr3_switch, unit_check(t, "cr3_switch"),
     "each CR3 has its own translations", ADVICE_MMU, HW)
FLAT(self_modifying_code, unit_check(t, "self_modifying"),
     "self-modified code runs as modified", ADVICE_MMU, HW)
