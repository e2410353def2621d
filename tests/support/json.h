// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_JSON_H
#define TESTS_SUPPORT_JSON_H

/* Reading JSON (RFC 8259) test data. A value belongs to the document and lives until json_free. */

#include <stdbool.h>
#include <stddef.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    const char *name;   /* in an object */
    const char *string; /* of a string, escapes resolved to UTF-8 */
    long number;        /* integer part of a number; 0 or 1 for a bool */
    struct json *first; /* of an array or object */
    struct json *next;  /* in an array or object */
};

/* json_read: parses a file; fails the cmocka test with file and position when it is not JSON. */
struct json *json_read(const char *path);
void json_free(struct json *document);

/* json_get: the member `name`, NULL when there is none. json_string, json_number: the same, failing the test
 * when it is missing or of another type. */
const struct json *json_get(const struct json *object, const char *name);
const char *json_string(const struct json *object, const char *name);
long json_number(const struct json *object, const char *name);

#endif
