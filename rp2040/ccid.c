// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "rp2040/ccid.h"

#include <string.h>

/* Messages to the reader, 6.1. */
#define SET_PARAMETERS 0x61u
#define ICC_POWER_ON 0x62u
#define ICC_POWER_OFF 0x63u
#define GET_SLOT_STATUS 0x65u
#define SECURE 0x69u
#define T0_APDU 0x6Au
#define ESCAPE 0x6Bu
#define GET_PARAMETERS 0x6Cu
#define RESET_PARAMETERS 0x6Du
#define ICC_CLOCK 0x6Eu
#define XFR_BLOCK 0x6Fu
#define MECHANICAL 0x71u
#define ABORT 0x72u
#define SET_DATA_RATE 0x73u

/* Messages to the host, 6.2. */
#define DATA_BLOCK 0x80u
#define SLOT_STATUS 0x81u
#define PARAMETERS 0x82u
#define ESCAPE_ANSWER 0x83u
#define DATA_RATE 0x84u

/* bStatus: bmCommandStatus, 6.2.6. */
#define STATUS_FAILED 0x40u
#define STATUS_TIME 0x80u

/* bError: table 6.2-2; a number below 128 is the offset of the field that is wrong. */
#define ERROR_UNSUPPORTED 0x00u
#define ERROR_LENGTH 1u
#define ERROR_SLOT 5u
#define ERROR_FIELD7 7u /* bPowerSelect, bProtocolNum */
#define ERROR_LEVEL 8u  /* wLevelParameter */
#define ERROR_DATA 10u
#define ERROR_BUSY 0xE0u
#define ERROR_HARDWARE 0xFBu
#define ERROR_OVERRUN 0xFCu
#define ERROR_MUTE 0xFEu
#define ERROR_ABORTED 0xFFu

/* wLevelParameter of XfrBlock and bChainParameter of DataBlock. */
#define CHAIN_WHOLE 0x00u
#define CHAIN_BEGIN 0x01u
#define CHAIN_END 0x02u
#define CHAIN_MIDDLE 0x03u
#define CHAIN_NEXT 0x10u /* no data: the other side may go on */

/* The parameters of T=1 that fit the ATR, 6.2.3: TA1 = 18, CRC off, direct convention; TC1 = 0; TB3 = 45; no
 * clock stop; IFSC 254. Nothing depends on them: there are no contacts. */
static const uint8_t default_parameters[7] = {0x18, 0x10, 0x00, 0x45, 0x00, 0xFE, 0x00};

static uint32_t get32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_header(const struct ccid *ccid, uint8_t *out, uint8_t type, size_t len, uint8_t slot,
                       uint8_t sequence, uint8_t status, uint8_t error, uint8_t last) {
    uint8_t icc = ccid->active ? 0u : 1u; /* bmICCStatus: active, or present and inactive */

    out[0] = type;
    out[1] = (uint8_t)len;
    out[2] = (uint8_t)(len >> 8);
    out[3] = 0;
    out[4] = 0;
    out[5] = slot;
    out[6] = sequence;
    out[7] = (uint8_t)(icc | status);
    out[8] = error;
    out[9] = last;
}

static void send(struct ccid *ccid, const uint8_t *message, size_t len) {
    ccid->sending = true;
    ccid->body->send(message, len);
}

/* A response longer than a message goes out in parts, as the host asks for them. */
static void send_response(struct ccid *ccid) {
    size_t rest = ccid->response_len - ccid->response_sent;
    bool begin = ccid->response_sent == 0;
    size_t n = rest > CCID_APDU_MAX ? CCID_APDU_MAX : rest;
    bool end = n == rest;
    uint8_t chain = begin ? (end ? CHAIN_WHOLE : CHAIN_BEGIN) : (end ? CHAIN_END : CHAIN_MIDDLE);

    ccid->response_ready = false;
    ccid->response_sent += n;
    put_header(ccid, ccid->response, DATA_BLOCK, n, 0, ccid->sequence, 0, 0, chain);
    send(ccid, ccid->response, CCID_HEADER + n);
}

