// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/transcripts/pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 128u

struct variable {
    char name[TRANSCRIPT_NAME_MAX + 1];
    uint8_t *data;
    size_t len;
};

struct variables {
    struct variable list[VARIABLES_MAX];
    size_t count;
};

/* One piece of a pattern: bytes with a mask each, or a stretch of `min` to `max` bytes of anything. */
struct element {
    bool stretch;
    uint8_t value;
    uint8_t mask;
    size_t min;
    size_t max;
    char name[TRANSCRIPT_NAME_MAX + 1]; /* captured under it, unless empty */
};

struct pattern {
    struct element *elements;
    size_t count;
    size_t cap;
};

static _Noreturn void no_memory(void) {
    fputs("run_transcript: out of memory\n", stderr);
    exit(2);
}

struct variables *variables_new(void) {
    struct variables *variables = calloc(1, sizeof *variables);
    if (variables == NULL) {
        no_memory();
    }
    return variables;
}

void variables_free(struct variables *variables) {
    for (size_t i = 0; i < variables->count; i++) {
        free(variables->list[i].data);
    }
    free(variables);
}

static const struct variable *find(const struct variables *variables, const char *name) {
    for (size_t i = 0; i < variables->count; i++) {
        if (strcmp(variables->list[i].name, name) == 0) {
            return &variables->list[i];
        }
    }
    return NULL;
}

const char *variables_set(struct variables *variables, const char *name, const uint8_t *data, size_t len) {
    struct variable *v = NULL;
    for (size_t i = 0; i < variables->count && v == NULL; i++) {
        v = strcmp(variables->list[i].name, name) == 0 ? &variables->list[i] : NULL;
    }
    if (v == NULL) {
        if (variables->count == VARIABLES_MAX) {
            return "too many variables";
        }
        v = &variables->list[variables->count++];
        snprintf(v->name, sizeof v->name, "%s", name);
    }
    uint8_t *copy = malloc(len + 1);
    if (copy == NULL) {
        no_memory();
    }
    memcpy(copy, data, len);
    free(v->data);
    v->data = copy;
    v->len = len;
    return NULL;
}

static void add(struct pattern *p, struct element element) {
    if (p->count == p->cap) {
        p->cap = p->cap == 0 ? 64 : 2 * p->cap;
        p->elements = realloc(p->elements, p->cap * sizeof *p->elements);
        if (p->elements == NULL) {
            no_memory();
        }
    }
    p->elements[p->count++] = element;
}

static void add_byte(struct pattern *p, uint8_t value, uint8_t mask) {
    add(p, (struct element){.value = value, .mask = mask});
}

/* One hexadecimal digit, or a dot for any. */
static bool nibble(char c, uint8_t *value, uint8_t *mask) {
    *mask = 0xF;
    if (c >= '0' && c <= '9') {
        *value = (uint8_t)(c - '0');
    } else if (c >= 'A' && c <= 'F') {
        *value = (uint8_t)(c - 'A' + 10);
    } else if (c >= 'a' && c <= 'f') {
        *value = (uint8_t)(c - 'a' + 10);
    } else if (c == '.') {
        *value = 0;
        *mask = 0;
    } else {
        return false;
    }
    return true;
}

/* {name}, {name:n}, {name:min-max}, {name:*}; without a name nothing is captured. */
static const char *parse_braces(struct pattern *p, const struct variables *variables, const char **text) {
    const char *at = *text + 1;
    struct element e = {.stretch = true};
    size_t n = 0;
    while (isalnum((unsigned char)*at) || *at == '_') {
        if (n == TRANSCRIPT_NAME_MAX) {
            return "name too long";
        }
        e.name[n++] = *at++;
    }
    if (*at == '}') {
        const struct variable *v = find(variables, e.name);
        if (v == NULL) {
            return "variable not set";
        }
        for (size_t i = 0; i < v->len; i++) {
            add_byte(p, v->data[i], 0xFF);
        }
        *text = at + 1;
        return NULL;
    }
    if (*at++ != ':') {
        return "':' or '}' expected after a name";
    }
    if (*at == '*') {
        e.max = TRANSCRIPT_BYTES_MAX;
        at++;
    } else {
        char *end;
        e.min = strtoul(at, &end, 10);
        e.max = e.min;
        if (end == at) {
            return "number of bytes expected";
        }
        at = end;
        if (*at == '-') {
            e.max = strtoul(at + 1, &end, 10);
            at = end;
        }
    }
    if (*at != '}' || e.max < e.min) {
        return "'}' expected";
    }
    add(p, e);
    *text = at + 1;
    return NULL;
}

