// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_BUF_H
#define HSM_BUF_H

/*
 * Bounded reading and writing of byte strings. All parsing and all building in hsm/ goes through these: a
 * reader never passes its end, a writer never its capacity, and both remember that they were asked to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *pos;
    size_t left; /* bytes still to be read */
    bool failed; /* more was asked for than was there; every later read gives nothing */
};

struct writer {
    uint8_t *buf;
    size_t cap;    /* bytes */
    size_t len;    /* bytes written so far */
    bool overflow; /* something did not fit; the contents are then not to be used */
};

/* reader_init: reads `len` bytes at `data` (NULL allowed with 0). */
void reader_init(struct reader *r, const void *data, size_t len);

/* reader_take: the next `n` bytes, or NULL when fewer are left. */
const uint8_t *reader_take(struct reader *r, size_t n);

/* reader_u8, _u16, _u32: the next big-endian number, 0 when there are too few bytes. */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);

/* reader_field16: a field of two length bytes and value; NULL when it is cut short. */
const uint8_t *reader_field16(struct reader *r, size_t *len);

/* writer_init: writes to `buf` of `cap` bytes. */
void writer_init(struct writer *w, void *buf, size_t cap);

/* writer_put: appends `len` bytes. */
void writer_put(struct writer *w, const void *data, size_t len);

/* writer_reserve: room for `len` bytes that the caller fills; NULL when there is none. */
uint8_t *writer_reserve(struct writer *w, size_t len);

/* writer_u8, _u16, _u32: appends a big-endian number. */
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);

/* writer_field16: appends two length bytes and the value. */
void writer_field16(struct writer *w, const void *data, size_t len);

/* writer_truncate: forgets everything past `len` bytes. */
void writer_truncate(struct writer *w, size_t len);

/* skip_zeros: moves `*data` past leading zero bytes and shortens `*len`; an integer zero keeps no byte. */
void skip_zeros(const uint8_t **data, size_t *len);

#endif