/* Sends the next message that waits, if the pipe is free. */
static void pump(struct ccid *ccid) {
    if (ccid->sending) {
        return;
    }
    if (ccid->small_count > 0) {
        unsigned i = ccid->small_first;

        ccid->small_first = (uint8_t)((i + 1u) % CCID_SMALL_QUEUE);
        ccid->small_count--;
        send(ccid, ccid->small_queue[i], ccid->small_len[i]);
    } else if (ccid->response_ready) {
        send_response(ccid);
    }
}

/* Queues a message without data. When the queue is full, the host has asked for several answers without
 * reading one, which breaks the rules; the newest is dropped. */
static uint8_t *queue(struct ccid *ccid, size_t len) {
    unsigned i = (ccid->small_first + ccid->small_count) % CCID_SMALL_QUEUE;

    if (ccid->small_count == CCID_SMALL_QUEUE) {
        return NULL;
    }
    ccid->small_count++;
    ccid->small_len[i] = (uint8_t)len;
    return ccid->small_queue[i];
}

static void answer(struct ccid *ccid, uint8_t type, uint8_t slot, uint8_t sequence, uint8_t status,
                   uint8_t error, uint8_t last) {
    uint8_t *message = queue(ccid, CCID_HEADER);

    if (message != NULL) {
        put_header(ccid, message, type, 0, slot, sequence, status, error, last);
        pump(ccid);
    }
}

/* The answer that belongs to each message; the last byte is bClockStatus, bChainParameter or bProtocolNum. */
static uint8_t answer_type(uint8_t type) {
    switch (type) {
    case ICC_POWER_ON:
    case XFR_BLOCK:
    case SECURE:
        return DATA_BLOCK;
    case GET_PARAMETERS:
    case RESET_PARAMETERS:
    case SET_PARAMETERS:
        return PARAMETERS;
    case ESCAPE:
        return ESCAPE_ANSWER;
    case SET_DATA_RATE:
        return DATA_RATE;
    default:
        return SLOT_STATUS;
    }
}

static void refuse(struct ccid *ccid, uint8_t error) {
    uint8_t type = answer_type(ccid->header[0]);

    answer(ccid, type, ccid->header[5], ccid->header[6], STATUS_FAILED, error, type == PARAMETERS ? 1u : 0u);
}

static void start(struct ccid *ccid, enum ccid_work work, uint8_t sequence) {
    ccid->busy = true;
    ccid->aborted = false;
    ccid->doing = work;
    ccid->sequence = sequence;
    ccid->body->work(work);
}

static void send_parameters(struct ccid *ccid) {
    uint8_t *message = queue(ccid, CCID_HEADER + sizeof ccid->parameters);

    if (message != NULL) {
        put_header(ccid, message, PARAMETERS, sizeof ccid->parameters, 0, ccid->header[6], 0, 0, 1 /* T=1 */);
        memcpy(message + CCID_HEADER, ccid->parameters, sizeof ccid->parameters);
        pump(ccid);
    }
}

static void power_on(struct ccid *ccid) {
    if (ccid->header[7] > 3) { /* automatic, 5 V, 3 V, 1.8 V: all the same to this card */
        refuse(ccid, ERROR_FIELD7);
    } else if (ccid->dead) {
        refuse(ccid, ERROR_HARDWARE);
    } else if (ccid->busy) {
        ccid->power_on_waits = true;
        ccid->sequence = ccid->header[6];
    } else {
        memcpy(ccid->parameters, default_parameters, sizeof ccid->parameters);
        ccid->chaining = false;
        start(ccid, CCID_POWER_ON, ccid->header[6]);
    }
}

static void transfer(struct ccid *ccid) {
    uint8_t level = ccid->header[8];

    ccid->command_len += ccid->data_len;
    if (level == CHAIN_NEXT) {
        if (ccid->response_sent < ccid->response_len && ccid->data_len == 0) {
            ccid->sequence = ccid->header[6];
            ccid->response_ready = true;
            memmove(ccid->response + CCID_HEADER, ccid->response + CCID_HEADER + ccid->response_sent,
                    ccid->response_len - ccid->response_sent);
            pump(ccid);
        } else {
            refuse(ccid, ERROR_LEVEL);
        }
    } else if (level == CHAIN_WHOLE || level == CHAIN_END) {
        ccid->chaining = false;
        start(ccid, CCID_EXCHANGE, ccid->header[6]);
    } else {
        ccid->chaining = true;
        answer(ccid, DATA_BLOCK, 0, ccid->header[6], 0, 0, CHAIN_NEXT);
    }
}

