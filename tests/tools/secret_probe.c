// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Looks for secrets where they must not be: puts known ones on a blank card behind a running daemon, logs
 * out, and searches the daemon's whole memory and the given files. secret_probe PORT PID FILE...     the
 * daemon listens at 127.0.0.1:PORT Exit status 0: none found; 1: some; 2: could not search.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/known_secrets.h"
#include "tests/support/vpcd_client.h"

static struct vpcd_client client;

static _Noreturn void die(const char *what) {
    perror(what);
    exit(2);
}

static uint16_t transmit(void *ctx, const uint8_t *command, size_t len) {
    (void)ctx;
    static uint8_t response[65538];
    ssize_t got = vpcd_client_transmit(&client, command, len, response, sizeof response);
    if (got < 2) {
        die("card");
    }
    uint16_t sw = (uint16_t)(response[got - 2] << 8 | response[got - 1]);
    return sw;
}

static void found(void *ctx, const char *name, const char *form, size_t at) {
    printf("FOUND in %s: %s, %s, at %zx\n", (const char *)ctx, name, form, at);
}

static size_t search_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        die(path);
    }
    fseek(f, 0, SEEK_END);
    long len = ftell(f);
    rewind(f);
    uint8_t *data = malloc((size_t)len + 1);
    if (data == NULL || fread(data, 1, (size_t)len, f) != (size_t)len) {
        die(path);
    }
    fclose(f);
    size_t hits = known_secrets_find(data, (size_t)len, found, (void *)(uintptr_t)path);
    printf("%s: %ld bytes searched\n", path, len);
    free(data);
    return hits;
}

static size_t search_memory(int pid) {
    char path[64];
    char line[512];
    size_t hits = 0;
    size_t total = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    if (maps == NULL || mem < 0) {
        die(path);
    }
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start;
        unsigned long end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3 || mode[0] != 'r' || mode[1] != 'w') {
            continue;
        }
        size_t len = end - start;
        uint8_t *data = malloc(len);
        if (data == NULL) {
            die("memory");
        }
        ssize_t got = pread(mem, data, len, (off_t)start);
        if (got > 0) {
            line[strcspn(line, "\n")] = '\0';
            hits += known_secrets_find(data, (size_t)got, found, line);
            total += (size_t)got;
        }
        free(data);
    }
    fclose(maps);
    close(mem);
    printf("memory of process %d: %zu bytes searched\n", pid, total);
    if (total == 0) {
        fputs("nothing of the memory could be read\n", stderr);
        exit(2);
    }
    return hits;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: secret_probe PORT PID FILE...\n", stderr);
        return 2;
    }
    uint8_t atr[64];
    const char *step = "";
    vpcd_client_init(&client);
    if (vpcd_client_connect(&client, (uint16_t)atoi(argv[1])) != 0 ||
        vpcd_client_control(&client, 0x01) != 0 || vpcd_client_atr(&client, atr, sizeof atr) <= 0) {
        die("no card");
    }
    uint16_t sw = known_secrets_load(transmit, NULL, &step);
    if (sw != 0) {
        fprintf(stderr, "%s: status %04X\n", step, sw);
        return 2;
    }
    size_t hits = search_memory(atoi(argv[2]));
    for (int i = 3; i < argc; i++) {
        hits += search_file(argv[i]);
    }
    printf("%zu forms of secrets looked for, %zu found\n", known_secrets_count(), hits);
    return hits == 0 ? 0 : 1;
}
