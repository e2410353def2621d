// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "hsm/status.h"

#include <stddef.h>

#include "hsm/hsm.h"

static const struct {
    int error;
    uint16_t sw;
    const char *text;
} statuses[] = {
    {HSM_OK, 0x9000, "success"},
    {HSM_ERR_LENGTH, 0x6700, "wrong length"},
    {HSM_ERR_SECURITY, 0x6982, "authentication needed"},
    {HSM_ERR_BLOCKED, 0x6983, "PIN blocked"},
    {HSM_ERR_UNUSABLE, 0x6984, "reference data not usable"},
    {HSM_ERR_CONDITIONS, 0x6985, "conditions of use not satisfied"},
    {HSM_ERR_NOT_ALLOWED, 0x6986, "command not allowed"},
    {HSM_ERR_SM_MISSING, 0x6987, "secure messaging object missing"},
    {HSM_ERR_SM_WRONG, 0x6988, "secure messaging object wrong"},
    {HSM_ERR_DATA, 0x6A80, "wrong data"},
    {HSM_ERR_UNSUPPORTED, 0x6A81, "algorithm or key type not supported"},
    {HSM_ERR_FILE_NOT_FOUND, 0x6A82, "file not found"},
    {HSM_ERR_FULL, 0x6A84, "no room, or use counter exhausted"},
    {HSM_ERR_P1P2, 0x6A86, "wrong P1-P2"},
    {HSM_ERR_REFERENCE, 0x6A88, "referenced data not found"},
    {HSM_ERR_EXISTS, 0x6A89, "still in use, or there already"},
    {HSM_ERR_INS, 0x6D00, "instruction not supported"},
    {HSM_ERR_CLA, 0x6E00, "class not supported"},
    {HSM_ERR_CHAINING, 0x6884, "command chaining not supported"},
    {HSM_ERR_CHAIN_EXPECTED, 0x6883, "last command of the chain expected"},
    {HSM_ERR_STORAGE, 0x6581, "storage failed"},
    {HSM_ERR_INTEGRITY, 0x6F00, "a stored record was edited, moved, or made with another device secret"},
    {HSM_ERR_INTERNAL, 0x6F00, "internal error, or no healthy source of random numbers"},
    {HSM_ERR_AUTH, 0x6300, "signature does not verify"},
    {HSM_ERR_NOT_YET_AUTH, 0x6300, "more public keys have to authenticate"},
    {HSM_ERR_REGISTERED, 0x9001, "authenticated"},
    {HSM_ERR_OFFSET, 0x6B00, "offset at or past the end of the file"},
    {HSM_ERR_REFUSED, 0x6400, "refused"},
};

uint16_t status_word(int result) {
    if (result < HSM_WRONG_PIN_BASE && result >= HSM_WRONG_PIN(15)) {
        return (uint16_t)(0x63C0 | (HSM_WRONG_PIN_BASE - result));
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].error == result) {
            return statuses[i].sw;
        }
    }
    return 0x6F00;
}

const char *hsm_error_text(int error) {
    if (error < HSM_WRONG_PIN_BASE && error >= HSM_WRONG_PIN(15)) {
        return "wrong PIN";
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].error == error) {
            return statuses[i].text;
        }
    }
    return "unknown error";
}