static void set_parameters(struct ccid *ccid) {
    if (ccid->header[7] != 1) { /* bProtocolNum: the card has T=1 only */
        refuse(ccid, ERROR_FIELD7);
    } else if (ccid->data_len != sizeof ccid->parameters) {
        refuse(ccid, ERROR_LENGTH);
    } else {
        send_parameters(ccid);
    }
}

/* Abort, 5.3.1: answered when both halves have come and nothing is under way any more. */
static void try_abort(struct ccid *ccid, uint8_t sequence) {
    ccid->abort_requested = false;
    ccid->chaining = false;
    ccid->response_len = 0;
    ccid->response_sent = 0;
    answer(ccid, SLOT_STATUS, 0, sequence, 0, 0, 0);
}

static void abort_message(struct ccid *ccid) {
    if (!ccid->abort_requested || ccid->abort_sequence != ccid->header[6]) {
        refuse(ccid, ERROR_ABORTED);
    } else if (ccid->busy) {
        ccid->aborted = true; /* answered by ccid_done: the engine cannot be broken off */
    } else {
        try_abort(ccid, ccid->header[6]);
    }
}

static void handle(struct ccid *ccid) {
    switch (ccid->header[0]) {
    case ICC_POWER_ON:
        power_on(ccid);
        break;
    case ICC_POWER_OFF:
        ccid->chaining = false;
        start(ccid, CCID_POWER_OFF, ccid->header[6]);
        break;
    case GET_SLOT_STATUS:
        answer(ccid, SLOT_STATUS, 0, ccid->header[6], 0, 0, 0);
        break;
    case XFR_BLOCK:
        transfer(ccid);
        break;
    case GET_PARAMETERS:
        send_parameters(ccid);
        break;
    case RESET_PARAMETERS:
        memcpy(ccid->parameters, default_parameters, sizeof ccid->parameters);
        send_parameters(ccid);
        break;
    case SET_PARAMETERS:
        set_parameters(ccid);
        break;
    case ABORT:
        abort_message(ccid);
        break;
    default: /* ICC_CLOCK, T0_APDU, SECURE, MECHANICAL, ESCAPE, SET_DATA_RATE, and what is not in the
                specification */
        refuse(ccid, ERROR_UNSUPPORTED);
        break;
    }
}

/* What can be said against a message once its header is there. Returns whether there is something. */
static bool refused_by_header(struct ccid *ccid, uint8_t *error) {
    const uint8_t *header = ccid->header;
    uint8_t level = header[8];
    bool continues = level == CHAIN_END || level == CHAIN_MIDDLE;

    if (header[5] != 0) {
        *error = ERROR_SLOT;
        return true;
    }
    if (ccid->busy) {
        *error = ERROR_BUSY;
        return header[0] != GET_SLOT_STATUS && header[0] != ABORT &&
               !(header[0] == ICC_POWER_ON && ccid->aborted);
    }
    if (ccid->abort_requested && header[0] != ABORT) {
        *error = ERROR_ABORTED;
        return true;
    }
    if (header[0] != XFR_BLOCK) {
        return false;
    }
    if (!ccid->active) {
        *error = ERROR_MUTE;
    } else if (header[9] != 0 || (level > CHAIN_MIDDLE && level != CHAIN_NEXT) ||
               (level != CHAIN_NEXT && continues != ccid->chaining)) {
        ccid->chaining = false;
        *error = ERROR_LEVEL;
    } else if (ccid->data_len > CCID_APDU_MAX) {
        *error = ERROR_LENGTH;
    } else if ((ccid->chaining ? ccid->command_len : 0) + ccid->data_len > CCID_APDU_MAX) {
        ccid->chaining = false;
        *error = ERROR_OVERRUN;
    } else {
        return false;
    }
    return true;
}

static void header_complete(struct ccid *ccid) {
    ccid->data_len = get32(ccid->header + 1);
    ccid->refused = refused_by_header(ccid, &ccid->fail);
    ccid->skip = ccid->refused || (ccid->header[0] != XFR_BLOCK && ccid->header[0] != SET_PARAMETERS);
    if (!ccid->skip && ccid->header[0] == XFR_BLOCK && !ccid->chaining) {
        ccid->command_len = 0;
    }
}

