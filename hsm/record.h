// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_RECORD_H
#define HSM_RECORD_H

/*
 * Ids of the records in the store. Elementary files are kept under their FID; what only the engine knows
 * lives below 0x1000, where no FID that a command accepts can reach. docs/architecture.md lists the contents.
 */

#define RECORD_CARD 0x0001u        /* device seal: format, device id */
#define RECORD_CONFIG 0x0002u      /* device seal: what INITIALIZE chose */
#define RECORD_PIN_USER 0x0010u    /* device seal: tries, salt, master key wrapped by the PIN */
#define RECORD_PIN_SO 0x0011u      /* the same for the SO-PIN */
#define RECORD_MASTER_PKA 0x0012u  /* device seal: master key, only where public keys alone may log in */
#define RECORD_BOX_PUBLIC 0x0013u  /* device seal: public key to which complete key domain keys are sealed */
#define RECORD_BOX_PRIVATE 0x0014u /* user seal: its private key */
#define RECORD_DOMAIN 0x0020u      /* device seal: key domain n at RECORD_DOMAIN + n */
#define RECORD_DOMAIN_LAST 0x002Fu
#define RECORD_PKA_KEY 0x0040u /* device seal: public key for authentication in slot n */
#define RECORD_PKA_KEY_LAST 0x0099u
#define RECORD_COUNTER 0x0100u /* device seal: remaining uses of key n at RECORD_COUNTER + n */
#define RECORD_COUNTER_LAST 0x01FFu

#define FID_DEVICE_CERTIFICATES 0x2F02u /* C_DevAut: device CVC, issuer CVC */
#define FID_TOKEN_INFO 0x2F03u          /* PKCS#15 TokenInfo */
#define FID_BLOB 0x2F10u                /* scratch for UNWRAP, RAM only */

/* Prefixes (high byte) of the FIDs; the low byte is the key id or number. */
#define FID_PRKD 0xC400u
#define FID_CA_DESCRIPTION 0xC800u
#define FID_DATA_DESCRIPTION 0xC900u
#define FID_CA_CERTIFICATE 0xCA00u
#define FID_META_DATA 0xCB00u
#define FID_KEY 0xCC00u
#define FID_DATA_PROTECTED 0xCD00u
#define FID_CERTIFICATE 0xCE00u
#define FID_DATA 0xCF00u

#define FID_DEVICE_KEY 0xCC00u
#define FID_DEVICE_REQUEST 0xCE00u

#endif
