// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/card.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emulator/harden.h"
#include "emulator/log.h"
#include "emulator/secret.h"
#include "storage/memory.h"
#include "storage/sqlite.h"

/* How long a command under way may still work when the daemon is stopped, then how long its answer may take
 * to leave. */
#define GRACE_MS 1000
#define LEAVE_MS 500

/* What the engine and SQLite need is a few KiB; the C library's 8 MiB would count when memory is locked. */
#define STACK_SIZE (512u * 1024u)

static int64_t now_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Waits until the card is open. Returns false when the slot is stopped first. */
static bool wait_present(struct card *card) {
    bool present;

    pthread_mutex_lock(&card->lock);
    while (!card->present && !card->stopping) {
        pthread_cond_wait(&card->changed, &card->lock);
    }
    present = card->present;
    pthread_mutex_unlock(&card->lock);
    return present;
}

static void on_power(void *ctx, enum vpcd_control control) {
    struct card *card = ctx;

    if (!wait_present(card)) {
        return;
    }
    switch (control) {
    case VPCD_POWER_ON:
        hsm_power_on(&card->hsm);
        break;
    case VPCD_RESET:
        hsm_reset(&card->hsm);
        break;
    case VPCD_POWER_OFF:
    case VPCD_ATR:
        hsm_power_off(&card->hsm);
        break;
    }
    log_debug("%s: %s", card->name,
              control == VPCD_POWER_ON ? "power on"
              : control == VPCD_RESET  ? "reset"
                                       : "power off");
}

static size_t on_atr(void *ctx, uint8_t *out) {
    struct card *card = ctx;

    return wait_present(card) ? hsm_atr(out) : 0;
}

/* The header tells what was done; the data, which may be a PIN or a key, stays out of the log. */
static void log_exchange(const struct card *card, const uint8_t header[4], size_t len,
                         const uint8_t *response, size_t response_len, int64_t started) {
    char name[16] = "short command";

    if (len >= 4) {
        snprintf(name, sizeof name, "%02X %02X %02X %02X", header[0], header[1], header[2], header[3]);
    }
    log_debug("%s: %s, %zu bytes -> %02X%02X, %zu bytes, %.3f ms", card->name, name, len,
              response[response_len - 2], response[response_len - 1], response_len,
              (double)(now_us() - started) / 1000.0);
}

static size_t on_exchange(void *ctx, const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    struct card *card = ctx;
    bool logged = log_enabled(LOG_LEVEL_DEBUG);
    int64_t started = logged ? now_us() : 0;
    size_t response_len;

    if (!wait_present(card)) {
        return 0;
    }
    response_len = hsm_exchange(&card->hsm, command, len, response, cap);
    if (logged && response_len >= 2) {
        log_exchange(card, command, len, response, response_len, started);
    }
    return response_len;
}

/*
 * What an empty slot shows. "No card" cannot be said to Debian 12's driver when it dials us: it then drops
 * the connection, and instead of dialling again brings pcscd down. So there is a card of no use: T=1, the
 * historical bytes "no card" (ISO/IEC 7816-3, 8.2; 7816-4, 12.1.1), and no application in it.
 */
static const uint8_t empty_atr[] = {0x3B, 0x87, 0x01, 'n', 'o', ' ', 'c', 'a', 'r', 'd', 0xB3};

static void on_empty_power(void *ctx, enum vpcd_control control) {
    (void)ctx;
    (void)control;
}

static size_t on_empty_atr(void *ctx, uint8_t *out) {
    (void)ctx;
    memcpy(out, empty_atr, sizeof empty_atr);
    return sizeof empty_atr;
}

static size_t on_empty_exchange(void *ctx, const uint8_t *command, size_t len, uint8_t *response,
                                size_t cap) {
    (void)ctx;
    (void)command;
    (void)cap;
    response[0] = len < 4 ? 0x67 : 0x6A; /* wrong length; file or application not found */
    response[1] = len < 4 ? 0x00 : 0x82;
    return 2;
}

static void go_still(struct card *card) {
    pthread_mutex_lock(&card->lock);
    card->still = true;
    pthread_cond_broadcast(&card->changed);
    pthread_mutex_unlock(&card->lock);
}

/* The engine has no way to break a command off. So one that outlasts the grace at the end of the daemon is
 * left standing: it has committed nothing yet, and its thread goes with the process. */
