// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/bench/link.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "tests/support/vpcd_client.h"

static struct vpcd_client vpcd;
static bool through_pcsc;
static SCARDCONTEXT context;
static SCARDHANDLE card;

void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void link_open_vpcd(uint16_t port) {
    uint8_t atr[64];
    vpcd_client_init(&vpcd);
    vpcd.split = true; /* as Debian 12's driver sends */
    if (vpcd_client_connect(&vpcd, port) != 0 || vpcd_client_control(&vpcd, 0x01) != 0 ||
        vpcd_client_atr(&vpcd, atr, sizeof atr) <= 0) {
        fail("no card at 127.0.0.1:%u", port);
    }
}

void link_open_pcsc(const char *reader) {
    char names[1024];
    DWORD len = sizeof names;
    DWORD protocol;
    through_pcsc = true;
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS ||
        SCardListReaders(context, NULL, names, &len) != SCARD_S_SUCCESS) {
        fail("no PC/SC readers");
    }
    for (const char *name = names; *name != '\0'; name += strlen(name) + 1) {
        if (strncmp(name, reader, strlen(reader)) == 0 &&
            SCardConnect(context, name, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, &card, &protocol) ==
                SCARD_S_SUCCESS) {
            return;
        }
    }
    fail("no card in a reader named %s...", reader);
}

size_t link_transmit(const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    if (through_pcsc) {
        DWORD got = (DWORD)cap;
        LONG rc = SCardTransmit(card, SCARD_PCI_T1, command, (DWORD)len, NULL, response, &got);
        if (rc != SCARD_S_SUCCESS) {
            fail("PC/SC: %s", pcsc_stringify_error(rc));
        }
        return got;
    }
    ssize_t got = vpcd_client_transmit(&vpcd, command, len, response, cap);
    if (got < 2) {
        fail("the daemon hung up");
    }
    return (size_t)got;
}

void link_close(void) {
    if (through_pcsc) {
        SCardDisconnect(card, SCARD_LEAVE_CARD);
        SCardReleaseContext(context);
    } else {
        vpcd_client_close(&vpcd);
    }
}
