// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/crypto/heap.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "hsm/crypto/util.h"

/* The length stands in front of the block; room for it that keeps the block aligned. */
#define FRONT ((sizeof(size_t) + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t))

void *crypto_heap_calloc(size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX - FRONT) / size) {
        return NULL;
    }
    unsigned char *raw = calloc(1, FRONT + count * size);
    if (raw == NULL) {
        return NULL;
    }
    *(size_t *)(void *)raw = count * size;
    return raw + FRONT;
}

void crypto_heap_free(void *block) {
    if (block == NULL) {
        return;
    }
    unsigned char *raw = (unsigned char *)block - FRONT;
    crypto_wipe(block, *(size_t *)(void *)raw);
    free(raw);
}
