// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#ifndef HSM_COMPANIONS_H
#define HSM_COMPANIONS_H

/*
 * The files beside an asymmetric key, without which clients do not find it usable: its certificate request in
 * CExx and its description in C4xx.
 */

#include "hsm/cvc.h"

/*
 * companions_write: writes both for a new key; `made_here`, `car` and `chr` are those of cvc_put_request.
 * `out` receives the request. Afterwards `key` is used up, as by cvc_put_request. A transaction must be open.
 */
int companions_write(struct hsm *hsm, const struct key *key, bool made_here, struct cvc_name car,
                     struct cvc_name chr, struct writer *out);

/*
 * companions_restore: the same for a restored key; a certificate or request of this very key that is there
 * already stays. `out` is work space.
 */
int companions_restore(struct hsm *hsm, const struct key *key, struct writer *out);

#endif
