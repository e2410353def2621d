// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* READ BINARY, UPDATE BINARY, DELETE FILE (ISO/IEC 7816-4, 7.2, and 7816-9) and ENUMERATE OBJECTS. */

#include "hsm/command.h"
#include "hsm/file.h"
#include "hsm/record.h"
#include "hsm/tlv.h"
#include "hsm/vault.h"

#define TAG_OFFSET 0x54u
#define TAG_DATA 0x53u

/* OpenSC reads the list into 1014 bytes: of a longer list the keys, which come first, must survive. */
#define ENUMERATE_MAX 507u

/* P1-P2 of the odd instructions name the file; 0000 is the current EF. */
static int target(struct hsm *hsm, const struct apdu *apdu, uint16_t *fid) {
    *fid = apdu_p1p2(apdu) != 0 ? apdu_p1p2(apdu) : hsm->current_ef;
    return *fid != 0 ? HSM_OK : HSM_ERR_NOT_ALLOWED;
}

/* The offset data object 54: one to four bytes. */
static int read_offset(struct reader *r, size_t *offset) {
    struct tlv t;
    if (tlv_next(r, &t) != 1 || t.tag != TAG_OFFSET || t.len < 1 || t.len > 4) {
        return HSM_ERR_LENGTH;
    }
    *offset = 0;
    for (size_t i = 0; i < t.len; i++) {
        *offset = *offset << 8 | t.value[i];
    }
    return HSM_OK;
}

static int read_file(struct hsm *hsm, uint16_t fid, size_t offset, size_t ne, struct writer *out) {
    size_t size;
    int rc = file_size(hsm, fid, &size);
    if (rc != HSM_OK) {
        return rc;
    }
    enum file_kind kind = file_kind(fid);
    if (kind == FILE_KEY || kind == FILE_BLOB || (kind == FILE_PROTECTED && !hsm->user_verified)) {
        return HSM_ERR_SECURITY;
    }
    hsm->current_ef = fid;
    size_t left = offset < size ? size - offset : 0;
    size_t want = ne < left ? ne : left;
    size_t room = out->cap - out->len;
    want = want < room ? want : room;
    size_t got = 0;
    rc = file_read(hsm, fid, offset, out->buf + out->len, want, &got);
    out->len += got;
    return rc;
}

/*
 * Offset in P1-P2, or a short EF identifier, which no file here has. Past the end it is an error, unlike
 * below: GnuPG's scdaemon reads the files that it looks at until one comes, for ever if need be.
 */
int cmd_read_binary(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    size_t size;
    if ((apdu->p1 & 0x80) != 0) {
        return HSM_ERR_FILE_NOT_FOUND;
    }
    if (hsm->current_ef == 0) {
        return HSM_ERR_NOT_ALLOWED;
    }
    int rc = read_file(hsm, hsm->current_ef, apdu_p1p2(apdu), apdu->ne, out);
    if (rc == HSM_OK) {
        rc = file_size(hsm, hsm->current_ef, &size);
    }
    return rc == HSM_OK && apdu_p1p2(apdu) >= size ? HSM_ERR_OFFSET : rc;
}

/*
 * The answer is the data itself. At and past the end it is empty, with 9000: OpenSC up to 0.23 throws a file
 * away when its last read fails, and other clients take warnings for errors.
 */
int cmd_read_binary_odd(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    struct reader r;
    uint16_t fid;
    size_t offset;
    reader_init(&r, apdu->data, apdu->nc);
    int rc = read_offset(&r, &offset);
    if (rc == HSM_OK && r.left != 0) {
        rc = HSM_ERR_LENGTH;
    }
    if (rc == HSM_OK) {
        rc = target(hsm, apdu, &fid);
    }
    return rc == HSM_OK ? read_file(hsm, fid, offset, apdu->ne, out) : rc;
}

int cmd_update_binary_odd(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct reader r;
    struct tlv data;
    uint16_t fid;
    size_t offset;
    reader_init(&r, apdu->data, apdu->nc);
    int rc = read_offset(&r, &offset);
    if (rc != HSM_OK) {
        return rc;
    }
    if (tlv_next(&r, &data) != 1 || data.tag != TAG_DATA || r.left != 0) {
        return HSM_ERR_DATA;
    }
    rc = target(hsm, apdu, &fid);
    if (rc != HSM_OK) {
        return rc;
    }
    switch (file_kind(fid)) {
    case FILE_NONE:
        return HSM_ERR_FILE_NOT_FOUND;
    case FILE_KEY:
        return HSM_ERR_SECURITY;
    default:
        break;
    }
    rc = file_write(hsm, fid, offset, data.value, data.len);
    if (rc == HSM_OK) {
        hsm->current_ef = fid;
    }
    return rc;
}

/* A key's certificate and description stay when the key goes, and the other way round: clients delete each by
 * itself. */
int cmd_delete_file(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    (void)out;
    struct reader r;
    reader_init(&r, apdu->data, apdu->nc);
    uint16_t fid = reader_u16(&r);
    if (fid == FID_DEVICE_KEY || fid == FID_DEVICE_CERTIFICATES) {
        return HSM_ERR_SECURITY;
    }
    int rc = file_delete(hsm, fid);
    if (rc == HSM_OK && hsm->current_ef == fid) {
        hsm->current_ef = 0;
    }
    return rc;
}

/* Appends the records from `first` to `last`. */
static int list_range(struct hsm *hsm, uint16_t first, uint16_t last, struct writer *out) {
    uint16_t fid = (uint16_t)(first - 1);
    int rc = STORE_OK;
    while (out->len < 2 * ENUMERATE_MAX && (rc = store_next(hsm->store, fid, &fid)) == STORE_OK &&
           fid <= last) {
        writer_u16(out, fid);
    }
    return rc == STORE_ERR_NOT_FOUND ? HSM_OK : store_result(rc);
}

/* All objects by FID: keys first, then what belongs to no key, then descriptions and certificates of keys. */
int cmd_enumerate_objects(struct hsm *hsm, const struct apdu *apdu, struct writer *out) {
    static const uint16_t ranges[][2] = {
        {FID_KEY, FID_KEY | 0xFF},
        {FID_CA_DESCRIPTION, FID_META_DATA | 0xFF},
        {FID_DATA_PROTECTED, FID_DATA_PROTECTED | 0xFF},
        {FID_DATA, FID_DATA | 0xFF},
        {FID_PRKD, FID_PRKD | 0xFF},
        {FID_CERTIFICATE, FID_CERTIFICATE | 0xFF},
    };
    (void)apdu;
    int rc = HSM_OK;
    for (size_t i = 0; rc == HSM_OK && i < sizeof ranges / sizeof ranges[0]; i++) {
        rc = list_range(hsm, ranges[i][0], ranges[i][1], out);
    }
    return rc;
}
