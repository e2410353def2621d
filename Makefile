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

CFLAGS_ALL := -std=c11 $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE) $(DEFINES) -I. -MMD -MP $(CFLAGS)
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

$(MBEDTLS_B)/%.o: $(MBEDTLS)/library/%.c $(MBEDTLS_B)/flags
	@mkdir -p $(@D)
	$(Q_CC)$(CC) -std=c11 $(OPTIMISE) -w $(HARDENING) $(SANITIZE) -ffunction-sections -I. $(MBEDTLS_FLAGS) \
	    -MD -MP $(CFLAGS) -c -o $@ $<

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

# Users before the used.
LIBS := $(LIBEMULATOR) $(LIBHSM) $(LIBSTORAGE) $(LIBMBEDCRYPTO)
SYSTEM_LIBS := -lsqlite3 -pthread

PROGRAMS := $(if $(wildcard emulator/*.c),$(B)/bin/twinhsmd)

%.a:
	@mkdir -p $(@D)
	$(Q_AR)rm -f $@ && $(AR) crD $@ $^

$(B)/bin/twinhsmd: $(LIBS)
	@mkdir -p $(@D)
	$(Q_LD)$(CC) $(LDFLAGS_ALL) $(LINK_SANITIZE_EXE) -o $@ -Wl,--undefined=main $(LIBS) $(SYSTEM_LIBS)

# The engine may not know an OS: no POSIX names there, and mbedTLS only in hsm/crypto.
# -MD, because the configuration is included by a system header: -MMD would not see it.
$(B)/obj/hsm/crypto/%.o: EXTRA := $(MBEDTLS_FLAGS) -MD
$(B)/obj/storage/%.o $(B)/obj/emulator/%.o: EXTRA := -D_GNU_SOURCE
$(B)/obj/tests/%.o: EXTRA := -D_GNU_SOURCE $(MBEDTLS_FLAGS) -MD
$(B)/obj/hsm/crypto/%.o $(B)/obj/tests/%.o: | $(MBEDTLS)/.stamp

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q_CC)$(CC) $(CFLAGS_ALL) $(EXTRA) -c -o $@ $<

# Rebuild when a flag or the compiler changes.
FLAGS_NOW := $(shell $(CC) -dumpfullversion -dumpversion 2>/dev/null) $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(MBEDTLS_FLAGS)
ifneq ($(strip $(FLAGS_NOW)),$(strip $(file <$(B)/flags)))
.PHONY: force
$(B)/flags: force
	@mkdir -p $(@D)
	$(file >$@,$(FLAGS_NOW))@:
endif
$(MBEDTLS_B)/flags:
	@mkdir -p $(@D) && touch $@

# Short lines while building; `make V=1` shows the commands.
ifeq ($(V),)
Q_CC = @echo "  CC      $@";
Q_AR = @echo "  AR      $@";
Q_LD = @echo "  LD      $@";
endif

.PHONY: all
all: $(PROGRAMS) $(LIBS) ## build the daemon: build/release/bin/twinhsmd

-include $(shell find $(B) $(MBEDTLS_B) -name '*.d' 2>/dev/null)
