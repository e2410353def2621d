// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_ERROR_H
#define HSM_ERROR_H

/*
 * The engine's one error enum. Every function of hsm/ returns 0 or one of these; status.c turns them into
 * ISO/IEC 7816-4 status words, and nothing else does. The comment gives that status word.
 */
enum hsm_error {
    HSM_OK = 0,                   /* 9000 */
    HSM_ERR_LENGTH = -1,          /* 6700: command or field of a wrong length */
    HSM_ERR_SECURITY = -2,        /* 6982: authentication needed */
    HSM_ERR_BLOCKED = -3,         /* 6983: PIN or SO-PIN blocked */
    HSM_ERR_UNUSABLE = -4,        /* 6984: reference data not usable (transport PIN to be changed) */
    HSM_ERR_CONDITIONS = -5,      /* 6985: conditions of use not satisfied */
    HSM_ERR_NOT_ALLOWED = -6,     /* 6986: command not allowed (no current EF, domain not set up) */
    HSM_ERR_SM_MISSING = -7,      /* 6987: secure messaging object missing */
    HSM_ERR_SM_WRONG = -8,        /* 6988: secure messaging object wrong */
    HSM_ERR_DATA = -9,            /* 6A80: wrong data */
    HSM_ERR_UNSUPPORTED = -10,    /* 6A81: algorithm, curve or key type not supported */
    HSM_ERR_FILE_NOT_FOUND = -11, /* 6A82 */
    HSM_ERR_FULL = -12,           /* 6A84: no room; also: key use counter exhausted */
    HSM_ERR_P1P2 = -13,           /* 6A86: wrong P1-P2 */
    HSM_ERR_REFERENCE = -14,      /* 6A88: referenced key, PIN or domain not found */
    HSM_ERR_EXISTS = -15,         /* 6A89: already there, or still in use */
    HSM_ERR_INS = -16,            /* 6D00: instruction not supported in this state */
    HSM_ERR_CLA = -17,            /* 6E00: class not supported */
    HSM_ERR_CHAINING = -18,       /* 6884: command chaining not supported */
    HSM_ERR_STORAGE = -19,        /* 6581: the store failed */
    HSM_ERR_INTEGRITY = -20,      /* 6F00: a stored record was edited, moved or comes from another card */
    HSM_ERR_INTERNAL = -21,       /* 6F00: anything that should not happen */
    HSM_ERR_AUTH = -22,           /* 6300: a signature or MAC given by the outside does not verify */
    HSM_ERR_REGISTERED = -23,     /* 9001: PKA slot holds a key that is authenticated (not an error) */
    HSM_ERR_CHAIN_EXPECTED = -24, /* 6883: last command of a chain expected */
    HSM_ERR_REFUSED = -25, /* 6400: execution refused, state unchanged (presence not given, no PIN for SM) */
    HSM_ERR_NOT_YET_AUTH = -26, /* 6300: PKA active, more keys have to authenticate */
    HSM_ERR_OFFSET = -27,       /* 6B00: offset in P1-P2 at or past the end of the file */
};

/*
 * A wrong PIN with `n` (1..15) tries left is HSM_WRONG_PIN(n), which becomes 63Cn.
 */
#define HSM_WRONG_PIN_BASE (-0x100)
#define HSM_WRONG_PIN(n) (HSM_WRONG_PIN_BASE - (int)(n))

#endif
