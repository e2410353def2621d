// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef RP2040_HEAP_H
#define RP2040_HEAP_H

/*
 * The memory that mbedTLS allocates its numbers from: this body's crypto_heap_calloc and crypto_heap_free
 * (hsm/crypto/heap.h). Nothing else on the firmware allocates.
 *
 * One elliptic curve signature asks for memory some thousand times, so speed counts: blocks come in a few
 * sizes, a freed one goes to the list of its size and is taken from there again, both in a few instructions.
 * Between two commands nothing is allocated, and then the whole region is free again: so no command can
 * fragment it for another.
 *
 * Both cores may call at once. Interrupt handlers may not.
 */

/* Bytes of the region. RSA-2048 has been seen to take 16 KiB, and the longest keys are twice as long. */
#define HEAP_SIZE 65536u

#endif
