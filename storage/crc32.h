// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef STORAGE_CRC32_H
#define STORAGE_CRC32_H

/*
 * CRC-32 as of IEEE 802.3: polynomial 0x04C11DB7, reflected, initial value and final XOR 0xFFFFFFFF. It finds
 * accidental damage (bit rot, torn writes); it is no protection against intent.
 */

#include <stddef.h>
#include <stdint.h>

/* The polynomial in reflected bit order. */
#define CRC32_POLYNOMIAL 0xEDB88320u

/*
 * crc32_update: the CRC of `len` more bytes, after bytes whose CRC was `crc` (0 to start). Any other start
 * value salts the CRC.
 */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

#endif
