// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// Key pairs and key agreement on all curves.

#include "hsm/crypto/ec.h"

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>

#include "hsm/crypto/internal.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

#define OFFSET_MAX                                                                                           \
    256u /* bytes of the addend of a key derivation; clients send at most the order's length                 \
          */

static int error_of(int mbedtls_error) {
    switch (mbedtls_error) {
    case 0:
        return HSM_OK;
    case MBEDTLS_ERR_ECP_INVALID_KEY:
    case MBEDTLS_ERR_ECP_BAD_INPUT_DATA:
        return HSM_ERR_DATA;
    default:
        return HSM_ERR_INTERNAL;
    }
}

/* The decoding of a Montgomery scalar, RFC 7748, 5. */
static void clamp(enum crypto_curve curve, uint8_t *scalar) {
    if (curve == CRYPTO_X25519) {
        scalar[0] &= 0xF8;
        scalar[31] = (uint8_t)((scalar[31] & 0x7F) | 0x40);
    } else {
        scalar[0] &= 0xFC;
        scalar[55] |= 0x80;
    }
}

/* Reads a private key; mbedTLS checks the range when it multiplies. */
static int read_private(enum crypto_curve curve, const uint8_t *priv, mbedtls_mpi *d) {
    size_t len = crypto_ec_field_len(curve);
    uint8_t scalar[CRYPTO_EC_FIELD_MAX];

    if (!crypto_ec_is_montgomery(curve))
        return mbedtls_mpi_read_binary(d, priv, len);
    memcpy(scalar, priv, len);
    clamp(curve, scalar);
    int ret = mbedtls_mpi_read_binary_le(d, scalar, len);
    crypto_wipe(scalar, sizeof scalar);
    return ret;
}

/* Bytes of an encoded public key. */
static size_t public_len(enum crypto_curve curve) {
    size_t len = crypto_ec_field_len(curve);

    return crypto_ec_is_montgomery(curve) ? len : 1 + 2 * len;
}

int crypto_ec_read_point(enum crypto_curve curve, const mbedtls_ecp_group *group, const uint8_t *pub,
                         size_t len, mbedtls_ecp_point *point) {
    if (len != public_len(curve) || (!crypto_ec_is_montgomery(curve) && pub[0] != 0x04))
        return HSM_ERR_DATA;
    int ret = mbedtls_ecp_point_read_binary(group, point, pub, len);
    if (ret == 0)
        ret = mbedtls_ecp_check_pubkey(group, point);
    return error_of(ret);
}

int crypto_ec_generate(enum crypto_curve curve, struct crypto_rng *rng, uint8_t *priv, uint8_t *pub) {
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    size_t len = crypto_ec_field_len(curve);

    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&d);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK && crypto_ec_is_montgomery(curve)) {
        ret = crypto_rng_bytes(rng, priv, len);
        if (ret == HSM_OK)
            clamp(curve, priv);
    } else if (ret == HSM_OK) {
        do { /* a second turn only for secp224k1, see ec.h */
            if (mbedtls_ecp_gen_privkey(&group, &d, crypto_rng_callback, rng) != 0)
                ret = HSM_ERR_INTERNAL;
        } while (ret == HSM_OK && mbedtls_mpi_size(&d) > len);
        if (ret == HSM_OK && mbedtls_mpi_write_binary(&d, priv, len) != 0)
            ret = HSM_ERR_INTERNAL;
    }
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&group);
    if (ret == HSM_OK)
        ret = crypto_ec_public(curve, rng, priv, pub);
    if (ret != HSM_OK)
        crypto_wipe(priv, len);
    return ret;
}

int crypto_ec_public(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv, uint8_t *pub) {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi d;
    size_t written;

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&d);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK)
        ret = error_of(read_private(curve, priv, &d));
    if (ret == HSM_OK)
        ret = error_of(mbedtls_ecp_mul(&group, &point, &d, &group.G, crypto_rng_callback, rng));
    if (ret == HSM_OK && mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &written,
                                                        pub, public_len(curve)) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&d);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return ret;
}

int crypto_ec_check_point(enum crypto_curve curve, const uint8_t *pub, size_t len) {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK)
        ret = crypto_ec_read_point(curve, &group, pub, len, &point);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return ret;
}

int crypto_ec_add_scalar(enum crypto_curve curve, const uint8_t *priv, const uint8_t *offset,
                         size_t offset_len, uint8_t *out) {
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    mbedtls_mpi addend;

    if (crypto_ec_is_montgomery(curve))
        return HSM_ERR_UNSUPPORTED;
    if (offset_len > OFFSET_MAX)
        return HSM_ERR_LENGTH;
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&d);
    mbedtls_mpi_init(&addend);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK)
        ret = error_of(read_private(curve, priv, &d));
    if (ret == HSM_OK)
        ret = error_of(mbedtls_ecp_check_privkey(&group, &d));
    if (ret == HSM_OK &&
        (mbedtls_mpi_read_binary(&addend, offset, offset_len) != 0 ||
         mbedtls_mpi_add_mpi(&d, &d, &addend) != 0 || mbedtls_mpi_mod_mpi(&d, &d, &group.N) != 0))
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK &&
        (mbedtls_mpi_cmp_int(&d, 0) == 0 || mbedtls_mpi_size(&d) > crypto_ec_field_len(curve)))
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK && mbedtls_mpi_write_binary(&d, out, crypto_ec_field_len(curve)) != 0)
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&addend);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&group);
    return ret;
}

int crypto_ecdh(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv, const uint8_t *peer,
                size_t peer_len, uint8_t *secret) {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi d;
    uint8_t shared[CRYPTO_EC_POINT_MAX];
    static const uint8_t zeros[CRYPTO_EC_FIELD_MAX];
    size_t written;
    size_t len = crypto_ec_field_len(curve);

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&d);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK)
        ret = crypto_ec_read_point(curve, &group, peer, peer_len, &point);
    if (ret == HSM_OK)
        ret = error_of(read_private(curve, priv, &d));
    if (ret == HSM_OK)
        ret = error_of(mbedtls_ecp_mul(&group, &point, &d, &point, crypto_rng_callback, rng));
    if (ret == HSM_OK && mbedtls_ecp_is_zero(&point))
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK && mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &written,
                                                        shared, public_len(curve)) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && crypto_ec_is_montgomery(curve)) {
        /* RFC 7748, 6: an all-zero result comes from a point of small order. mbedTLS refuses those by a list.
         */
        if (crypto_equal(shared, zeros, len))
            ret = HSM_ERR_DATA;
        memcpy(secret, shared, len);
    } else if (ret == HSM_OK) {
        memcpy(secret, shared + 1, len); /* X of 04 || X || Y */
    }
    crypto_wipe(shared, sizeof shared);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    if (ret != HSM_OK)
        crypto_wipe(secret, len);
    return ret;
}
