// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_BLOB_MAKER_H
#define TESTS_SUPPORT_BLOB_MAKER_H

/* Key blobs with any contents, properly encrypted and authenticated: what another card, or an attacker who
 * has the DKEK, may send. */

#include <stddef.h>
#include <stdint.h>

#define BLOB_RSA 0x05u
#define BLOB_RSA_CRT 0x06u
#define BLOB_EC 0x0Cu
#define BLOB_AES 0x0Fu

/*
 * blob_make: a blob of `type` under `dkek` around `plain` (what follows the eight random bytes; padding is
 * added here) with `algorithms`. `out` takes plain_len + algorithms_len + 128 bytes. Returns the length.
 */
size_t blob_make(const uint8_t dkek[32], uint8_t type, const uint8_t *algorithms, size_t algorithms_len,
                 const uint8_t *plain, size_t plain_len, uint8_t *out);

/* blob_open: decrypts a blob made under `dkek`; `plain` takes `len` bytes and receives what follows the eight
 * random bytes, padding included. Returns the length, 0 when the MAC is wrong. */
size_t blob_open(const uint8_t dkek[32], const uint8_t *blob, size_t len, uint8_t *plain);

#endif