static void on_working(void *ctx) {
    struct card *card = ctx;
    bool abandon;

    pthread_mutex_lock(&card->lock);
    abandon = card->stopping && now_us() / 1000 >= card->grace_end;
    pthread_mutex_unlock(&card->lock);
    if (abandon) {
        log_info("%s: the command under way takes too long, it is abandoned", card->name);
        go_still(card);
        for (;;) {
            pause();
        }
    }
}

static void on_taken(void *ctx) {
    struct card *card = ctx;

    if (!card->taken_once) {
        card->taken_once = true;
        if (card->events.taken != NULL) {
            card->events.taken(card->events.ctx);
        }
    }
}

static void *run(void *arg) {
    static const char thread_name[] = "card";
    struct card *card = arg;
    const struct vpcd_card full = {.ctx = card, .power = on_power, .atr = on_atr, .exchange = on_exchange};
    const struct vpcd_card empty = {
        .ctx = card, .power = on_empty_power, .atr = on_empty_atr, .exchange = on_empty_exchange};
    const struct vpcd_events taken = {.ctx = card, .taken = on_taken};
    const struct vpcd_events none = {.ctx = NULL};

    (void)pthread_setname_np(pthread_self(), thread_name);
    reader_run(&card->reader, card->empty ? &empty : &full, card->empty ? &none : &taken, &card->buffers,
               card->empty ? NULL : card->name);
    go_still(card);
    return NULL;
}

struct card *card_new(unsigned slot, const struct reader *reader, const struct card_events *events) {
    struct card *card = harden_allocate(sizeof *card);
    pthread_condattr_t attributes;

    if (card == NULL) {
        return NULL;
    }
    card->slot = slot;
    card->reader = *reader;
    card->events = *events;
    snprintf(card->name, sizeof card->name, "card %u", slot);
    pthread_mutex_init(&card->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&card->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return card;
}

int card_start(struct card *card, bool empty) {
    pthread_attr_t attributes;
    int error;

    card->empty = empty;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    error = pthread_create(&card->thread, &attributes, run, card);
    pthread_attr_destroy(&attributes);
    card->running = error == 0;
    return error;
}

/* What opening a card file has made, to be taken back when it fails later. */
struct made {
    bool secret;
    bool file;
};

static bool is_blank(struct store *store) {
    uint16_t id;

    return store_next(store, 0, &id) == STORE_ERR_NOT_FOUND;
}

static int get_secret(const char *path, const struct secret_source *source, bool may_create,
                      struct made *made, uint8_t secret[HSM_DEVICE_SECRET_LEN], char *message,
                      size_t message_size) {
    if (secret_exists(source)) {
        return secret_read(source, secret, message, message_size);
    }
    if (!may_create) {
        /* A new one would not open the card, and would hide that the old one is gone. */
        snprintf(message, message_size,
                 "card file %s is there, but its device secret %s is not, and the card is lost without it: "
                 "bring the secret "
                 "back from your backup, or name it with --secret",
                 path, source->path);
        return -1;
    }
    if (secret_create(source, secret, message, message_size) != 0) {
        return -1;
    }
    made->secret = true;
    return 0;
}

/* An existing file is looked at first: what is wrong with it matters more than a missing secret. For a new
 * one the secret comes first, so that no card is ever on disk without it. */
static int open_file(struct card *card, const char *path, const struct secret_source *source,
                     struct made *made, char *message, size_t message_size) {
    const struct store_sqlite_options must_exist = {.must_exist = true};
    uint8_t secret[HSM_DEVICE_SECRET_LEN] = {0};
    bool exists = access(path, F_OK) == 0 || errno != ENOENT;

