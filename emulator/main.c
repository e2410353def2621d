// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* twinhsmd: SmartCard-HSM compatible cards in vsmartcard's virtual reader. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/card.h"
#include "emulator/files.h"
#include "emulator/harden.h"
#include "emulator/log.h"
#include "emulator/notify.h"
#include "emulator/options.h"
#include "emulator/precompute.h"
#include "emulator/reader.h"
#include "emulator/sandbox.h"
#include "emulator/secret.h"
#include "emulator/version.h"

#define EXIT_USAGE 2

/* Debian's vpcd has two slots, and asks for both. */
#define LISTEN_SLOTS_MIN 2u

#define MESSAGE_MAX 9000u /* two paths and a sentence */

struct daemon {
    struct options options;
    unsigned card_count;
    unsigned slot_count;
    struct card *slots[OPTIONS_CARDS_MAX];
    struct precompute *precompute;
    char message[MESSAGE_MAX];

    pthread_mutex_t lock;
    unsigned taken; /* cards that the reader has taken at least once */
};

static void print_version(void) {
    printf("twinhsmd %s (card version %u.%u)%s\n", TWINHSM_VERSION, HSM_VERSION_MAJOR, HSM_VERSION_MINOR,
#if HSM_TEST_BUILD
           " TEST BUILD, not for real keys"
#else
           ""
#endif
    );
}

/* In the thread of a card. */
static void card_taken(void *ctx) {
    struct daemon *daemon = ctx;
    bool all;

    pthread_mutex_lock(&daemon->lock);
    daemon->taken++;
    all = daemon->taken == daemon->card_count;
    pthread_mutex_unlock(&daemon->lock);
    if (all) {
        notify_status("in the reader");
        if (daemon->options.ready == OPTIONS_READY_TAKEN) {
            notify_ready();
        }
    }
}

/* Makes the slots; those of the listening direction listen from here on. */
static int make_slots(struct daemon *daemon) {
    const struct options *options = &daemon->options;
    const struct card_events events = {.ctx = daemon, .taken = card_taken};

    for (unsigned i = 0; i < daemon->slot_count; i++) {
        uint16_t port = (uint16_t)(options->port + i);
        struct reader reader = {.listener = -1};
        int result = (options->listen ? reader_listen : reader_dial)(&reader, options->host, port,
                                                                     daemon->message, sizeof daemon->message);

        if (result != 0) {
            return -1;
        }
        if (options->listen && i == 0 && !reader_is_loopback(&reader)) {
            log_warn("listening on %s: everyone who can reach that address can use the cards", reader.name);
        }
        daemon->slots[i] = card_new(i, &reader, &events);
        if (daemon->slots[i] == NULL) {
            reader_close(&reader);
            snprintf(daemon->message, sizeof daemon->message, "out of memory");
            return -1;
        }
    }
    return 0;
}

