// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_FILE_H
#define HSM_FILE_H

/*
 * Elementary files: which FIDs there are, what they are for, and their contents. Access rights are checked by
 * the commands (file_commands.c), not here.
 */

#include "hsm/hsm.h"

enum file_kind {
    FILE_NONE,      /* no file can have this FID */
    FILE_FREE,      /* read by anybody */
    FILE_PROTECTED, /* read with the user PIN; sealed */
    FILE_KEY,       /* a key: can be selected, never read or written */
    FILE_BLOB,      /* EF 2F10, in RAM */
};

/* file_kind: by the FID alone. */
enum file_kind file_kind(uint16_t fid);

/* file_size: bytes of the contents. Returns 0, HSM_ERR_FILE_NOT_FOUND, HSM_ERR_STORAGE. */
int file_size(struct hsm *hsm, uint16_t fid, size_t *len);

/* file_read: up to `cap` bytes from `offset` on; at or past the end none. Returns as file_size,
 * HSM_ERR_SECURITY. */
int file_read(struct hsm *hsm, uint16_t fid, size_t offset, uint8_t *buf, size_t cap, size_t *len);

/*
 * file_write: at offset 0 creates the file or replaces its contents whole; behind, patches or appends. A
 * transaction must be open. Returns 0, HSM_ERR_DATA (offset past the end), HSM_ERR_FILE_NOT_FOUND,
 * HSM_ERR_FULL, HSM_ERR_STORAGE.
 */
int file_write(struct hsm *hsm, uint16_t fid, size_t offset, const uint8_t *data, size_t len);

/* file_delete: a transaction must be open. Returns 0, HSM_ERR_FILE_NOT_FOUND, HSM_ERR_STORAGE. */
int file_delete(struct hsm *hsm, uint16_t fid);

/* file_put: creates or replaces a free file by the engine itself. A transaction must be open. */
int file_put(struct hsm *hsm, uint16_t fid, const uint8_t *data, size_t len);

#endif
