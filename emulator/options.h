// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_OPTIONS_H
#define EMULATOR_OPTIONS_H

/*
 * What the user asked for, on the command line and in the configuration file. Both know the same names; the
 * command line wins.
 *
 * The file has one `name = value` on a line, in the names of the long options without their dashes; options
 * without a value are given `yes` or `no`. Empty lines and those that start with # are skipped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/log.h"
#include "hsm/limits.h"

/* vpcd can be built for at most 16 slots (Debian: 2); more cards could never be reached. */
#define OPTIONS_CARDS_MAX 16u

/* vpcd's own port, 8C7B in its configuration. */
#define OPTIONS_DEFAULT_HOST "127.0.0.1"
#define OPTIONS_DEFAULT_PORT 35963u

#define OPTIONS_HOST_MAX 256u /* bytes, with the final zero: DNS allows 255 */

#if HSM_TEST_BUILD
#define OPTIONS_SEED_MAX 48u /* bytes: the seed length of CTR_DRBG with AES-256 */
#endif

enum options_action {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

enum options_ready {
    OPTIONS_READY_TAKEN,   /* READY once the reader has taken every card */
    OPTIONS_READY_SERVING, /* READY once the cards are open and the ports listen, or are dialled */
};

struct options {
    enum options_action action;

    char *cards[OPTIONS_CARDS_MAX]; /* paths of card files; none = the default card */
    size_t card_count;
    unsigned memory; /* number of cards in RAM, 0 = card files */
    char *secret;    /* path, or NULL for the default */
    char *state;     /* path, or NULL for the default */

    bool listen; /* the reader dials us */
    char host[OPTIONS_HOST_MAX];
    uint16_t port; /* of slot 0 */

    uint32_t pin_iterations;
    bool precompute;
    bool sandbox;

    enum log_level log_level;
    enum options_ready ready;
    char *ready_file; /* path, or NULL */
    char *config;     /* path, or NULL */

#if HSM_TEST_BUILD
    uint8_t seed[OPTIONS_SEED_MAX];
    size_t seed_len; /* bytes, 0 = none */
#endif

    /* Where each option's present value comes from; private to options.c. */
    uint8_t origin[32];
};

/*
 * options_parse: reads the command line and the configuration file it names. Paths are copied.
 * Returns 0, or -1 with one line in `message` that says what is wrong. Call options_free in either case.
 */
int options_parse(struct options *options, int argc, char *const *argv, char *message, size_t message_size);

/* options_free: releases what options_parse has allocated. */
void options_free(struct options *options);

/* options_print_help: writes the help text to standard output. */
void options_print_help(void);

#endif