static const char *parse_byte(struct pattern *p, const char **text) {
    uint8_t high, low, high_mask, low_mask;
    if (!nibble((*text)[0], &high, &high_mask) || !nibble((*text)[1], &low, &low_mask)) {
        return "two hexadecimal digits expected";
    }
    uint8_t value = (uint8_t)(high << 4 | low);
    uint8_t mask = (uint8_t)(high_mask << 4 | low_mask);
    *text += 2;
    unsigned long times = 1;
    if (**text == 'x') {
        char *end;
        times = strtoul(*text + 1, &end, 10);
        if (end == *text + 1 || times > TRANSCRIPT_BYTES_MAX) {
            return "number of repetitions expected after x";
        }
        *text = end;
    }
    for (unsigned long i = 0; i < times; i++) {
        add_byte(p, value, mask);
    }
    return NULL;
}

static const char *parse_text(struct pattern *p, const char **text) {
    const char *at = *text + 1;
    while (*at != '"' && *at != '\0') {
        add_byte(p, (uint8_t)*at++, 0xFF);
    }
    if (*at != '"') {
        return "closing quote missing";
    }
    *text = at + 1;
    return NULL;
}

static const char *parse(struct pattern *p, const struct variables *variables, const char *text) {
    const char *error = NULL;
    while (error == NULL && *text != '\0') {
        if (isspace((unsigned char)*text)) {
            text++;
        } else if (*text == '{') {
            error = parse_braces(p, variables, &text);
        } else if (*text == '"') {
            error = parse_text(p, &text);
        } else if (*text == '*') {
            add(p, (struct element){.stretch = true, .max = TRANSCRIPT_BYTES_MAX});
            text++;
        } else {
            error = parse_byte(p, &text);
        }
    }
    return error;
}

const char *transcript_bytes(const struct variables *variables, const char *text, uint8_t *out, size_t *len) {
    struct pattern p = {0};
    const char *error = parse(&p, variables, text);
    *len = 0;
    for (size_t i = 0; error == NULL && i < p.count; i++) {
        if (p.elements[i].stretch || p.elements[i].mask != 0xFF) {
            error = "wildcards are for responses";
        } else if (*len == TRANSCRIPT_BYTES_MAX) {
            error = "too long";
        } else {
            out[(*len)++] = p.elements[i].value;
        }
    }
    free(p.elements);
    return error;
}

/* How long the one stretch of variable length has to be for all to fit. */
static const char *flexible_length(const struct pattern *p, size_t len, size_t *flexible) {
    size_t fixed = 0;
    size_t stretches = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct element *e = &p->elements[i];
        if (e->stretch && e->min != e->max) {
            stretches++;
        } else {
            fixed += e->stretch ? e->min : 1;
        }
    }
    *flexible = len >= fixed ? len - fixed : 0;
    return stretches <= 1 ? NULL : "only one part of a response may have a variable length";
}

static bool compare(const struct pattern *p, size_t flexible, const uint8_t *data, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct element *e = &p->elements[i];
        if (!e->stretch) {
            if (at >= len || (data[at] & e->mask) != e->value) {
                return false;
            }
            at++;
            continue;
        }
        size_t n = e->min == e->max ? e->min : flexible;
        if (n < e->min || n > e->max || n > len - at) {
            return false;
        }
        at += n;
    }
    return at == len;
}

static const char *capture(struct variables *variables, const struct pattern *p, size_t flexible,
                           const uint8_t *data) {
    const char *error = NULL;
    for (size_t i = 0; error == NULL && i < p->count; i++) {
        const struct element *e = &p->elements[i];
        size_t n = !e->stretch ? 1 : e->min == e->max ? e->min : flexible;
        if (e->stretch && e->name[0] != '\0') {
            error = variables_set(variables, e->name, data, n);
        }
        data += n;
    }
    return error;
}

const char *transcript_match(struct variables *variables, const char *text, const uint8_t *data, size_t len,
                             bool *matches) {
    struct pattern p = {0};
    size_t flexible = 0;
    *matches = false;
    const char *error = parse(&p, variables, text);
    if (error == NULL) {
        error = flexible_length(&p, len, &flexible);
    }
    if (error == NULL) {
        *matches = compare(&p, flexible, data, len);
        if (*matches) {
            error = capture(variables, &p, flexible, data);
        }
    }
    free(p.elements);
    return error;
}