/* Without --card and --memory there is one card, in the state directory. */
static int choose_default_card(struct daemon *daemon) {
    struct options *options = &daemon->options;
    char directory[FILES_PATH_MAX];
    char path[sizeof directory + 16];

    if (options->memory > 0 || options->card_count > 0) {
        return 0;
    }
    if (files_state_directory(options->state, directory, daemon->message, sizeof daemon->message) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/card.db", directory);
    options->cards[0] = strdup(path);
    if (options->cards[0] == NULL) {
        snprintf(daemon->message, sizeof daemon->message, "out of memory");
        return -1;
    }
    options->card_count = 1;
    return 0;
}

/* Directories of one file, as named and as links in its path resolve. */
static size_t add_directories(char (*list)[FILES_PATH_MAX], size_t count, const char *path) {
    char *resolved = realpath(path, NULL);

    files_directory_of(path, list[count++]);
    if (resolved != NULL) {
        files_directory_of(resolved, list[count++]);
        free(resolved);
    }
    return count;
}

static int confine(const struct daemon *daemon) {
    const struct options *options = &daemon->options;
    const size_t room = 4 * OPTIONS_CARDS_MAX + 2;
    char(*list)[FILES_PATH_MAX] = calloc(room, sizeof *list);
    const char *directories[4 * OPTIONS_CARDS_MAX + 2];
    size_t count = 0;

    if (list == NULL) {
        return -1;
    }
    for (size_t i = 0; i < options->card_count; i++) {
        struct secret_source source;
        char ignored[64];

        count = add_directories(list, count, options->cards[i]);
        if (secret_locate(&source, options->cards[i], options->secret, ignored, sizeof ignored) == 0) {
            count = add_directories(list, count, source.path);
        }
    }
    if (options->ready_file != NULL) {
        count = add_directories(list, count, options->ready_file);
    }
    for (size_t i = 0; i < count; i++) {
        directories[i] = list[i];
    }
    sandbox_enter(directories, count);
    free(list);
    return 0;
}

static int start_slots(struct daemon *daemon) {
    for (unsigned i = 0; i < daemon->slot_count; i++) {
        int error = card_start(daemon->slots[i], i >= daemon->card_count);

        if (error != 0) {
            snprintf(daemon->message, sizeof daemon->message, "cannot start a thread: %s", strerror(error));
            return -1;
        }
    }
    return 0;
}

static int open_cards(struct daemon *daemon) {
    const struct options *options = &daemon->options;

    if (options->precompute) {
        daemon->precompute = precompute_start();
        if (daemon->precompute == NULL) {
            log_warn("cannot find RSA keys ahead of time; cards make theirs when asked");
        }
    }
    for (unsigned i = 0; i < daemon->card_count; i++) {
        const char *path = options->memory > 0 ? NULL : options->cards[i];

        if (card_open(daemon->slots[i], path, options, daemon->precompute, daemon->message,
                      sizeof daemon->message) != 0) {
            return -1;
        }
    }
    return 0;
}

static int start(struct daemon *daemon) {
    struct options *options = &daemon->options;

    daemon->card_count = options->memory > 0 ? options->memory : (unsigned)options->card_count;
    if (daemon->card_count == 0) {
        daemon->card_count = 1;
    }
    daemon->slot_count = daemon->card_count;
    if (options->listen && daemon->slot_count < LISTEN_SLOTS_MIN) {
        daemon->slot_count = LISTEN_SLOTS_MIN;
    }
    if (make_slots(daemon) != 0 || choose_default_card(daemon) != 0 ||
        notify_open(options->ready_file, daemon->message, sizeof daemon->message) != 0) {
        return -1;
    }
    if (options->sandbox && confine(daemon) != 0) {
        snprintf(daemon->message, sizeof daemon->message, "out of memory");
        return -1;
    }
    if (start_slots(daemon) != 0 || open_cards(daemon) != 0) {
        return -1;
    }
    return 0;
}

static void stop(struct daemon *daemon) {
    notify_stopping();
    for (unsigned i = 0; i < daemon->slot_count; i++) {
        if (daemon->slots[i] != NULL) {
            card_stop(daemon->slots[i]);
        }
    }
    precompute_stop(daemon->precompute);
    for (unsigned i = 0; i < daemon->slot_count; i++) {
        card_free(daemon->slots[i]);
    }
}

/* Returns when the daemon is to end. */
static void wait_for_end(const sigset_t *signals) {
    for (;;) {
        int number = sigwaitinfo(signals, NULL);

        if (number == SIGTERM || number == SIGINT) {
            log_info("%s: ending", number == SIGTERM ? "SIGTERM" : "SIGINT");
            return;
        }
        if (number == SIGHUP) {
            log_debug("SIGHUP: there is nothing to read anew");
        }
    }
}

static void report_start(struct daemon *daemon) {
    const struct options *options = &daemon->options;
    char text[OPTIONS_HOST_MAX + 100];

    snprintf(text, sizeof text, "%u card%s, %s the reader at %s, port %u", daemon->card_count,
             daemon->card_count == 1 ? "" : "s", options->listen ? "listening for" : "dialling",
             options->host, options->port);
    log_info("version " TWINHSM_VERSION ": %s", text);
    notify_status(text);
    if (options->ready == OPTIONS_READY_SERVING) {
        notify_ready();
    }
}

int main(int argc, char **argv) {
    static struct daemon daemon;
    sigset_t signals;
    int result = EXIT_SUCCESS;

    if (options_parse(&daemon.options, argc, argv, daemon.message, sizeof daemon.message) != 0) {
        log_error("%s", daemon.message);
        options_free(&daemon.options);
        return EXIT_USAGE;
    }
    if (daemon.options.action != OPTIONS_RUN) {
        if (daemon.options.action == OPTIONS_HELP) {
            options_print_help();
        } else {
            print_version();
        }
        options_free(&daemon.options);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    log_open(daemon.options.log_level);
    harden_process();
    pthread_mutex_init(&daemon.lock, NULL);

    /* Blocked here, and so in all threads: only wait_for_end sees them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    if (start(&daemon) == 0) {
        report_start(&daemon);
        wait_for_end(&signals);
    } else {
        log_error("%s", daemon.message);
        result = EXIT_FAILURE;
    }
    stop(&daemon);
    options_free(&daemon.options);
    /* Not exit(): a thread that was left behind must not run into what exit handlers have torn down. */
    fflush(NULL);
    _exit(result);
}
