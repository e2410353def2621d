// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_BENCH_LINK_H
#define TESTS_BENCH_LINK_H

/* The way to the card under measurement: straight to the daemon's vpcd port, or through pcscd. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* link_open_vpcd: the daemon listens at 127.0.0.1 `port`. link_open_pcsc: the first reader whose name begins
 * with `reader` and that has a card. Both end the program with a message when they fail. */
void link_open_vpcd(uint16_t port);
void link_open_pcsc(const char *reader);

/* link_transmit: sends a command, returns the length of the response with its status word. */
size_t link_transmit(const uint8_t *command, size_t len, uint8_t *response, size_t cap);

void link_close(void);

/* fail: prints a message and ends the program with status 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
