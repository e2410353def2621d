// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_LIMITS_H
#define HSM_LIMITS_H

/*
 * Every limit of the engine, with its reason. The host and the RP2040 profile differ here and nowhere else.
 * HSM_PROFILE_RP2040 is set by the firmware's build.
 */

#ifndef HSM_PROFILE_RP2040
#define HSM_PROFILE_RP2040 0
#endif

/* Test builds may seed the random generator; release builds must not be able to. */
#ifndef HSM_TEST_BUILD
#define HSM_TEST_BUILD 0
#endif

#if HSM_PROFILE_RP2040
/* Longest command APDU. UNWRAP of an RSA-4096 blob is about 1.1 KB (1.9 KB in CRT form), clients write files
 * in pieces of at most 1.8 KB: 2 KiB of data and header. USB's dwMaxCCIDMessageLength follows from it. */
#define HSM_COMMAND_MAX (2048u + 16u)
/* Longest response: the request of an RSA-4096 key is about 1.7 KB; whole-file reads of certificates up to 4
 * KiB. */
#define HSM_RESPONSE_MAX (4096u + 2u)
#else
/* The host profile takes what vpcd's 16-bit frame can carry. */
#define HSM_COMMAND_MAX 65535u
#define HSM_RESPONSE_MAX 65535u
#endif

/* EF 2F10 and the blob of UNWRAP: RSA-4096 in CRT form (type 06) is 1.9 KB at most. */
#define HSM_BLOB_MAX 2304u

/* Scratch for one command: a packed RSA-4096 key, a wrapped one and a certificate request fit side by side.
 */
#define HSM_SCRATCH_SIZE 4096u

/* Key domains. Clients count at most 16 (P2 0 to 0F); each costs one small record. */
#define HSM_DOMAINS_MAX 16u

/* Public keys for authentication: n of protocol (1..90) is what INITIALIZE may carry; clients in the field
 * stop at 8. */
#define HSM_PKA_KEYS_MAX 90u

/* User PIN length, bytes: what clients can send; SO-PIN is fixed. */
#define HSM_PIN_MIN 6u
#define HSM_PIN_MAX 16u
#define HSM_SO_PIN_LEN 8u
#define HSM_SO_TRIES 15u

/* CHR and CAR (TR-03110): at most 16 characters in the standard, OpenSC takes 20. */
#define HSM_CHR_MAX 20u

/* Algorithm list of a key (tag 91): at most 16 in the standard's clients; the extension list is longer. */
#define HSM_ALGORITHMS_MAX 32u

/* Longest GET CHALLENGE answer: clients ask for up to 1024. */
#define HSM_CHALLENGE_MAX 1024u

/* Chain of trust files: 2F02 holds two or three CVCs of about 230 bytes. */
#define HSM_CVC_MAX 512u

/* Certificates verified in one session: a registration needs two, issuer and device. */
#define HSM_TRUSTED_MAX 4u

/* An uncompressed public point on the largest curve, secp521r1. */
#define HSM_POINT_MAX 133u

#endif
