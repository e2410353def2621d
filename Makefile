# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# Everything is built under build/VARIANT:
#   release  what is installed and run (default)
#   test     the same with HSM_TEST_BUILD=1, which lets a test seed the DRBG
#   asan     test, with AddressSanitizer and UndefinedBehaviorSanitizer
#   fuzz     asan, by clang with libFuzzer
# `make VARIANT=asan all` builds another variant; the test targets choose theirs themselves.

VARIANT ?= release
PREFIX ?= /usr/local
DESTDIR ?=

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# All processors, unless the caller chose.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
endif

B := build/$(VARIANT)

# Flags of the variants

CC := cc
AR := ar
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
    -Wformat=2 -Wundef -Wwrite-strings -Wpointer-arith -Wcast-qual -Werror
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LINK_HARDENING := -pie -Wl,-z,relro,-z,now,-z,noexecstack
DEFINES :=

ifeq ($(VARIANT),release)
OPTIMISE := -O2 -g
else ifeq ($(VARIANT),test)
OPTIMISE := -O2 -g
DEFINES += -DHSM_TEST_BUILD=1
else ifeq ($(VARIANT),asan)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(VARIANT),fuzz)
CC := clang
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_SANITIZE := -fsanitize=fuzzer
else
$(error VARIANT=$(VARIANT): there are release, test, asan and fuzz)
endif

ifdef SANITIZE
OPTIMISE := -O1 -g
DEFINES += -DHSM_TEST_BUILD=1
# Fortified calls would hide overflows from the sanitizers.
HARDENING := -fPIE
endif

CFLAGS_ALL := -std=c11 $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE) $(DEFINES) -I. -MP $(CFLAGS)
LDFLAGS_ALL := $(LINK_HARDENING) $(SANITIZE) $(LDFLAGS)

# mbedTLS: the files that the configuration leaves anything in

MBEDTLS := build/src/mbedtls
MBEDTLS_FLAGS := -isystem $(MBEDTLS)/include -DMBEDTLS_CONFIG_FILE='"hsm/crypto/mbedtls_config.h"'
MBEDTLS_FILES := aes aesce aesni asn1parse asn1write bignum bignum_core bignum_mod bignum_mod_raw block_cipher ccm \
    chacha20 chachapoly cipher cipher_wrap cmac constant_time ctr_drbg des ecdh ecdsa ecp ecp_curves ecp_curves_new \
    gcm hkdf hmac_drbg md oid pkcs5 platform_util poly1305 ripemd160 rsa rsa_alt_helpers sha1 sha256 sha512
# The test variant differs from release in a definition that mbedTLS does not look at.
MBEDTLS_B := build/$(VARIANT:test=release)/mbedtls
LIBMBEDCRYPTO := $(MBEDTLS_B)/libmbedcrypto.a

$(MBEDTLS)/.stamp: scripts/get-mbedtls
	scripts/get-mbedtls

# The sources are there once the stamp is.
$(MBEDTLS_FILES:%=$(MBEDTLS)/library/%.c): $(MBEDTLS)/.stamp ;

# -O3: a P-256 signature takes 0.204 ms instead of 0.227, an RSA-2048 one 1.85 instead of 2.09; 42 KB more code.
MBEDTLS_CFLAGS := -std=c11 $(OPTIMISE:-O2=-O3) -w $(HARDENING) $(SANITIZE) -ffunction-sections -I. $(MBEDTLS_FLAGS) \
    -MD -MP $(CFLAGS)

$(MBEDTLS_B)/%.o: $(MBEDTLS)/library/%.c $(MBEDTLS_B)/flags
	@mkdir -p $(@D)
	$(Q_CC)$(CC) $(MBEDTLS_CFLAGS) -c -o $@ $<

$(LIBMBEDCRYPTO): $(MBEDTLS_FILES:%=$(MBEDTLS_B)/%.o)

# The product

