// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/harden.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "emulator/log.h"
#include "hsm/crypto/util.h"

static bool all_locked;

/* Locks everything, also what comes later, if memory can be locked without limit: with a limit, later
 * allocations would fail when it is reached. */
static void lock_all(void) {
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit limit;

    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* root may */
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
        /* On fault: pages that are never touched stay out of memory. */
        all_locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
    }
}

void harden_process(void) {
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    umask(077);
    if (!HARDEN_SANITIZER) {
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        lock_all();
    }
}

void *harden_allocate(size_t len) {
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, len, MADV_DONTDUMP);
    if (!all_locked && mlock2(memory, len, MLOCK_ONFAULT) != 0) {
        log_warn("cannot lock the memory that holds secrets (%s), it may be swapped: raise the limit with "
                 "ulimit -l, "
                 "or LimitMEMLOCK= of the service",
                 strerror(errno));
    }
    return memory;
}

void harden_release(void *memory, size_t len) {
    if (memory != NULL) {
        crypto_wipe(memory, len);
        (void)munmap(memory, len);
    }
}
