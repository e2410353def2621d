# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The TwinHSM authors
#
# The firmware's targets, included by the Makefile. Needs the Debian packages of `scripts/setup rp2040`.
#
#   PICO_BOARD                            a board of the SDK with an RP2040: pico (default), waveshare_rp2040_zero, ...
#   USB_VID USB_PID                       16 bits each, as 0x1234; docs/usb-ids.md
#   USB_MANUFACTURER USB_PRODUCT          names, at most 63 characters

PICO_BOARD ?= pico
USB_VID ?= 0x1209
USB_PID ?= 0x0001
USB_MANUFACTURER ?= TwinHSM
USB_PRODUCT ?= TwinHSM

RP2040_SDK := build/src/pico-sdk
RP2040_B := build/rp2040
empty :=
space := $(empty) $(empty)

$(RP2040_SDK)/.stamp: scripts/get-pico-sdk | $(MBEDTLS)/.stamp
	scripts/get-pico-sdk

# Offset in flash that a program must not reach: the chip less store, secret and test sector (rp2040/layout.h).
rp2040_limit = $$(($$(sed -n 's/.*LENGTH = *//p' $(1)/pico_flash_region.ld) - 128 * 4096 - 2 * 4096))

# rp2040_build DIRECTORY TEST: configures and builds there. CMake finds out what has changed.
define rp2040_build
	@mkdir -p $(RP2040_B)
	@cmake -S rp2040 -B $(1) -G Ninja -Wno-dev --log-level=WARNING -DCMAKE_BUILD_TYPE=Release \
	    -DPICO_SDK_PATH=$(CURDIR)/$(RP2040_SDK) -DPICO_BOARD=$(PICO_BOARD) -DPICO_NO_PICOTOOL=1 \
	    -DTWINHSM_TREE=$(CURDIR) -DTWINHSM_MBEDTLS=$(CURDIR)/$(MBEDTLS) \
	    "-DTWINHSM_MBEDTLS_FILES=$(subst $(space),;,$(strip $(MBEDTLS_FILES)))" \
	    -DTWINHSM_USB_VID=$(USB_VID) -DTWINHSM_USB_PID=$(USB_PID) \
	    "-DTWINHSM_USB_MANUFACTURER=$(USB_MANUFACTURER)" "-DTWINHSM_USB_PRODUCT=$(USB_PRODUCT)" \
	    -DTWINHSM_TEST=$(2) >$(1).log 2>&1 || { cat $(1).log; exit 1; }
	@cmake --build $(1) -j $(or $(JOBS),$(shell nproc)) >$(1).log 2>&1 || { cat $(1).log; exit 1; }
	@$(RP2040_B)/bin2uf2 $(1)/twinhsm.bin $(1)/twinhsm.uf2 $(call rp2040_limit,$(1))
endef

.PHONY: rp2040
rp2040: $(RP2040_SDK)/.stamp $(MBEDTLS)/.stamp $(RP2040_B)/bin2uf2 ## build the firmware: build/rp2040/twinhsm.uf2 (PICO_BOARD=pico)
	$(call rp2040_build,$(RP2040_B)/$(PICO_BOARD),0)
	@cp $(RP2040_B)/$(PICO_BOARD)/twinhsm.uf2 $(RP2040_B)/$(PICO_BOARD)/twinhsm.elf $(RP2040_B)/
	@$(if $(filter pico,$(PICO_BOARD)),scripts/rp2040-size $(RP2040_B)/twinhsm.elf)

.PHONY: rp2040-test-build
rp2040-test-build: $(RP2040_SDK)/.stamp $(MBEDTLS)/.stamp $(RP2040_B)/bin2uf2
	$(call rp2040_build,$(RP2040_B)/$(PICO_BOARD)-test,1)

$(RP2040_B)/bin2uf2: rp2040/tools/bin2uf2.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 -O1 $(WARNINGS) -o $@ $<

# The emulated board's boot ROM, and the emulator.
$(RP2040_B)/bootrom.bin: tests/rp2040/bootrom/bootrom.S tests/rp2040/bootrom/bootrom.c tests/rp2040/bootrom/bootrom.ld
	@mkdir -p $(@D)
	@arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb -Os -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns \
	    -nostdlib -Wall -Wextra -Werror -Wl,-T,tests/rp2040/bootrom/bootrom.ld -Wl,--build-id=none \
	    -o $(@:.bin=.elf) $(filter %.S %.c,$^)
	@arm-none-eabi-objcopy -O binary $(@:.bin=.elf) $@

$(RP2040_B)/js/.stamp: tests/rp2040/package.json tests/rp2040/package-lock.json
	@mkdir -p $(@D)
	@cp $^ $(@D)/
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 || { cat npm.log; exit 1; }
	@touch $@

# What needs no RP2040, on the host, with its word size.
$(RP2040_B)/test_host: tests/rp2040/test_host.c tests/rp2040/host_words.h rp2040/modinv.c rp2040/modinv.h \
    rp2040/health.c rp2040/health.h $(MBEDTLS)/.stamp
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -w -I. -I$(MBEDTLS)/library $(MBEDTLS_FLAGS) \
	    -DMBEDTLS_USER_CONFIG_FILE='"tests/rp2040/host_words.h"' -o $@ $(filter rp2040/%.c tests/%.c,$^) \
	    hsm/crypto/heap.c hsm/crypto/util.c $(addprefix $(MBEDTLS)/library/,bignum.c bignum_core.c constant_time.c \
	    platform_util.c ecp.c ecp_curves.c) -lcmocka

RP2040_TEST := rp2040 rp2040-test-build $(RP2040_B)/bootrom.bin $(RP2040_B)/js/.stamp

.PHONY: test-rp2040 test-rp2040-full bench-rp2040
test-rp2040: $(RP2040_TEST) $(RP2040_B)/test_host ## the firmware's real image on an emulated board
	@$(MAKE) --no-print-directory VARIANT=test build/test/bin/run_transcript build/test/bin/twinhsmd
	@$(MAKE) --no-print-directory VARIANT=release build/release/bin/twinhsmd
	@scripts/test-rp2040

test-rp2040-full: $(RP2040_TEST) $(RP2040_B)/test_host ## the same with everything that is slow: an hour
	@$(MAKE) --no-print-directory VARIANT=test build/test/bin/run_transcript build/test/bin/twinhsmd
	@$(MAKE) --no-print-directory VARIANT=release build/release/bin/twinhsmd
	@scripts/test-rp2040 --full

bench-rp2040: $(RP2040_TEST) ## what each command takes on the firmware; LONG=1 for RSA keygen and 4096 bits
	@node tests/rp2040/bench.js $(if $(LONG),--long)
