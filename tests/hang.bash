# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# hang.bash - the one bound on wall time that tests have: what takes longer, in seconds, hangs.
# A machine with a load of 11 needs some 20 s for what takes 1 s.
export HANG=300
