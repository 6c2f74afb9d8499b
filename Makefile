# SPDX-License-Identifier: GPL-2.0-only
# kernel-kvm: the front door. `make help` lists what there is; the work is done
# by kernel-kvm.spec and the programs in tools/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
# The packages, the sources, the build: one after the other, whatever -j says.
.NOTPARALLEL:

# --- What a call may set (make help) ---------------------------------------------
BASE    ?=
CONFIG  ?= lean
FRAGMENTS ?=
SRPM    ?=
REF     ?=
KEYS    ?=
BUILDID ?=
HOSTS   ?=
WITH    ?=
WITHOUT ?=
DEFINE  ?=
BACKEND ?= svm,vmx
LSMOD   ?=
FAULTS  ?=
SUITES  ?=
ALLOW_UNSIGNED ?=
ALLOW_NO_PATCH ?=
PATCH   ?=
DISTCC_HOSTS ?=
outdir  ?= build/SRPMS

# An SRPM needs none of Debian's linux-source packages.
base_args := $(if $(SRPM),--base none,$(if $(BASE),--base '$(BASE)'))
sources_args := $(if $(SRPM),--srpm '$(SRPM)',$(base_args)) $(if $(REF),--ref '$(REF)') $(foreach k,$(KEYS),--key '$(k)') \
	$(if $(ALLOW_UNSIGNED),--allow-unsigned)
