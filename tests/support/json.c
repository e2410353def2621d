// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEPTH_MAX 64

/* The root is the first member, so that a pointer to it is a pointer to the document. */
struct document {
    struct json root;
    char *text; /* strings are resolved in place and point into it */
};

struct reader {
    const char *path;
    char *start;
    char *at;
    int depth;
};

static void give_up(const struct reader *in, const char *what) {
    fail_msg("%s: byte %td: %s", in->path, in->at - in->start, what);
}

static void skip_space(struct reader *in) { in->at += strspn(in->at, " \t\r\n"); }

static char *put_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3F));
    } else { /* surrogate halves stay as they are: no test data compares such text */
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    }
    return out;
}

static const char *read_string(struct reader *in) {
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";

    if (*in->at != '"')
        give_up(in, "a string was expected");
    in->at++;
    char *string = in->at;
    char *out = in->at;
    while (*in->at != '"') {
        if ((unsigned char)*in->at < 0x20)
            give_up(in, "a string without an end");
        if (*in->at != '\\') {
            *out++ = *in->at++;
            continue;
        }
        in->at++;
        const char *escape = *in->at == '\0' ? NULL : strchr(escapes, *in->at);
        if (escape != NULL) {
            *out++ = meanings[escape - escapes];
            in->at++;
        } else {
            unsigned code = 0;
            int len = 0;
            if (sscanf(in->at, "u%4x%n", &code, &len) != 1 || len != 5)
                give_up(in, "an unknown escape");
            out = put_utf8(out, code);
            in->at += 5;
        }
    }
    in->at++;
    *out = '\0'; /* at the latest on the closing quote */
    return string;
}

static void read_value(struct reader *in, struct json *value);

static struct json *new_value(void) {
    struct json *value = calloc(1, sizeof *value);

    if (value == NULL)
        fail_msg("out of memory");
    return value;
}

static void read_members(struct reader *in, struct json *parent, char end) {
    struct json **link = &parent->first;

    in->at++;
    skip_space(in);
    if (*in->at == end) {
        in->at++;
        return;
    }
    for (;;) {
        struct json *value = new_value();
        *link = value;
        link = &value->next;
        skip_space(in);
        if (parent->type == JSON_OBJECT) {
            value->name = read_string(in);
            skip_space(in);
            if (*in->at++ != ':')
                give_up(in, "a colon was expected");
        }
        read_value(in, value);
        skip_space(in);
        char c = *in->at++;
        if (c == end)
            return;
        if (c != ',')
            give_up(in, "a comma was expected");
    }
}

static bool read_word(struct reader *in, const char *word) {
    if (strncmp(in->at, word, strlen(word)) != 0)
        return false;
    in->at += strlen(word);
    return true;
}

static void read_value(struct reader *in, struct json *value) {
    if (++in->depth > DEPTH_MAX)
        give_up(in, "nested too deeply");
    skip_space(in);
    if (*in->at == '{') {
        value->type = JSON_OBJECT;
        read_members(in, value, '}');
    } else if (*in->at == '[') {
        value->type = JSON_ARRAY;
        read_members(in, value, ']');
    } else if (*in->at == '"') {
        value->type = JSON_STRING;
        value->string = read_string(in);
    } else if (read_word(in, "null")) {
        value->type = JSON_NULL;
    } else if (read_word(in, "true")) {
        value->type = JSON_BOOL;
        value->number = 1;
    } else if (read_word(in, "false")) {
        value->type = JSON_BOOL;
    } else {
        char *end;
        value->type = JSON_NUMBER;
        value->number = strtol(in->at, &end, 10);
        if (end == in->at)
            give_up(in, "a value was expected");
        in->at = end + strspn(end, ".0123456789eE+-");
    }
    in->depth--;
}

struct json *json_read(const char *path) {
    struct document *document = calloc(1, sizeof *document);
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    size_t room = 1 << 16;

    if (document == NULL || file == NULL) {
        free(document);
        if (file != NULL)
            (void)fclose(file);
        fail_msg("cannot read %s", path);
        return NULL;
    }
    document->text = malloc(room);
    while (document->text != NULL) {
        len += fread(document->text + len, 1, room - 1 - len, file);
        if (len < room - 1)
            break;
        room *= 2;
        char *more = realloc(document->text, room);
        if (more == NULL)
            free(document->text);
        document->text = more;
    }
    fclose(file);
    if (document->text == NULL) {
        free(document);
        fail_msg("out of memory");
        return NULL;
    }
    document->text[len] = '\0';

    struct reader in = {.path = path, .start = document->text, .at = document->text};
    read_value(&in, &document->root);
    skip_space(&in);
    if (in.at != in.start + len)
        give_up(&in, "something after the end");
    return &document->root;
}

static void free_members(struct json *value) {
    struct json *member = value->first;

    while (member != NULL) {
        struct json *next = member->next;
        free_members(member);
        free(member);
        member = next;
    }
}

void json_free(struct json *root) {
    struct document *document = (struct document *)(void *)root;

    free_members(root);
    free(document->text);
    free(document);
}

const struct json *json_get(const struct json *object, const char *name) {
    for (const struct json *member = object->first; member != NULL; member = member->next)
        if (member->name != NULL && strcmp(member->name, name) == 0)
            return member;
    return NULL;
}

const char *json_string(const struct json *object, const char *name) {
    const struct json *member = json_get(object, name);

    if (member == NULL || member->type != JSON_STRING) {
        fail_msg("no string \"%s\"", name);
        return "";
    }
    return member->string;
}

long json_number(const struct json *object, const char *name) {
    const struct json *member = json_get(object, name);

    if (member == NULL || member->type != JSON_NUMBER) {
        fail_msg("no number \"%s\"", name);
        return 0;
    }
    return member->number;
}
