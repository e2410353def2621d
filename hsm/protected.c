// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/protected.h"

#include <string.h>

#include "hsm/buf.h"
#include "hsm/crypto/cipher.h"
#include "hsm/crypto/util.h"
#include "hsm/key.h"
#include "hsm/vault.h"

#define SEAL_LEN (CRYPTO_GCM_NONCE + CRYPTO_GCM_TAG)
#define FILE_TAG_LEN 8u /* random, new with every replacement: pages of an older content do not fit */
#define HEADER_SECRET (4u + FILE_TAG_LEN)
#define HEADER_LEN (SEAL_LEN + HEADER_SECRET)
#define PAGE 1024u
#define PAGE_STORED (SEAL_LEN + PAGE)

_Static_assert(2u * PAGE_STORED <= HSM_SCRATCH_SIZE, "a page in both forms fits the scratch area");

struct header {
    uint32_t len;
    uint8_t tag[FILE_TAG_LEN];
};

size_t protected_size(size_t stored) {
    if (stored <= HEADER_LEN) {
        return 0;
    }
    size_t body = stored - HEADER_LEN;
    size_t rest = body % PAGE_STORED;
    return body / PAGE_STORED * PAGE + (rest > SEAL_LEN ? rest - SEAL_LEN : 0);
}

/* What page `index` of the file is bound to; the header uses index 0xFFFF and an empty tag. */
static struct crypto_part page_aad(uint16_t fid, uint16_t index, const uint8_t *tag,
                                   uint8_t aad[4 + FILE_TAG_LEN]) {
    struct writer w;
    writer_init(&w, aad, 4 + FILE_TAG_LEN);
    writer_u16(&w, fid);
    writer_u16(&w, index);
    if (tag != NULL) {
        writer_put(&w, tag, FILE_TAG_LEN);
    }
    return (struct crypto_part){aad, w.len};
}

#define HEADER_INDEX 0xFFFFu

static int seal(struct hsm *hsm, struct crypto_part aad, const uint8_t *plain, size_t len, uint8_t *out) {
    int rc = crypto_rng_bytes(&hsm->rng, out, CRYPTO_GCM_NONCE);
    if (rc != HSM_OK) {
        return rc;
    }
    return crypto_gcm_seal(hsm->master, out, &aad, 1, plain, len, out + SEAL_LEN, out + CRYPTO_GCM_NONCE);
}

static int unseal(struct hsm *hsm, struct crypto_part aad, const uint8_t *stored, size_t len,
                  uint8_t *plain) {
    if (len < SEAL_LEN || crypto_gcm_open(hsm->master, stored, &aad, 1, stored + SEAL_LEN, len - SEAL_LEN,
                                          stored + CRYPTO_GCM_NONCE, plain) != HSM_OK) {
        return HSM_ERR_INTEGRITY;
    }
    return HSM_OK;
}

/* Bytes of the record of a file of `len` bytes. */
static size_t stored_size(size_t len) { return HEADER_LEN + len + (len + PAGE - 1) / PAGE * SEAL_LEN; }

static int header_load(struct hsm *hsm, uint16_t fid, struct header *header) {
    uint8_t stored[HEADER_LEN];
    uint8_t plain[HEADER_SECRET];
    uint8_t aad[4 + FILE_TAG_LEN];
    size_t len;
    size_t total = 0;
    int rc = store_result(store_size(hsm->store, fid, &total));
    if (rc == HSM_OK) {
        rc = store_result(store_get(hsm->store, fid, 0, stored, sizeof stored, &len));
    }
    if (rc == HSM_OK) {
        rc = unseal(hsm, page_aad(fid, HEADER_INDEX, NULL, aad), stored, len, plain);
    }
    if (rc == HSM_OK) {
        struct reader r;
        reader_init(&r, plain, sizeof plain);
        header->len = reader_u32(&r);
        memcpy(header->tag, reader_take(&r, FILE_TAG_LEN), FILE_TAG_LEN);
        /* The size that clients are told follows from the record: one that was cut must not pass for a
         * shorter file. */
        rc = total == stored_size(header->len) ? HSM_OK : HSM_ERR_INTEGRITY;
    }
    return rc;
}

static int header_seal(struct hsm *hsm, uint16_t fid, const struct header *header,
                       uint8_t stored[HEADER_LEN]) {
    uint8_t plain[HEADER_SECRET];
    uint8_t aad[4 + FILE_TAG_LEN];
    struct writer w;
    writer_init(&w, plain, sizeof plain);
    writer_u32(&w, header->len);
    writer_put(&w, header->tag, FILE_TAG_LEN);
    return seal(hsm, page_aad(fid, HEADER_INDEX, NULL, aad), plain, sizeof plain, stored);
}

