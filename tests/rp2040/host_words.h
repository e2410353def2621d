// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

// mbedTLS on the host with the RP2040's word size: MBEDTLS_USER_CONFIG_FILE of test_host.
#undef MBEDTLS_HAVE_ASM
#undef MBEDTLS_AESNI_C
#undef MBEDTLS_AESCE_C
#define MBEDTLS_HAVE_INT32
