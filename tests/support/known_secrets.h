// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_KNOWN_SECRETS_H
#define TESTS_SUPPORT_KNOWN_SECRETS_H

/*
 * Secrets whose bytes a test knows: put on a card through its commands, and searched for afterwards where
 * they must not be.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sends one command; returns its status word. */
typedef uint16_t (*known_secrets_send)(void *ctx, const uint8_t *command, size_t len);

/*
 * known_secrets_load: initialises a blank card and puts on it two PINs, two DKEK shares, an AES, an EC and an
 * RSA key from blobs, and a protected data file; uses each key once; logs out at the end by SELECT. Returns
 * 0, or the status word that was not 9000, with the name of the step in `*step`.
 */
uint16_t known_secrets_load(known_secrets_send send, void *ctx, const char **step);

/*
 * known_secrets_find: searches `data` for each secret: as it is, reversed, in 64-bit and 32-bit limbs of
 * reversed order, and in hexadecimal digits of both cases. Calls `found` for each hit with the secret's name
 * and the form. Returns the number of hits.
 */
size_t known_secrets_find(const uint8_t *data, size_t len,
                          void (*found)(void *ctx, const char *name, const char *form, size_t at), void *ctx);

/* known_secrets_count: how many different byte strings a search looks for. */
size_t known_secrets_count(void);

#endif
