// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_CVC_CLIENT_H
#define TESTS_SUPPORT_CVC_CLIENT_H

/*
 * What a client of certificates and requests does with a card in this process: makes EC keys, reads the
 * chain, asks one card to sign for another. Whatever a healthy card would not refuse ends the process with a
 * message.
 */

#include "hsm/crypto/ec.h"
#include "hsm/tlv.h"
#include "tests/support/card_fixture.h"

/* Bytes with their number; enough for any certificate chain. */
struct bytes {
    uint8_t at[2048];
    size_t len;
};

/*
 * client_key_template: the data of GENERATE ASYMMETRIC KEY PAIR for `curve` with CHR `chr`, policy objects in
 * hexadecimal behind it (NULL for none).
 */
void client_key_template(enum crypto_curve curve, const char *chr, const char *policy, struct bytes *out);

/* client_generate: makes key `id` (the user must be logged in); `request` receives the answer, tag 67
 * included. */
void client_generate(struct card *card, uint8_t id, enum crypto_curve curve, const char *chr,
                     const char *policy, struct bytes *request);

/* client_read: a whole EF. */
void client_read(struct card *card, uint16_t fid, struct bytes *out);

/* client_certificate: certificate `index` of the chain in EF 2F02, tag 7F21 included. */
void client_certificate(struct card *card, unsigned index, struct bytes *out);

/* client_contents: the value of the object that `from` is. */
void client_contents(const struct bytes *from, struct bytes *out);

/* client_name: CHR (5F20) of a certificate or request (7F21 or 67), or with `tag` 0x42 its inner CAR. */
void client_name(const struct bytes *from, uint32_t tag, struct bytes *out);

/* client_manage_se: MANAGE SE with 83 || name; P2 is B6 or A4. Returns the status word. */
uint16_t client_manage_se(struct card *card, uint8_t p2, const struct bytes *name);

/* client_trust: what clients do to make one certificate known: MANAGE SE by CHR, else by CAR and VERIFY
 * CERTIFICATE. Returns the last status word. */
uint16_t client_trust(struct card *card, const struct bytes *certificate);

/* client_sign: key `id` of `card` signs the message with ECDSA and SHA-256; r || s of `n` bytes each. */
void client_sign(struct card *card, uint8_t id, const uint8_t *message, size_t len, size_t n,
                 struct bytes *rs);

/* An authority of a test's own: its key pair on brainpoolP256r1. `name` has to outlive it. */
struct client_authority {
    const char *name;
    uint8_t priv[32];
    uint8_t point[65];
};

/* client_make_authority: a new one; `card` lends its random numbers. */
void client_make_authority(struct card *card, struct client_authority *authority, const char *name);

/* client_certify: a certificate (7F21) for `name` and `point` by the issuer; `rights` C0 root, 80 issuer, 00
 * device. */
void client_certify(struct card *card, const struct client_authority *issuer, const char *name,
                    const uint8_t *point, uint8_t rights, struct bytes *out);

/* client_device_point: public point of a card's device key, from its request in CE00. */
void client_device_point(struct card *card, uint8_t point[65]);

/* client_load_chain: writes three certificates to EF 2F02; the user must be logged in. */
void client_load_chain(struct card *card, const struct bytes *device, const struct bytes *issuer,
                       const struct bytes *root);

#endif