rpm_args := --define 'kconfig $(CONFIG)' $(if $(FRAGMENTS),--define 'kfragments $(FRAGMENTS)') $(if $(BUILDID),--define 'buildid $(BUILDID)') \
	$(if $(ALLOW_NO_PATCH),--define 'allow_no_patch 1') $(if $(HOSTS),--define 'hosts $(HOSTS)') \
	$(foreach w,$(WITH),--with $(w)) $(foreach w,$(WITHOUT),--without $(w)) $(DEFINE)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z].*:.*## /{ printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	cat <<-'END'

	  SRPM=FILE      base SRPM, or a kernel.org tarball (default: made from the distribution)
	  SRPM=DIR REF=COMMIT  a git tree of the kernel as the base
	  BASE=V         on Debian: the base is linux-source-V (default: the host's own kernel)
	  BASE=FILE.deb  a linux-source package file of another suite
	  KEYS="FILE.."  public keys, one of which must have signed the SRPM; ALLOW_UNSIGNED=1: accept it unsigned
	  ALLOW_NO_PATCH=1  build a base even if no patch fits it
	  CONFIG=NAME    lean, full or distro ($(CONFIG))
	  FRAGMENTS="debug .."  more fragments of configs/, by name
	  BUILDID=.NAME  what keeps this kernel apart (.kvm)
	  PATCH="FILE.."  patches of a live patch (default: those of patches/ that the kernel lacks)
	  HOSTS=el8      the oldest hosts that will run the RPMs (default: the base's; tools/spec/host-abi.map)
	  WITH= WITHOUT= switches of the spec, as in WITH="debug headers"
	  DISTCC_HOSTS="HOST/JOBS .."  compile on these machines, too (rpm)
	  DEFINE=...     passed to rpmbuild, as in DEFINE="--define 'modsign_key k.pem'"
	END

# --- Building ---------------------------------------------------------------------
.PHONY: deps
deps: ## install what the build needs (apt, dnf or yum)
	@tools/build-deps --for build $(base_args) --install

# To the end of the recipe, no other one fills SOURCES/ or builds.
fill = . tools/alone.sh 'make $@'; tools/sources $(sources_args)
.PHONY: sources
sources: deps ## fill SOURCES/: base SRPM, its pin, patches, tools
	@$(fill)

# Before packages, downloads and hours of work: is this machine able?
.PHONY: machine
machine:
	@tools/rpm --check $(rpm_args)

.PHONY: rpm
rpm: machine deps ## build the kernel RPMs into build/RPMS/x86_64/
	@$(fill)
	tools/rpm $(if $(DISTCC_HOSTS),--distcc '$(DISTCC_HOSTS)') $(rpm_args)

.PHONY: srpm
srpm: deps ## write the self-contained SRPM into build/SRPMS/ (outdir=)
	@$(fill)
	f=$$(tools/rpm --srpm-only $(rpm_args))
	mkdir -p '$(outdir)'
	[[ $$(realpath "$$f") == $$(realpath '$(outdir)')/* ]] || cp -- "$$f" '$(outdir)/'
	echo "$(outdir)/$${f##*/}"

.PHONY: kmod
kmod: deps ## rebuild only KVM's modules for the kernel of the last make rpm
	@$(fill)
	tools/kmod

# SOURCES/ stays what the kernel was built from.
.PHONY: livepatch
livepatch: ## make a live patch RPM for the kernel of the last make rpm, PATCH="FILE.."
	@tools/build-deps --for livepatch --base none --install
	. tools/alone.sh 'make $@'
	tools/livepatch $(foreach p,$(PATCH),--patch '$(p)')

# --- Configuration ----------------------------------------------------------------
config_targets := config menuconfig nconfig xconfig gconfig oldconfig olddefconfig defconfig alldefconfig \
	allnoconfig allyesconfig allmodconfig tinyconfig randconfig localmodconfig localyesconfig \
	yes2modconfig mod2yesconfig mod2noconfig savedefconfig listnewconfig
.PHONY: $(config_targets) silentoldconfig
menuconfig: ## the kernel's menuconfig (xconfig .. localmodconfig LSMOD="FILE..", docs/config.md): configs/local.config
$(config_targets): sources
	@tools/prepare-tree --config $(CONFIG) --run $@ $(if $(ALLOW_NO_PATCH),--allow-no-patch) $(foreach f,$(FRAGMENTS),--fragment '$(f)') $(foreach f,$(LSMOD),--lsmod '$(f)')

silentoldconfig:
	@tools/spec/kconfig run $@

# --- Proving ----------------------------------------------------------------------
.PHONY: verify
verify: rpm ## install the RPMs into a root, boot it, run kvm-selftest there
	@tools/build-deps --for check $(base_args) --install
	tools/machine/verify --rpms build/rpms.list --out build/verify --backend $(BACKEND)

.PHONY: check-fast
check-fast: ## lint and every test that needs no kernel build (minutes)
	@tools/build-deps --for check --install
	tests/run fast

.PHONY: check
check: ## check-fast, then the RPMs built, installed, booted and self-tested
	@tools/build-deps --for check --install
	tests/run all

.PHONY: check-hosts
check-hosts: ## the tests in roots of other Debian suites (rpm 4.16 to 6), SUITES="trixie sid/spec"; HOSTS_FULL=1: a kernel each
	@tools/build-deps --for check --install
	tests/run hosts $(SUITES)

.PHONY: check-long
check-long: ## the patches live and not on kernels built for it, both bases (an hour)
	@tools/build-deps --for check --install
	tests/run long

.PHONY: lint
lint: ## shellcheck, rpmlint, cppcheck, clang-tidy, mandoc
	@tests/run lint

.PHONY: faults fuzz bench-build bench-vmm reproduce
faults: rpm ## which of tests/faults kvm-selftest finds, FAULTS="NAME.." or all
	@tests/faults/run $(FAULTS)
fuzz: ## every fuzz target for FUZZ_SECONDS (60)
	@$(MAKE) -C vmm fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60)
reproduce: sources ## build twice in two directories, compare every file of every RPM
	@tools/reproduce build $(rpm_args)
bench-build: sources ## rpmbuild beside bare make of the same tree
	@tests/bench/build
bench-vmm: rpm ## kvm-vmm beside bare ioctls, kvmtool and QEMU; LKVM=PROGRAM
	@tests/bench/vmm --rpms build/rpms.list --icount $(if $(LKVM),--lkvm '$(LKVM)')

.PHONY: clean
clean: ## remove build/ and what is generated in SOURCES/
	@tools/clean
