// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_CARD_IN_USE_H
#define TESTS_SUPPORT_CARD_IN_USE_H

/*
 * A card in the middle of its life, to which tests return after every experiment: initialised with the DKEK
 * CARD_DKEK, the user logged in, key 1 RSA-1024, 2 EC P-256, 3 AES-128, 4 AES-256 with an algorithm list (10,
 * 18) and two uses left, and the files CD01, CF01 and 2F03.
 */

#include "tests/support/card_fixture.h"

struct card_in_use;

struct card_in_use *card_in_use_new(void);
void card_in_use_free(struct card_in_use *self);

/* card_in_use_card: the card itself. */
struct card *card_in_use_card(struct card_in_use *self);

/* card_in_use_return: records, session and random numbers as they were at the start. */
void card_in_use_return(struct card_in_use *self);

/*
 * card_in_use_shrink: RSA keys of the usual exponent are given out without a search (each is key 1 again). A
 * command that asks for another exponent gets the size of 1024 bits written into it, or tests would only
 * search primes.
 */
void card_in_use_shrink(uint8_t *command, size_t len);

#endif
