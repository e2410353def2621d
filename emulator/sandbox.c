// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emulator/harden.h"
#include "emulator/log.h"

/* Of a later header than Debian 12's. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

static void limit_files(const char *const *directories, size_t count) {
    struct landlock_ruleset_attr attributes = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    uint64_t allowed = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                       LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                       LANDLOCK_ACCESS_FS_MAKE_REG;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    bool complete = true;
    int ruleset;

    if (abi < 1) {
        log_debug("this kernel has no landlock: files are guarded by their permissions alone");
        return;
    }
    if (abi >= 2) {
        attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (abi >= 3) {
        attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
        allowed |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        log_warn("landlock failed: %s", strerror(errno));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = allowed,
            .parent_fd = open(directories[i], O_PATH | O_DIRECTORY | O_CLOEXEC),
        };

        /* A directory that is not there cannot be opened later either; that error comes where it belongs. */
        if (rule.parent_fd >= 0) {
            complete = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 &&
                       complete;
            close(rule.parent_fd);
        }
    }
    if (!complete || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        log_warn("landlock failed: %s", strerror(errno));
    }
    close(ruleset);
}

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(SANDBOX_ARCH)

/* Those used for each APDU first. */
static const uint16_t allowed_calls[] = {
    SYS_recvfrom,
    SYS_sendto,
    SYS_setsockopt,
    SYS_futex,
    SYS_clock_gettime,
    SYS_getrandom,
    SYS_read,
    SYS_write,
    /* files: SQLite, the device secret, the ready file */
    SYS_openat,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_lseek,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_fcntl,
    SYS_flock,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_unlinkat,
    SYS_linkat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_readlinkat,
    SYS_getcwd,
    SYS_getdents64,
    SYS_utimensat,
    SYS_umask,
    /* connections */
    SYS_connect,
    SYS_accept4,
    SYS_shutdown,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_ppoll,
    SYS_eventfd2,
    /* memory; mmap and mprotect are looked at below */
    SYS_munmap,
    SYS_mremap,
    SYS_brk,
    SYS_madvise,
    SYS_mlock,
    SYS_mlock2,
    SYS_munlock,
    /* threads, signals, time */
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_tgkill,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_membarrier,
    SYS_sched_yield,
    SYS_sched_setscheduler,
    SYS_sched_getscheduler,
    SYS_sched_getparam,
    SYS_sched_setparam,
    SYS_sched_getaffinity,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_prlimit64,
    SYS_getrlimit,
    SYS_exit,
    SYS_exit_group,
#if defined(__x86_64__)
    /* what newer architectures express by the calls above */
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_unlink,
    SYS_link,
    SYS_rename,
    SYS_mkdir,
    SYS_chmod,
    SYS_readlink,
    SYS_poll,
    SYS_pause,
    SYS_time,
#endif
};

#define CALLS (sizeof allowed_calls / sizeof allowed_calls[0])
#define FIXED 32u

struct program {
    struct sock_filter code[2 * CALLS + FIXED];
    unsigned short len;
};

static void emit(struct program *program, uint16_t code, uint32_t k, uint8_t on_true, uint8_t on_false) {
    program->code[program->len++] = (struct sock_filter){.code = code, .jt = on_true, .jf = on_false, .k = k};
}

static void emit_return(struct program *program, uint32_t action) {
    emit(program, BPF_RET | BPF_K, action, 0, 0);
}

/* Loads the low half of argument `index` (0..5); the arguments looked at here have no high half. */
static void emit_load_argument(struct program *program, unsigned index) {
    emit(program, BPF_LD | BPF_W | BPF_ABS,
         (uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) +
                    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u)),
         0, 0);
}

/* Each block below starts and ends with the number of the call in the accumulator, unless it returns. */

/* Memory may not become executable. */
static void emit_no_exec(struct program *program, uint32_t call) {
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    emit_load_argument(program, 2);
    emit(program, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
    emit_return(program, SECCOMP_RET_ERRNO | EPERM);
    emit_return(program, SECCOMP_RET_ALLOW);
}

/* Threads, but no processes. clone3 hides its flags from the filter; the C library then takes clone. */
static void emit_threads_only(struct program *program) {
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    emit_return(program, SECCOMP_RET_ERRNO | ENOSYS);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    emit_load_argument(program, 0);
    emit(program, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    emit_return(program, SECCOMP_RET_ERRNO | EPERM);
    emit_return(program, SECCOMP_RET_ALLOW);
}

/* No sockets but those of the reader. */
static void emit_inet_only(struct program *program) {
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5);
    emit_load_argument(program, 0);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
    emit_return(program, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    emit_return(program, SECCOMP_RET_ALLOW);
}

/* prctl for the names of threads alone. */
static void emit_thread_names(struct program *program) {
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 4);
    emit_load_argument(program, 0);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NAME, 1, 0);
    emit_return(program, SECCOMP_RET_ERRNO | EPERM);
    emit_return(program, SECCOMP_RET_ALLOW);
}

static void limit_calls(void) {
    struct program program = {.len = 0};
    struct sock_fprog filter;

    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(&program, BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
    emit_return(&program, SECCOMP_RET_KILL_PROCESS);
    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (size_t i = 0; i < CALLS; i++) {
        emit(&program, BPF_JMP | BPF_JEQ | BPF_K, allowed_calls[i], 0, 1);
        emit_return(&program, SECCOMP_RET_ALLOW);
    }
    emit_no_exec(&program, SYS_mmap);
    emit_no_exec(&program, SYS_mprotect);
    emit_threads_only(&program);
    emit_inet_only(&program);
    emit_thread_names(&program);
    /* An error rather than the end: a C library that tries a newer call falls back to an older one. */
    emit_return(&program, SECCOMP_RET_ERRNO | ENOSYS);

    filter = (struct sock_fprog){.len = program.len, .filter = program.code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) {
        log_debug("this kernel has no seccomp filter: %s", strerror(errno));
    }
}

#else

static void limit_calls(void) { log_debug("no seccomp filter for this architecture"); }

#endif

void sandbox_enter(const char *const *directories, size_t count) {
    if (HARDEN_SANITIZER) {
        return;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        log_warn("no sandbox: %s", strerror(errno));
        return;
    }
    limit_files(directories, count);
    limit_calls();
}