# objects DIR...: the object files of all C files directly in these directories.
objects = $(patsubst %.c,$(B)/obj/%.o,$(sort $(foreach d,$(1),$(wildcard $(d)/*.c))))

LIBHSM := $(B)/lib/libhsm.a
LIBSTORAGE := $(B)/lib/libstorage.a
LIBEMULATOR := $(B)/lib/libemulator.a
$(LIBHSM): $(call objects,hsm hsm/crypto)
$(LIBSTORAGE): $(call objects,storage)
$(LIBEMULATOR): $(call objects,emulator)

# In a group when linked: mbedTLS takes its memory from hsm/crypto, which calls mbedTLS.
GROUP := -Wl,--start-group
END_GROUP := -Wl,--end-group
LIBS := $(LIBEMULATOR) $(LIBHSM) $(LIBSTORAGE) $(LIBMBEDCRYPTO)
SYSTEM_LIBS := -lsqlite3 -pthread

PROGRAMS := $(if $(wildcard emulator/*.c),$(B)/bin/twinhsmd)

%.a:
	@mkdir -p $(@D)
	$(Q_AR)rm -f $@ && $(AR) crD $@ $^

$(B)/bin/twinhsmd: $(LIBS)
	@mkdir -p $(@D)
	$(Q_LD)$(CC) $(LDFLAGS_ALL) -o $@ $(GROUP) $(LIBS) $(END_GROUP) $(SYSTEM_LIBS)

# The engine may not know an OS: no POSIX names there, and mbedTLS only in hsm/crypto.
# -MD, because the configuration is included by a system header: -MMD would not see it.
$(B)/obj/hsm/crypto/%.o: EXTRA := $(MBEDTLS_FLAGS)
$(B)/obj/storage/%.o $(B)/obj/emulator/%.o: EXTRA := -D_GNU_SOURCE
$(B)/obj/tests/%.o: EXTRA := -D_GNU_SOURCE $(MBEDTLS_FLAGS)
$(B)/obj/tests/bench/%.o: EXTRA := -D_GNU_SOURCE $(MBEDTLS_FLAGS) -isystem /usr/include/PCSC
$(B)/obj/tests/tools/%_shim.o: EXTRA := -D_GNU_SOURCE -fPIC
# By name: a pattern rule without a recipe would add nothing.
$(call objects,hsm/crypto $(wildcard tests/*)): | $(MBEDTLS)/.stamp

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q_CC)$(CC) $(CFLAGS_ALL) -MD $(EXTRA) -c -o $@ $<

# Rebuild when a flag or the compiler changes.
COMPILER := $(shell $(CC) -dumpfullversion -dumpversion 2>/dev/null) $(CC)
FLAGS_NOW := $(COMPILER) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(MBEDTLS_FLAGS)
MBEDTLS_FLAGS_NOW := $(COMPILER) $(MBEDTLS_CFLAGS)
.PHONY: force
ifneq ($(strip $(FLAGS_NOW)),$(strip $(file <$(B)/flags)))
$(B)/flags: force
	$(shell mkdir -p $(@D))$(file >$@,$(FLAGS_NOW))@:
endif
ifneq ($(strip $(MBEDTLS_FLAGS_NOW)),$(strip $(file <$(MBEDTLS_B)/flags)))
$(MBEDTLS_B)/flags: force
	$(shell mkdir -p $(@D))$(file >$@,$(MBEDTLS_FLAGS_NOW))@:
endif

# Short lines while building; `make V=1` shows the commands.
ifeq ($(V),)
Q_CC = @echo "  CC      $@";
Q_AR = @echo "  AR      $@";
Q_LD = @echo "  LD      $@";
endif

# Test programs

SUPPORT := $(B)/lib/libsupport.a
$(SUPPORT): $(call objects,tests/support)

# One program for each file test_*.c, named after it whatever its directory.
POWERCUT_FILES := $(wildcard tests/powercut/test_*.c tests/unit/test_*powercut*.c)
UNIT_FILES := $(filter-out $(POWERCUT_FILES),$(wildcard tests/unit/test_*.c))
VECTOR_FILES := $(wildcard tests/vectors/test_*.c)
test_programs = $(patsubst %.c,$(B)/tests/%,$(notdir $(1)))
TEST_PROGRAMS := $(call test_programs,$(POWERCUT_FILES) $(UNIT_FILES) $(VECTOR_FILES))

# OpenSSL judges what the card computes, so that mbedTLS is not its own witness.
TEST_LIBS := -lcmocka -lcrypto

define link_test
@mkdir -p $(@D)
$(Q_LD)$(CC) $(LDFLAGS_ALL) -o $@ $(GROUP) $^ $(END_GROUP) $(SYSTEM_LIBS) $(TEST_LIBS)
endef
$(B)/tests/%: $(B)/obj/tests/unit/%.o $(SUPPORT) $(LIBS)
	$(link_test)
$(B)/tests/%: $(B)/obj/tests/vectors/%.o $(SUPPORT) $(LIBS)
	$(link_test)
$(B)/tests/%: $(B)/obj/tests/powercut/%.o $(SUPPORT) $(LIBS)
	$(link_test)

# Programs that tests and the benchmark call.
TOOL_FILES := $(wildcard tests/tools/*.c)
SHIM_FILES := $(filter %_shim.c,$(TOOL_FILES))
BENCH_FILES := $(wildcard tests/bench/bench_*.c)
TOOLS := $(if $(wildcard tests/transcripts/run_transcript.c),$(B)/bin/run_transcript) \
    $(patsubst tests/tools/%.c,$(B)/bin/%,$(filter-out $(SHIM_FILES),$(TOOL_FILES))) \
    $(patsubst tests/tools/%.c,$(B)/lib/%.so,$(SHIM_FILES))
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(B)/bin/%,$(BENCH_FILES))

$(B)/bin/run_transcript: $(call objects,tests/transcripts) $(SUPPORT) $(LIBS)
	$(link_test)
$(B)/bin/%: $(B)/obj/tests/tools/%.o $(SUPPORT) $(LIBS)
	$(link_test)
$(B)/bin/bench_%: $(B)/obj/tests/bench/bench_%.o \
    $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(BENCH_FILES),$(wildcard tests/bench/*.c))) $(SUPPORT) $(LIBS)
	@mkdir -p $(@D)
	$(Q_LD)$(CC) $(LDFLAGS_ALL) -o $@ $(GROUP) $^ $(END_GROUP) $(SYSTEM_LIBS) $(TEST_LIBS) -lpcsclite
$(B)/lib/%.so: $(B)/obj/tests/tools/%.o
	@mkdir -p $(@D)
	$(Q_LD)$(CC) -shared -o $@ $^ -ldl

FUZZ_FILES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/bin/%,$(FUZZ_FILES))
ifeq ($(VARIANT),fuzz)
$(B)/bin/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(SUPPORT) $(LIBS)
	@mkdir -p $(@D)
	$(Q_LD)$(CC) $(LDFLAGS_ALL) $(LINK_SANITIZE) -o $@ $(GROUP) $^ $(END_GROUP) $(SYSTEM_LIBS) $(TEST_LIBS)
endif

# Objects made on the way to a program are kept.
.SECONDARY:

# What the test script builds and asks for.
.PHONY: test-programs bench-programs fuzzers list-unit list-vectors list-powercut list-fuzzers list-sources
test-programs: $(PROGRAMS) $(TEST_PROGRAMS) $(TOOLS)
bench-programs: $(PROGRAMS) $(BENCH_PROGRAMS)
fuzzers: $(FUZZERS)
list-unit:
	@printf '%s\n' $(sort $(call test_programs,$(UNIT_FILES)))
list-vectors:
	@printf '%s\n' $(sort $(call test_programs,$(VECTOR_FILES)))
list-powercut:
	@printf '%s\n' $(sort $(call test_programs,$(POWERCUT_FILES)))
list-fuzzers:
	@printf '%s\n' $(sort $(FUZZERS))

# What people call

.PHONY: help all run test bench lint format install clean distclean
help: ## this text
	@echo 'make TARGET... [VARIANT=release|test|asan|fuzz] [V=1]'
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## \(.*\)/    \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

all: $(PROGRAMS) $(LIBS) ## build the daemon: build/release/bin/twinhsmd

# First what is missing on the machine, then the build, then the rest: in this order also under -j.
run: ## install what is missing, build, show keys being backed up and restored by OpenSC, then a shell with the cards
	@scripts/setup run
	@+$(MAKE) --no-print-directory all
	@scripts/demo

test: ## install what is missing, run every test; the last line counts them
	@+scripts/test --setup

TEST_GROUPS := test-unit test-vectors test-transcripts test-powercut test-e2e test-sanitize test-valgrind test-fuzz
.PHONY: $(TEST_GROUPS)
test-unit: ## unit tests
test-vectors: ## published test vectors: NIST CAVP, Wycheproof
test-transcripts: ## APDU transcripts, in process and over the running daemon
test-powercut: ## power cuts at every write of the storage backends and of the card
test-e2e: ## end to end: the real OpenSC against the daemon (bats)
test-sanitize: ## all of the above under AddressSanitizer and UBSan
test-valgrind: ## unit tests under valgrind
test-fuzz: ## each fuzzer over its corpus, and a short while on
$(TEST_GROUPS):
	@+scripts/test $(@:test-%=%)

.PHONY: test-powercut-long
test-powercut-long: ## the same with five times the transactions, and a second cut in every recovery
	@+TWINHSM_POWERCUT_LONG=5 scripts/test powercut

bench: ## APDU timing: the card over vpcd and through pcscd beside mbedTLS alone
	@+$(MAKE) --no-print-directory VARIANT=release bench-programs
	@scripts/bench

lint: ## formatting, clang-tidy, cppcheck, shellcheck, licence headers
	@scripts/lint

format: ## bring all C files into the tree's style
	@scripts/lint --format

install: all ## install the daemon (DESTDIR, PREFIX=/usr/local)
	install -D -m 0755 $(B)/bin/twinhsmd $(DESTDIR)$(PREFIX)/bin/twinhsmd

clean: ## remove what was built, keep what was downloaded
	rm -rf build/release build/test build/asan build/fuzz build/lint

distclean: ## remove build/ altogether
	rm -rf build

# The firmware.
-include rp2040/build.mk

-include $(shell find $(B) $(MBEDTLS_B) -name '*.d' 2>/dev/null)