static size_t page_offset(uint16_t index) { return HEADER_LEN + (size_t)index * PAGE_STORED; }

/* Bytes of data in page `index` of a file of `len` bytes. */
static size_t page_fill(size_t len, uint16_t index) {
    size_t start = (size_t)index * PAGE;
    return len <= start ? 0 : len - start < PAGE ? len - start : PAGE;
}

static int page_load(struct hsm *hsm, uint16_t fid, const struct header *header, uint16_t index,
                     uint8_t *plain) {
    uint8_t aad[4 + FILE_TAG_LEN];
    uint8_t *stored = hsm->scratch + PAGE_STORED;
    size_t want = SEAL_LEN + page_fill(header->len, index);
    size_t len;
    int rc = store_result(store_get(hsm->store, fid, page_offset(index), stored, want, &len));
    if (rc == HSM_OK && len != want) {
        rc = HSM_ERR_INTEGRITY;
    }
    return rc == HSM_OK ? unseal(hsm, page_aad(fid, index, header->tag, aad), stored, len, plain) : rc;
}

static int page_save(struct hsm *hsm, uint16_t fid, const struct header *header, uint16_t index,
                     const uint8_t *plain, size_t len) {
    uint8_t aad[4 + FILE_TAG_LEN];
    uint8_t *stored = hsm->scratch + PAGE_STORED;
    int rc = seal(hsm, page_aad(fid, index, header->tag, aad), plain, len, stored);
    if (rc == HSM_OK) {
        rc = store_result(store_patch(hsm->store, fid, page_offset(index), stored, SEAL_LEN + len));
    }
    return rc;
}

int protected_read(struct hsm *hsm, uint16_t fid, size_t offset, uint8_t *buf, size_t cap, size_t *len) {
    struct header header;
    *len = 0;
    if (!hsm->master_valid) {
        return HSM_ERR_SECURITY;
    }
    int rc = header_load(hsm, fid, &header);
    while (rc == HSM_OK && offset < header.len && *len < cap) {
        uint16_t index = (uint16_t)(offset / PAGE);
        size_t skip = offset % PAGE;
        uint8_t *plain = hsm->scratch;
        rc = page_load(hsm, fid, &header, index, plain);
        if (rc == HSM_OK) {
            size_t n = page_fill(header.len, index) - skip;
            if (n > cap - *len) {
                n = cap - *len;
            }
            memcpy(buf + *len, plain + skip, n);
            *len += n;
            offset += n;
        }
    }
    return rc;
}

int protected_write(struct hsm *hsm, uint16_t fid, size_t offset, const uint8_t *data, size_t len) {
    struct header header = {0};
    uint8_t stored[HEADER_LEN];
    if (!hsm->master_valid) {
        return HSM_ERR_SECURITY;
    }
    int rc;
    if (offset == 0) {
        rc = crypto_rng_bytes(&hsm->rng, header.tag, sizeof header.tag);
    } else {
        rc = header_load(hsm, fid, &header);
        if (rc == HSM_OK && offset > header.len) {
            rc = HSM_ERR_DATA;
        }
    }
    if (rc != HSM_OK) {
        return rc;
    }
    size_t old_len = header.len;
    size_t end = offset + len;
    size_t new_len = end > old_len ? end : old_len;
    if (page_offset((uint16_t)(new_len / PAGE)) + SEAL_LEN + new_len % PAGE > STORE_VALUE_MAX) {
        return HSM_ERR_FULL;
    }
    header.len = (uint32_t)new_len;
    rc = header_seal(hsm, fid, &header, stored);
    if (rc == HSM_OK) {
        rc = store_result(offset == 0 ? store_put(hsm->store, fid, stored, sizeof stored)
                                      : store_patch(hsm->store, fid, 0, stored, sizeof stored));
    }
    while (rc == HSM_OK && offset < end) {
        uint16_t index = (uint16_t)(offset / PAGE);
        size_t skip = offset % PAGE;
        size_t n = PAGE - skip < end - offset ? PAGE - skip : end - offset;
        size_t fill = page_fill(old_len, index);
        uint8_t *plain = hsm->scratch;
        if (fill != 0) {
            header.len = (uint32_t)old_len;
            rc = page_load(hsm, fid, &header, index, plain);
            header.len = (uint32_t)new_len;
        }
        if (rc == HSM_OK) {
            memcpy(plain + skip, data, n);
            rc = page_save(hsm, fid, &header, index, plain, fill > skip + n ? fill : skip + n);
            data += n;
            offset += n;
        }
    }
    return rc;
}
