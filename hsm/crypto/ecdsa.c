// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// ECDSA (FIPS 186-5, 6) and the DER form of its signatures.

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>

#include "hsm/crypto/ec.h"
#include "hsm/crypto/internal.h"
#include "hsm/crypto/util.h"
#include "hsm/error.h"

int crypto_ecdsa_sign(enum crypto_curve curve, struct crypto_rng *rng, const uint8_t *priv,
                      const uint8_t *hash, size_t hash_len, uint8_t *r, uint8_t *s) {
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    mbedtls_mpi mr;
    mbedtls_mpi ms;
    size_t len = crypto_ec_field_len(curve);

    if (crypto_ec_is_montgomery(curve))
        return HSM_ERR_UNSUPPORTED;
    if (hash_len == 0)
        return HSM_ERR_LENGTH;
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&d);
    mbedtls_mpi_init(&mr);
    mbedtls_mpi_init(&ms);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK && mbedtls_mpi_read_binary(&d, priv, len) != 0)
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK && mbedtls_ecp_check_privkey(&group, &d) != 0)
        ret = HSM_ERR_DATA;
    if (ret == HSM_OK) {
        do { /* a second turn only for secp224k1, see ec.h */
            if (mbedtls_ecdsa_sign(&group, &mr, &ms, &d, hash, hash_len, crypto_rng_callback, rng) != 0)
                ret = HSM_ERR_INTERNAL;
        } while (ret == HSM_OK && (mbedtls_mpi_size(&mr) > len || mbedtls_mpi_size(&ms) > len));
    }
    if (ret == HSM_OK &&
        (mbedtls_mpi_write_binary(&mr, r, len) != 0 || mbedtls_mpi_write_binary(&ms, s, len) != 0))
        ret = HSM_ERR_INTERNAL;
    mbedtls_mpi_free(&ms);
    mbedtls_mpi_free(&mr);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_group_free(&group);
    return ret;
}

int crypto_ecdsa_verify(enum crypto_curve curve, const uint8_t *pub, const uint8_t *hash, size_t hash_len,
                        const uint8_t *r, const uint8_t *s) {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi mr;
    mbedtls_mpi ms;
    size_t len = crypto_ec_field_len(curve);

    if (crypto_ec_is_montgomery(curve))
        return HSM_ERR_UNSUPPORTED;
    if (hash_len == 0)
        return HSM_ERR_LENGTH;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&mr);
    mbedtls_mpi_init(&ms);
    int ret = crypto_ec_load(curve, &group);
    if (ret == HSM_OK)
        ret = crypto_ec_read_point(curve, &group, pub, 1 + 2 * len, &point);
    if (ret == HSM_OK &&
        (mbedtls_mpi_read_binary(&mr, r, len) != 0 || mbedtls_mpi_read_binary(&ms, s, len) != 0))
        ret = HSM_ERR_INTERNAL;
    if (ret == HSM_OK) {
        switch (mbedtls_ecdsa_verify(&group, hash, hash_len, &point, &mr, &ms)) {
        case 0:
            break;
        case MBEDTLS_ERR_ECP_VERIFY_FAILED:
            ret = HSM_ERR_AUTH;
            break;
        default:
            ret = HSM_ERR_INTERNAL;
        }
    }
    mbedtls_mpi_free(&ms);
    mbedtls_mpi_free(&mr);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return ret;
}

/* One DER INTEGER at `out`, without needless leading zeros and with one where the top bit is set; returns its
 * end. */
static uint8_t *put_integer(const uint8_t *value, size_t len, uint8_t *out) {
    while (len > 1 && value[0] == 0) {
        value++;
        len--;
    }
    bool sign = (value[0] & 0x80) != 0;
    *out++ = 0x02;
    *out++ = (uint8_t)(len + sign); /* at most 67: one length byte */
    if (sign)
        *out++ = 0x00;
    memcpy(out, value, len);
    return out + len;
}

size_t crypto_ecdsa_der(const uint8_t *r, const uint8_t *s, size_t len, uint8_t *out) {
    uint8_t body[CRYPTO_EC_DER_MAX];
    uint8_t *end = put_integer(s, len, put_integer(r, len, body));
    size_t body_len = (size_t)(end - body);
    size_t head = 0;

    out[head++] = 0x30;
    if (body_len > 127)
        out[head++] = 0x81;
    out[head++] = (uint8_t)body_len;
    memcpy(out + head, body, body_len);
    return head + body_len;
}
