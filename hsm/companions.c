// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/companions.h"

#include <string.h>

#include "hsm/description.h"
#include "hsm/file.h"
#include "hsm/record.h"

int companions_write(struct hsm *hsm, const struct key *key, bool made_here, struct cvc_name car,
                     struct cvc_name chr, struct writer *out) {
    uint16_t fid = (uint16_t)(FID_CERTIFICATE | key->id);
    int rc = description_ensure(hsm, key);
    if (rc == HSM_OK) {
        rc = cvc_put_request(hsm, key, made_here, car, chr, out);
    }
    return rc == HSM_OK ? file_put(hsm, fid, out->buf, out->len) : rc;
}

static bool contains(const uint8_t *data, size_t len, const uint8_t *what, size_t what_len) {
    for (size_t i = 0; i + what_len <= len; i++) {
        if (data[i] == what[0] && memcmp(data + i, what, what_len) == 0) {
            return true;
        }
    }
    return false;
}

/* Certificates and requests hold the public key's bytes as they are, whatever their format: no need to parse
 * X.509. */
static bool certificate_is_of(struct hsm *hsm, const struct key *key, struct writer *work) {
    struct crypto_rsa_public rsa;
    const uint8_t *needle = key->pub;
    size_t needle_len = key->pub_len;
    size_t len = 0;
    if (key->type == KEY_RSA) {
        if (key_rsa_public(key, &rsa) != HSM_OK) {
            return false;
        }
        needle = rsa.n;
        needle_len = rsa.bits / 8;
    }
    uint16_t fid = (uint16_t)(FID_CERTIFICATE | key->id);
    if (file_read(hsm, fid, 0, work->buf, work->cap, &len) != HSM_OK) {
        return false;
    }
    return contains(work->buf, len, needle, needle_len);
}

int companions_restore(struct hsm *hsm, const struct key *key, struct writer *out) {
    struct cvc_name device = {hsm->device_id, hsm->device_id_len};
    int rc;
    if (key->type == KEY_AES || certificate_is_of(hsm, key, out)) {
        rc = description_ensure(hsm, key);
    } else {
        rc = companions_write(hsm, key, false, device, device, out);
    }
    writer_truncate(out, 0);
    return rc;
}
