// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef TESTS_SUPPORT_SM_CLIENT_H
#define TESTS_SUPPORT_SM_CLIENT_H

/*
 * The terminal's end of secure messaging (BSI TR-03110-3, Appendix F), over a card in this process. Every
 * answer is checked: its MAC, its order of objects, its padding.
 */

#include "tests/support/card_fixture.h"

struct sm_client {
    struct card *card;
    bool des3;
    uint8_t enc[16];
    uint8_t mac[16];
    uint8_t ssc[16];

    /* What a test spoils in the next command; reset by sm_client_send. */
    enum {
        SM_SOUND,
        SM_NO_MAC,          /* no 8E */
        SM_WRONG_MAC,       /* last bit of the MAC flipped */
        SM_SHORT_MAC,       /* 8E of four bytes */
        SM_LONG_MAC,        /* 8E of sixteen bytes: the whole AES-CMAC */
        SM_WRONG_HEADER,    /* P2 changed after the MAC was made */
        SM_WRONG_INDICATOR, /* padding indicator 02 */
        SM_NO_PADDING,      /* last block without 80 */
        SM_CUT_CRYPTOGRAM,  /* not whole blocks */
        SM_STRANGE_OBJECT,  /* an object 81, under the MAC */
        SM_AFTER_MAC,       /* an object behind the MAC */
        SM_TWO_CRYPTOGRAMS, /* 87 twice, under the MAC */
        SM_LE_FIRST,        /* 97 before 87, under the MAC */
    } spoil;

    /* The answer inside. */
    uint8_t data[8192];
    size_t len;
    uint16_t sw;       /* of the object 99 */
    uint16_t outer_sw; /* of the response itself */
    bool protected;    /* the answer was protected at all */
};

/* sm_client_open: MANAGE SE and GENERAL AUTHENTICATE, sent in plain; checks the card's token. Ends the
 * process when that fails. */
void sm_client_open(struct sm_client *client, struct card *card, bool des3);

/* sm_client_reopen: the same inside the running session, whose keys the new ones replace. */
void sm_client_reopen(struct sm_client *client, bool des3);

/*
 * sm_client_send: one command, protected. `ne` 0 sends no 97. Returns the status word inside, or the outer
 * one when the answer is not protected.
 */
uint16_t sm_client_send(struct sm_client *client, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
                        const void *data, size_t len, size_t ne);

/* sm_client_cmd: the same for a plain APDU in hexadecimal, short or extended. */
uint16_t sm_client_cmd(struct sm_client *client, const char *hex);

#endif
