// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_TRANSCRIPTS_PATTERN_H
#define TESTS_TRANSCRIPTS_PATTERN_H

/*
 * The notation of transcripts (README.md, "Notation"): text to bytes for commands, text to a pattern for
 * responses, and the variables that carry bytes from one to the other.
 *
 * Functions return NULL when all is well, else a message for the author of the transcript.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSCRIPT_BYTES_MAX 65600u
#define TRANSCRIPT_NAME_MAX 31u

struct variables;

struct variables *variables_new(void);
void variables_free(struct variables *variables);
const char *variables_set(struct variables *variables, const char *name, const uint8_t *data, size_t len);

/* transcript_bytes: a command, or the value of `! set`: no wildcards. `out` takes TRANSCRIPT_BYTES_MAX bytes.
 */
const char *transcript_bytes(const struct variables *variables, const char *text, uint8_t *out, size_t *len);

/* transcript_match: compares a response with a pattern, and sets the variables captured when it matches. */
const char *transcript_match(struct variables *variables, const char *text, const uint8_t *data, size_t len,
                             bool *matches);

#endif
