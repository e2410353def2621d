// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_COMMAND_H
#define HSM_COMMAND_H

/*
 * Commands: the table in commands.c has one row per form of a command; the dispatcher checks class,
 * instruction, P1-P2, length and access in that order, opens and closes the transaction, and cuts the answer
 * to Ne. A handler does its work only.
 */

#include "hsm/apdu.h"
#include "hsm/buf.h"
#include "hsm/hsm.h"

enum command_access {
    ACCESS_FREE, /* anybody */
    ACCESS_USER, /* user PIN verified, or enough public keys authenticated: 6982 otherwise */
};

enum command_effect {
    EFFECT_NONE,  /* the command changes nothing in the store */
    EFFECT_STORE, /* the dispatcher wraps the handler in a transaction: commit on success, abort on any error
                   */
    EFFECT_OWN,   /* the handler runs its own transactions (it takes PIN tries) */
};

enum command_answer {
    ANSWER_ON_LE,  /* response data only when the command has an Le field */
    ANSWER_ALWAYS, /* also without one */
};

#define COMMAND_ANY (-1)

struct command {
    uint8_t ins;
    int16_t p1; /* 00..FF, or COMMAND_ANY */
    int16_t p2;
    uint16_t nc_min; /* command data, bytes */
    uint16_t nc_max;
    enum command_access access;
    enum command_effect effect;
    enum command_answer answer;
    int (*handler)(struct hsm *hsm, const struct apdu *apdu, struct writer *out);
    const char *name;
};

/*
 * command_run: executes a plain command. Returns a result of hsm/error.h; `out` has the response data when
 * that result lets data through.
 */
int command_run(struct hsm *hsm, const struct apdu *apdu, struct writer *out);

/* command_name: the name of an instruction for traces, "unknown" when the card has no such. */
const char *command_name(uint8_t ins, uint8_t p1, uint8_t p2, size_t nc);

/* The handlers, by file. Each is described where it is defined; P1, P2 and lengths are already checked
 * against its row. */
int cmd_select_application(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* select.c */
int cmd_select_file(struct hsm *hsm, const struct apdu *apdu, struct writer *out);        /* select.c */
int cmd_read_binary(struct hsm *hsm, const struct apdu *apdu, struct writer *out);       /* file_commands.c */
int cmd_read_binary_odd(struct hsm *hsm, const struct apdu *apdu, struct writer *out);   /* file_commands.c */
int cmd_update_binary_odd(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* file_commands.c */
int cmd_delete_file(struct hsm *hsm, const struct apdu *apdu, struct writer *out);       /* file_commands.c */
int cmd_enumerate_objects(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* file_commands.c */
int cmd_pin_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out);        /* pin_commands.c */
int cmd_verify(struct hsm *hsm, const struct apdu *apdu, struct writer *out);            /* pin_commands.c */
int cmd_change_reference_data(struct hsm *hsm, const struct apdu *apdu,
                              struct writer *out); /* pin_commands.c */
int cmd_reset_retry_counter(struct hsm *hsm, const struct apdu *apdu,
                            struct writer *out);                                     /* pin_commands.c */
int cmd_initialize(struct hsm *hsm, const struct apdu *apdu, struct writer *out);    /* initialize.c */
int cmd_device_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* initialize.c */
int cmd_domain_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* domain_commands.c */
int cmd_domain_import_share(struct hsm *hsm, const struct apdu *apdu,
                            struct writer *out);                                     /* domain_commands.c */
int cmd_domain_create(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* domain_commands.c */
int cmd_domain_create_xkek(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* xkek.c */
int cmd_domain_delete(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* domain_commands.c */
int cmd_domain_delete_key(struct hsm *hsm, const struct apdu *apdu,
                          struct writer *out); /* domain_commands.c */
int cmd_generate_asymmetric(struct hsm *hsm, const struct apdu *apdu, struct writer *out);   /* generate.c */
int cmd_generate_symmetric(struct hsm *hsm, const struct apdu *apdu, struct writer *out);    /* generate.c */
int cmd_derive_key(struct hsm *hsm, const struct apdu *apdu, struct writer *out);            /* generate.c */
int cmd_sign(struct hsm *hsm, const struct apdu *apdu, struct writer *out);                  /* sign.c */
int cmd_decipher(struct hsm *hsm, const struct apdu *apdu, struct writer *out);              /* decipher.c */
int cmd_cipher(struct hsm *hsm, const struct apdu *apdu, struct writer *out);                /* symmetric.c */
int cmd_wrap(struct hsm *hsm, const struct apdu *apdu, struct writer *out);                  /* wrap.c */
int cmd_unwrap(struct hsm *hsm, const struct apdu *apdu, struct writer *out);                /* wrap.c */
int cmd_get_challenge(struct hsm *hsm, const struct apdu *apdu, struct writer *out);         /* challenge.c */
int cmd_manage_se(struct hsm *hsm, const struct apdu *apdu, struct writer *out);             /* manage_se.c */
int cmd_verify_certificate(struct hsm *hsm, const struct apdu *apdu, struct writer *out);    /* trust.c */
int cmd_pka_status(struct hsm *hsm, const struct apdu *apdu, struct writer *out);            /* pka.c */
int cmd_pka_register(struct hsm *hsm, const struct apdu *apdu, struct writer *out);          /* pka.c */
int cmd_pka_replace(struct hsm *hsm, const struct apdu *apdu, struct writer *out);           /* pka.c */
int cmd_pka_enumerate(struct hsm *hsm, const struct apdu *apdu, struct writer *out);         /* pka.c */
int cmd_external_authenticate(struct hsm *hsm, const struct apdu *apdu, struct writer *out); /* pka.c */
int cmd_general_authenticate(struct hsm *hsm, const struct apdu *apdu, struct writer *out);  /* sm.c */

#endif
