// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * bin2uf2 IN.bin OUT.uf2 LIMIT: wraps a flash image in UF2 blocks, the form that the RP2040's USB boot mode
 * takes. LIMIT is the offset in flash that the image must not reach. Runs on the building machine (Debian 12
 * has no picotool).
 *
 * Source: the UF2 specification; family id of the RP2040 from its list.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLASH_ADDRESS 0x10000000u
#define FAMILY_RP2040 0xE48BFF56u
#define FLAG_FAMILY 0x00002000u
#define PAYLOAD 256u

static void put32(unsigned char *out, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (unsigned char)(value >> (8 * i));
    }
}

static int convert(FILE *in, FILE *out, uint32_t size) {
    uint32_t count = (size + PAYLOAD - 1) / PAYLOAD;

    for (uint32_t i = 0; i < count; i++) {
        unsigned char block[512] = {0};

        put32(block, 0x0A324655u);
        put32(block + 4, 0x9E5D5157u);
        put32(block + 8, FLAG_FAMILY);
        put32(block + 12, FLASH_ADDRESS + i * PAYLOAD);
        put32(block + 16, PAYLOAD);
        put32(block + 20, i);
        put32(block + 24, count);
        put32(block + 28, FAMILY_RP2040);
        memset(block + 32, 0xFF, PAYLOAD);
        if (fread(block + 32, 1, PAYLOAD, in) == 0) {
            return -1;
        }
        put32(block + 508, 0x0AB16F30u);
        if (fwrite(block, 1, sizeof block, out) != sizeof block) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    FILE *in;
    FILE *out;
    long size;
    unsigned long limit;

    if (argc != 4) {
        fputs("usage: bin2uf2 IN.bin OUT.uf2 LIMIT\n", stderr);
        return 2;
    }
    in = fopen(argv[1], "rb");
    out = fopen(argv[2], "wb");
    limit = strtoul(argv[3], NULL, 0);
    if (in == NULL || out == NULL) {
        perror(in == NULL ? argv[1] : argv[2]);
        return 1;
    }
    if (fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) <= 0 || fseek(in, 0, SEEK_SET) != 0) {
        perror(argv[1]);
        return 1;
    }
    if ((unsigned long)size > limit) {
        fprintf(stderr, "bin2uf2: %s has %ld bytes; the store begins at %lu\n", argv[1], size, limit);
        return 1;
    }
    if (convert(in, out, (uint32_t)size) != 0 || fclose(out) != 0) {
        perror("bin2uf2");
        return 1;
    }
    fclose(in);
    return 0;
}
