// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors
//
// The one mbedTLS 3.6 configuration of TwinHSM, for the host and for the RP2040 alike. Both bodies must give
// the same bytes for the same command, so a line may depend on the processor only where it changes speed or
// memory, never results. Everything a smart card does not do is left out: TLS, X.509, PEM, PSA, files,
// sockets, clocks, threads.
//
// Given to mbedTLS as MBEDTLS_CONFIG_FILE, by the Makefile and by the firmware's build.
#ifndef TWINHSM_MBEDTLS_CONFIG_H
#define TWINHSM_MBEDTLS_CONFIG_H

// Language, processor

#define MBEDTLS_HAVE_ASM // inline assembly for the bignum multiplication: x86-64 and Cortex-M0+ both have one

#if defined(__x86_64__) || defined(__i386__)
#define MBEDTLS_AESNI_C // probed at run time; without it the table code runs
#endif
#if defined(__aarch64__)
#define MBEDTLS_AESCE_C // the same for 64-bit ARM hosts
#endif

#define MBEDTLS_AES_ROM_TABLES // const tables: no lazily filled global that two cards' threads could race on,
                               // and 8.5 KiB less RAM on the RP2040
#define MBEDTLS_DEPRECATED_REMOVED   // no function that the next LTS will not have
#define MBEDTLS_CHECK_RETURN_WARNING // the compiler then refuses a result that nobody looks at

// No MBEDTLS_ENTROPY_C, no MBEDTLS_TIMING_C: entropy reaches the engine through its platform callback and
// nothing here may ask the OS for anything but memory.

// Memory comes from heap.c, which wipes what is given back: the library leaves primes in the work space of
// gcd and modular inversion.
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO crypto_heap_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO crypto_heap_free
#include "hsm/crypto/heap.h"

// Block and stream ciphers

#define MBEDTLS_AES_C
#define MBEDTLS_DES_C           // 3DES: chip authentication and secure messaging with 0.4.0.127.0.7.2.2.3.2.1
#define MBEDTLS_CIPHER_C        // wanted by CMAC
#define MBEDTLS_CIPHER_MODE_CBC // key blobs, card command 78
#define MBEDTLS_CIPHER_MODE_CTR // extended cipher command, like the next five
#define MBEDTLS_CIPHER_MODE_CFB
#define MBEDTLS_CIPHER_MODE_OFB
#define MBEDTLS_CIPHER_MODE_XTS
#define MBEDTLS_GCM_C // also the vault's key wrap
#define MBEDTLS_CCM_C
#define MBEDTLS_CMAC_C // key blob MAC, card command 78
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C

// Hashes, key derivation

#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C // on-card hashing for old clients; secure messaging's key derivation
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_RIPEMD160_C // BIP-32 key fingerprints
#define MBEDTLS_HKDF_C
#define MBEDTLS_PKCS5_C // PBKDF2 for the PIN

// Random numbers

#define MBEDTLS_HMAC_DRBG_C // SP 800-90A; also what RFC 6979 signatures are built on
#define MBEDTLS_CTR_DRBG_C

// Numbers, RSA

#define MBEDTLS_BIGNUM_C
// Bytes. RSA-4096 and its longest public exponent: factoring n raises to d * e. The default of 1024 doubles
// the stack buffers of the RSA padding code.
#define MBEDTLS_MPI_MAX_SIZE 520
#define MBEDTLS_RSA_C
#define MBEDTLS_GENPRIME
#define MBEDTLS_RSA_GEN_KEY_MIN_BITS 1024 // the smallest modulus the card offers
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_OID_C // RSA needs these three for DigestInfo and its key encoding; ECDSA for its signature
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C

// Elliptic curves

#define MBEDTLS_ECP_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECP_NIST_OPTIM // special reduction for the NIST primes: 4 to 8 times faster
#define MBEDTLS_ECP_FIXED_POINT_OPTIM                                                                        \
    1 // precomputed multiples of the generators, const: flash pays, RAM and time gain

#define MBEDTLS_ECP_DP_SECP192R1_ENABLED
#define MBEDTLS_ECP_DP_SECP224R1_ENABLED
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECP_DP_SECP192K1_ENABLED
#define MBEDTLS_ECP_DP_SECP224K1_ENABLED
#define MBEDTLS_ECP_DP_SECP256K1_ENABLED
#define MBEDTLS_ECP_DP_BP256R1_ENABLED
#define MBEDTLS_ECP_DP_BP384R1_ENABLED
#define MBEDTLS_ECP_DP_BP512R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_DP_CURVE448_ENABLED

#endif
