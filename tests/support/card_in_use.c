// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/card_in_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/key.h"
#include "storage/memory.h"

/* Key reference of secp256r1: OID and prime. The card knows the curve by it. */
#define P256                                                                                                 \
    "06 0A 04007F00070202020203 81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"

struct card_in_use {
    struct card *card;
    struct hsm session;
    uint64_t random;
    struct store_memory_snapshot *records;
    uint8_t rsa[CRYPTO_RSA_PRIV_MAX];
    size_t rsa_len;
};

static _Noreturn void die(const char *what) {
    fprintf(stderr, "card in use: %s\n", what);
    abort();
}

static void must(struct card *card, const char *hex) {
    if (card_cmd(card, hex) != 0x9000) {
        die(hex);
    }
}

static size_t ready_rsa(void *ctx, size_t bits, uint8_t *priv, size_t cap) {
    const struct card *card = ctx;
    const struct card_in_use *self = card->user;
    if (bits < CRYPTO_RSA_BITS_MIN || bits > CRYPTO_RSA_BITS_MAX || cap < self->rsa_len) {
        return 0;
    }
    memcpy(priv, self->rsa, self->rsa_len);
    return self->rsa_len;
}

struct card_in_use *card_in_use_new(void) {
    struct card_in_use *self = calloc(1, sizeof *self);
    struct key key;
    if (self == NULL) {
        die("no memory");
    }
    struct card *card = card_new(1);
    self->card = card;
    card_initialize(card, CARD_DKEK);
    card_login(card);
    must(card, "00 46 01 00 00 0015 7F49 12 06 0A 04007F00070202020102 02 02 0400 02 00 0000");
    must(card, "00 46 02 00 00 0031 7F49 2E " P256 " 0000");
    must(card, "00 48 03 B0");
    must(card, "00 48 04 B2 0A 91 02 10 18 90 04 00 00 00 02");
    must(card, "00 D7 CD 01 0D 54 02 00 00 53 07 01 02 03 04 05 06 07");
    must(card, "00 D7 CF 01 0D 54 02 00 00 53 07 11 12 13 14 15 16 17");
    must(card, "00 D7 2F 03 08 54 02 00 00 53 02 30 00");
    if (key_load(&card->hsm, 1, &key) != HSM_OK) {
        die("no RSA key");
    }
    memcpy(self->rsa, key.secret, key.secret_len);
    self->rsa_len = key.secret_len;
    card->user = self;
    card->platform.ready_rsa = ready_rsa;
    memset(card->hsm.scratch, 0, sizeof card->hsm.scratch);
    self->session = card->hsm;
    self->random = card->random;
    if (store_memory_snapshot(card->memory, &self->records) != STORE_OK) {
        die("no snapshot");
    }
    return self;
}

void card_in_use_free(struct card_in_use *self) {
    store_memory_snapshot_free(self->records);
    card_free(self->card);
    free(self);
}

struct card *card_in_use_card(struct card_in_use *self) {
    return self->card;
}

void card_in_use_return(struct card_in_use *self) {
    self->card->hsm = self->session;
    self->card->random = self->random;
    if (store_memory_restore(self->card->memory, self->records) != STORE_OK) {
        die("records cannot be restored");
    }
}

void card_in_use_shrink(uint8_t *command, size_t len) {
    if (len < 5 || command[1] != 0x46) {
        return;
    }
    for (size_t i = 4; i + 4 <= len; i++) {
        if (command[i] == 0x02 && command[i + 1] == 0x02 && command[i + 2] > 4) {
            command[i + 2] = 4;
            command[i + 3] = 0;
        }
    }
}