/* One piece of the data of a message. */
static void take_data(struct ccid *ccid, const uint8_t *data, size_t len) {
    size_t at = ccid->received - CCID_HEADER;

    if (ccid->skip) {
        return;
    }
    if (ccid->header[0] == XFR_BLOCK) {
        memcpy(ccid->command + ccid->command_len + at, data, len);
    } else if (ccid->header[7] == 1 && ccid->data_len == sizeof ccid->parameters) {
        memcpy(ccid->parameters + at, data, len);
    }
}

void ccid_receive(struct ccid *ccid, const uint8_t *packet, size_t len) {
    while (len > 0) {
        size_t n;

        if (ccid->received < CCID_HEADER) {
            n = CCID_HEADER - ccid->received;
            n = n < len ? n : len;
            memcpy(ccid->header + ccid->received, packet, n);
            ccid->received += n;
            if (ccid->received == CCID_HEADER) {
                header_complete(ccid);
            }
        } else {
            size_t rest = CCID_HEADER + (size_t)ccid->data_len - ccid->received;

            n = rest < len ? rest : len;
            take_data(ccid, packet, n);
            ccid->received += n;
        }
        packet += n;
        len -= n;
        if (ccid->received >= CCID_HEADER && ccid->received - CCID_HEADER == ccid->data_len) {
            ccid->received = 0;
            if (ccid->refused) {
                refuse(ccid, ccid->fail);
            } else {
                handle(ccid);
            }
        }
    }
}

void ccid_init(struct ccid *ccid, const struct ccid_body *body) {
    bool busy = ccid->busy;
    bool dead = ccid->dead;
    enum ccid_work doing = ccid->doing;

    memset(ccid, 0, sizeof *ccid);
    ccid->body = body;
    memcpy(ccid->parameters, default_parameters, sizeof ccid->parameters);
    ccid->dead = dead;
    ccid->busy = busy;
    ccid->doing = doing;
    ccid->aborted = busy;
}

void ccid_sent(struct ccid *ccid) {
    ccid->sending = false;
    pump(ccid);
}

uint8_t *ccid_response(struct ccid *ccid) { return ccid->response + CCID_HEADER; }

void ccid_done(struct ccid *ccid, size_t len, bool failed) {
    bool dropped = ccid->aborted;

    ccid->busy = false;
    ccid->aborted = false;
    ccid->dead = ccid->dead || failed;
    ccid->active =
        ccid->doing == CCID_EXCHANGE ? ccid->active && !failed : ccid->doing == CCID_POWER_ON && !failed;
    if (dropped) {
        memset(ccid_response(ccid), 0, len);
        if (ccid->abort_requested) {
            try_abort(ccid, ccid->abort_sequence);
        }
        if (ccid->power_on_waits) {
            ccid->power_on_waits = false;
            start(ccid, CCID_POWER_ON, ccid->sequence);
        }
        return;
    }
    if (failed) {
        answer(ccid, ccid->doing == CCID_POWER_OFF ? SLOT_STATUS : DATA_BLOCK, 0, ccid->sequence,
               STATUS_FAILED, ERROR_HARDWARE, 0);
    } else if (ccid->doing == CCID_POWER_OFF) {
        answer(ccid, SLOT_STATUS, 0, ccid->sequence, 0, 0, 0);
    } else {
        ccid->response_len = len;
        ccid->response_sent = 0;
        ccid->response_ready = true;
        pump(ccid);
    }
}

void ccid_extend(struct ccid *ccid) {
    /* bError is the number of waiting times asked for. */
    if (ccid->busy && (!ccid->aborted || ccid->power_on_waits) && ccid->doing != CCID_POWER_OFF &&
        ccid->small_count == 0) {
        answer(ccid, DATA_BLOCK, 0, ccid->sequence, STATUS_TIME, 1, 0);
    }
}

bool ccid_abort(struct ccid *ccid, uint8_t slot, uint8_t sequence) {
    if (slot != 0) {
        return false;
    }
    ccid->abort_requested = true;
    ccid->abort_sequence = sequence;
    return true;
}
