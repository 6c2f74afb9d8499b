# SPDX-License-Identifier: GPL-2.0-only
# The Makefile of tools/testing/selftests/kvm in miniature: the variables that it
# and lib.mk have between them, and the names of the programs.
UNAME_M := x86_64
TEST_PROGS := x86_64/demo.sh
TEST_GEN_PROGS := $(OUTPUT)/x86_64/demo_test
CFLAGS += -g -I$(LINUX_HDR_PATH) $(KHDR_INCLUDES)

all: $(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED)

$(OUTPUT)/%: %.c
	mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $< -o $@
