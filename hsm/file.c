// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/file.h"

#include <string.h>

#include "hsm/key.h"
#include "hsm/protected.h"
#include "hsm/record.h"
#include "hsm/session.h"
#include "hsm/vault.h"

enum file_kind file_kind(uint16_t fid) {
    switch (fid) {
    case FID_DEVICE_CERTIFICATES:
    case FID_TOKEN_INFO:
        return FILE_FREE;
    case FID_BLOB:
        return FILE_BLOB;
    default:
        break;
    }
    switch (fid & 0xFF00) {
    case FID_PRKD:
    case FID_CA_DESCRIPTION:
    case FID_DATA_DESCRIPTION:
    case FID_CA_CERTIFICATE:
    case FID_META_DATA:
    case FID_CERTIFICATE:
    case FID_DATA:
        return FILE_FREE;
    case FID_DATA_PROTECTED:
        return FILE_PROTECTED;
    case FID_KEY:
        return FILE_KEY;
    default:
        return FILE_NONE;
    }
}

static int file_result(int store_error) {
    int rc = store_result(store_error);
    return rc == HSM_ERR_REFERENCE ? HSM_ERR_FILE_NOT_FOUND : rc;
}

int file_size(struct hsm *hsm, uint16_t fid, size_t *len) {
    switch (file_kind(fid)) {
    case FILE_NONE:
        return HSM_ERR_FILE_NOT_FOUND;
    case FILE_BLOB:
        *len = hsm->blob_len;
        return hsm->blob_len != 0 ? HSM_OK : HSM_ERR_FILE_NOT_FOUND;
    default:
        break;
    }
    int rc = file_result(store_size(hsm->store, fid, len));
    if (rc == HSM_OK && file_kind(fid) == FILE_PROTECTED) {
        *len = protected_size(*len);
    }
    return rc;
}

int file_read(struct hsm *hsm, uint16_t fid, size_t offset, uint8_t *buf, size_t cap, size_t *len) {
    size_t size;
    int rc = file_size(hsm, fid, &size);
    if (rc != HSM_OK) {
        return rc;
    }
    switch (file_kind(fid)) {
    case FILE_FREE:
        return file_result(store_get(hsm->store, fid, offset, buf, cap, len));
    case FILE_PROTECTED:
        return protected_read(hsm, fid, offset, buf, cap, len);
    default:
        return HSM_ERR_SECURITY;
    }
}

static int blob_write(struct hsm *hsm, size_t offset, const uint8_t *data, size_t len) {
    if (offset == 0) {
        session_blob_clear(hsm);
    }
    if (offset > hsm->blob_len) {
        return HSM_ERR_DATA;
    }
    if (len > sizeof hsm->blob - offset) {
        return HSM_ERR_FULL;
    }
    if (len != 0) {
        memcpy(hsm->blob + offset, data, len);
    }
    if (offset + len > hsm->blob_len) {
        hsm->blob_len = (uint16_t)(offset + len);
    }
    return HSM_OK;
}

int file_put(struct hsm *hsm, uint16_t fid, const uint8_t *data, size_t len) {
    return file_result(store_put(hsm->store, fid, data, len));
}

int file_write(struct hsm *hsm, uint16_t fid, size_t offset, const uint8_t *data, size_t len) {
    switch (file_kind(fid)) {
    case FILE_BLOB:
        return blob_write(hsm, offset, data, len);
    case FILE_PROTECTED:
        return protected_write(hsm, fid, offset, data, len);
    case FILE_FREE:
        break;
    default:
        return HSM_ERR_SECURITY;
    }
    if (len > STORE_VALUE_MAX - (offset < STORE_VALUE_MAX ? offset : STORE_VALUE_MAX)) {
        return HSM_ERR_FULL;
    }
    if (offset == 0) {
        return file_put(hsm, fid, data, len);
    }
    size_t size;
    int rc = file_size(hsm, fid, &size);
    if (rc != HSM_OK) {
        return rc;
    }
    return offset > size ? HSM_ERR_DATA : file_result(store_patch(hsm->store, fid, offset, data, len));
}

int file_delete(struct hsm *hsm, uint16_t fid) {
    switch (file_kind(fid)) {
    case FILE_NONE:
        return HSM_ERR_FILE_NOT_FOUND;
    case FILE_BLOB:
        if (hsm->blob_len == 0) {
            return HSM_ERR_FILE_NOT_FOUND;
        }
        session_blob_clear(hsm);
        return HSM_OK;
    case FILE_KEY: {
        int rc = key_delete(hsm, (uint8_t)fid);
        return rc == HSM_ERR_REFERENCE ? HSM_ERR_FILE_NOT_FOUND : rc;
    }
    default:
        return file_result(store_del(hsm->store, fid));
    }
}
