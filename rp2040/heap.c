// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/heap.h"

#include <stdint.h>
#include <string.h>

#include "hardware/sync.h"

#include "hsm/crypto/heap.h"

/* Bytes that a block of each class holds: steps of at most a third, so that little is wasted. */
static const uint16_t sizes[] = {8,    16,   24,   32,   48,   64,   80,   96,  128, 160,
                                 192,  256,  288,  320,  384,  448,  528,  608, 768, 896,
                                 1040, 1344, 1792, 2112, 2688, 3584, 4224, 6144};
#define CLASSES (sizeof sizes / sizeof sizes[0])

/* Before each block. Eight bytes, so that blocks are aligned as malloc's are. */
struct header {
    struct header *next; /* while free */
    uint16_t class;
    uint16_t len; /* bytes asked for */
};

/* Free memory is all zeros: crypto_heap_free sees to it, and so calloc need not. Read by the test harness by
 * their names: heap_top's highest value is the heap's budget. */
static uint64_t heap_region[HEAP_SIZE / sizeof(uint64_t)];
static uint32_t heap_top; /* bytes handed out since the heap was empty */
uint32_t heap_watermark;
uint32_t heap_failures;

static struct header *free_lists[CLASSES];
static uint32_t live;

/* Class of each multiple of 8 up to 128, for speed. */
static const uint8_t small_class[17] = {0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 8, 8};

static unsigned class_of(size_t size) {
    unsigned class;

    if (size <= 128) {
        return small_class[(size + 7) / 8];
    }
    for (class = 9; class < CLASSES && sizes[class] < size; class ++) {
    }
    return class;
}

static spin_lock_t *lock(void) {
    spin_lock_t *spin = spin_lock_instance(PICO_SPINLOCK_ID_OS1);

    spin_lock_unsafe_blocking(spin);
    return spin;
}

static struct header *from_top(unsigned class) {
    size_t need = sizeof(struct header) + sizes[class];
    struct header *block;

    if (need > HEAP_SIZE - heap_top) {
        return NULL;
    }
    block = (struct header *)(void *)((uint8_t *)heap_region + heap_top);
    heap_top += (uint32_t)need;
    if (heap_top > heap_watermark) {
        heap_watermark = heap_top;
    }
    return block;
}

/* A larger free block, when the top is used up. */
static struct header *from_larger(unsigned *class) {
    for (unsigned c = *class + 1; c < CLASSES; c++) {
        struct header *block = free_lists[c];

        if (block != NULL) {
            free_lists[c] = block->next;
            *class = c;
            return block;
        }
    }
    return NULL;
}

void *crypto_heap_calloc(size_t count, size_t size) {
    size_t total = count * size;
    unsigned class = class_of(total);
    struct header *block = NULL;
    spin_lock_t *spin;

    if (class >= CLASSES || (count != 0 && total / count != size)) {
        return NULL;
    }
    spin = lock();
    block = free_lists[class];
    if (block != NULL) {
        free_lists[class] = block->next;
    } else {
        block = from_top(class);
        if (block == NULL) {
            block = from_larger(&class);
        }
    }
    if (block != NULL) {
        live++;
        block->class = (uint16_t) class;
        block->len = (uint16_t)total;
    } else {
        heap_failures++;
    }
    spin_unlock_unsafe(spin);
    return block == NULL ? NULL : block + 1;
}

void crypto_heap_free(void *memory) {
    struct header *block = (struct header *)memory - 1;
    spin_lock_t *spin;

    if (memory == NULL) {
        return;
    }
    /* Wiped before others can have it. Most blocks are a few words: a call would take longer than the loop.
     */
    volatile uint32_t *word = memory;
    for (unsigned i = 0; i < block->len; i += sizeof *word) {
        *word++ = 0;
    }
    spin = lock();
    live--;
    if (live == 0) {
        memset(free_lists, 0, sizeof free_lists);
        memset(heap_region, 0, heap_top); /* headers: the next blocks may have other places */
        heap_top = 0;
    } else {
        block->next = free_lists[block->class];
        free_lists[block->class] = block;
    }
    spin_unlock_unsafe(spin);
}