    if (exists && store_sqlite_open(path, &must_exist, &card->store, message, message_size) != 0) {
        return -1;
    }
    if (get_secret(path, source, !exists || is_blank(card->store), made, secret, message, message_size) !=
        0) {
        return -1;
    }
    platform_secret(&card->platform, secret);
    explicit_bzero(secret, sizeof secret);
    if (!exists) {
        if (store_sqlite_open(path, NULL, &card->store, message, message_size) != 0) {
            return -1;
        }
        made->file = true;
    }
    return 0;
}

static void explain_hsm(int error, const char *path, const struct secret_source *source, char *message,
                        size_t message_size) {
    const char *name = path != NULL ? path : "in memory";

    switch (error) {
    case HSM_ERR_INTEGRITY:
        snprintf(message, message_size,
                 "card file %s and device secret %s do not belong together, or one of them was edited: name "
                 "the secret that the "
                 "card was made with by --secret, or bring both back from your backup",
                 name, path != NULL ? source->path : "");
        break;
    case HSM_ERR_FULL:
        snprintf(message, message_size, "card %s: no space left, make room first", name);
        break;
    default:
        snprintf(message, message_size, "card %s: %s", name, hsm_error_text(error));
        break;
    }
}

/* Closes the store of a card that could not be opened, and removes what was made for it. */
static void undo(struct card *card, const char *path, const struct secret_source *source,
                 const struct made *made) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    store_close(card->store);
    card->store = NULL;
    if (made->file) {
        for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
            char name[CARD_NAME_MAX];
            int len = snprintf(name, sizeof name, "%s%s", path, suffixes[i]);

            if (len > 0 && (size_t)len < sizeof name) {
                (void)unlink(name);
            }
        }
    }
    /* If the file is there now, another daemon was faster, and needs the secret. */
    if (made->secret && access(path, F_OK) != 0) {
        (void)unlink(source->path);
    }
}

static int open_hsm(struct card *card, const struct options *options) {
    int error = hsm_open(&card->hsm, &card->platform.hsm, card->store);

#if HSM_TEST_BUILD
    if (error == 0 && options->seed_len > 0) {
        error = hsm_seed(&card->hsm, options->seed, options->seed_len);
    }
#else
    (void)options;
#endif
    return error;
}

int card_open(struct card *card, const char *path, const struct options *options,
              struct precompute *precompute, char *message, size_t message_size) {
    struct secret_source source = {.path = ""};
    struct made made = {false, false};
    int error;

    snprintf(card->name, sizeof card->name, "card %u (%s)", card->slot, path != NULL ? path : "memory");
    if (platform_open(&card->platform, options->pin_iterations) != 0) {
        snprintf(message, message_size, "the kernel gives no random numbers: %s", strerror(errno));
        return -1;
    }
    card->platform.precompute = precompute;
    card->platform.working = on_working;
    card->platform.working_ctx = card;
    if (path == NULL) {
        if (store_memory_open(&card->store) != 0) {
            snprintf(message, message_size, "out of memory");
            return -1;
        }
    } else if (secret_locate(&source, path, options->secret, message, message_size) != 0) {
        return -1;
    } else if (open_file(card, path, &source, &made, message, message_size) != 0) {
        undo(card, path, &source, &made);
        return -1;
    }
#if HSM_TEST_BUILD
    if (options->seed_len > 0 &&
        platform_seed(&card->platform, options->seed, options->seed_len, card->slot) != 0) {
        snprintf(message, message_size, "the seed cannot be used");
        return -1;
    }
#endif
    error = open_hsm(card, options);
    if (error != 0) {
        explain_hsm(error, path, &source, message, message_size);
        if (path != NULL) {
            undo(card, path, &source, &made);
        }
        return -1;
    }
    pthread_mutex_lock(&card->lock);
    card->present = true;
    pthread_cond_broadcast(&card->changed);
    pthread_mutex_unlock(&card->lock);
    return 0;
}

void card_stop(struct card *card) {
    pthread_mutex_lock(&card->lock);
    card->stopping = true;
    card->grace_end = now_us() / 1000 + GRACE_MS;
    pthread_cond_broadcast(&card->changed);
    pthread_mutex_unlock(&card->lock);
    reader_stop(&card->reader);
}

/* Waits until the thread touches nothing any more, at most until `deadline_ms`. */
static bool wait_still(struct card *card, int64_t deadline_ms) {
    const struct timespec deadline = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    bool still;

    pthread_mutex_lock(&card->lock);
    while (!card->still && pthread_cond_timedwait(&card->changed, &card->lock, &deadline) == 0) {
    }
    still = card->still;
    pthread_mutex_unlock(&card->lock);
    return still;
}

void card_free(struct card *card) {
    if (card == NULL) {
        return;
    }
    if (card->running && !wait_still(card, card->grace_end + LEAVE_MS)) {
        reader_cut(&card->reader);
        if (!wait_still(card, card->grace_end + 2 * LEAVE_MS)) {
            /* Nothing can be wiped under its hands; the kernel does so when the process ends. */
            log_warn("%s: does not come to an end, it is left behind", card->name);
            return;
        }
    }
    if (card->present) {
        hsm_close(&card->hsm);
    }
    store_close(card->store);
    platform_close(&card->platform);
    reader_close(&card->reader);
    harden_release(card, sizeof *card);
}
