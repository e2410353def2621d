// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_PROTECTED_H
#define HSM_PROTECTED_H

/*
 * Contents of PIN-protected data files (CDxx), sealed under the master key. The value is a sealed header and
 * pages, each sealed for itself, so that a file can be read and written in pieces without holding it whole in
 * RAM (docs/security.md, "Protected data files").
 */

#include "hsm/hsm.h"

/* protected_size: bytes of data in a stored value of `stored` bytes. Needs no key. */
size_t protected_size(size_t stored);

/* protected_read / protected_write: as file_read and file_write; both need the master key. */
int protected_read(struct hsm *hsm, uint16_t fid, size_t offset, uint8_t *buf, size_t cap, size_t *len);
int protected_write(struct hsm *hsm, uint16_t fid, size_t offset, const uint8_t *data, size_t len);

#endif
