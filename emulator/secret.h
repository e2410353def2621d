// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef EMULATOR_SECRET_H
#define EMULATOR_SECRET_H

/*
 * The device secret of a card in a file: 32 random bytes, readable by the owner alone. A card cannot be
 * opened without it, so it is only ever made together with a new card.
 *
 * Where it comes from: the file given by --secret, otherwise the systemd credential twinhsm-secret
 * (systemd.exec(5), LoadCredential=), otherwise the file next to the card, named as the card with .secret
 * behind.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/hsm.h"

#define SECRET_CREDENTIAL "twinhsm-secret"

struct secret_source {
    char path[4096];
    bool credential; /* made and guarded by systemd */
};

/* secret_locate: finds out where the secret of the card file `card` is, or is to be; `given` is the path of
 * --secret, or NULL. Returns 0, or -1 with `message` when the path is too long. */
int secret_locate(struct secret_source *source, const char *card, const char *given, char *message,
                  size_t message_size);

/* secret_exists: whether there is something under that name. */
bool secret_exists(const struct secret_source *source);

/* secret_read: reads and checks it: 32 bytes, a plain file, of this user or root, closed to all others.
 * Returns 0, or -1 with one line in `message`. */
int secret_read(const struct secret_source *source, uint8_t out[HSM_DEVICE_SECRET_LEN], char *message,
                size_t message_size);

/* secret_create: makes it of random bytes, durably, and never in place of another. Returns 0, or -1 with one
 * line in `message`. */
int secret_create(const struct secret_source *source, uint8_t out[HSM_DEVICE_SECRET_LEN], char *message,
                  size_t message_size);

#endif
