// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/precompute.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emulator/harden.h"
#include "emulator/log.h"
#include "emulator/platform_linux.h"
#include "hsm/crypto/rng.h"
#include "hsm/crypto/rsa.h"
#include "hsm/crypto/util.h"

#define SIZES 3u
#define STOP_TIMEOUT_S 1

struct ready_key {
    size_t bits;
    bool wanted;
    size_t len; /* bytes of priv, 0 = none ready */
    uint8_t priv[CRYPTO_RSA_PRIV_MAX];
};

struct precompute {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
    bool still; /* the thread has ended or is parked, and touches nothing any more */
    struct ready_key keys[SIZES];

    /* Of the thread only. */
    struct crypto_rng rng;
    uint8_t fresh[CRYPTO_RSA_PRIV_MAX];
};

/* Announces that the thread touches nothing from here on. */
static void go_still(struct precompute *precompute) {
    pthread_mutex_lock(&precompute->lock);
    precompute->still = true;
    pthread_cond_broadcast(&precompute->changed);
    pthread_mutex_unlock(&precompute->lock);
}

/* A search cannot be broken off from outside: when the daemon ends, the thread stays where it is. */
static void park_when_stopping(void *ctx) {
    struct precompute *precompute = ctx;
    bool stop;

    pthread_mutex_lock(&precompute->lock);
    stop = precompute->stop;
    pthread_mutex_unlock(&precompute->lock);
    if (stop) {
        go_still(precompute);
        for (;;) {
            pause();
        }
    }
}

/* Returns the next key to search for, or NULL to stop. */
static struct ready_key *next_task(struct precompute *precompute) {
    struct ready_key *task = NULL;

    pthread_mutex_lock(&precompute->lock);
    while (!precompute->stop && task == NULL) {
        for (size_t i = 0; i < SIZES && task == NULL; i++) {
            if (precompute->keys[i].wanted && precompute->keys[i].len == 0) {
                task = &precompute->keys[i];
            }
        }
        if (task == NULL) {
            pthread_cond_wait(&precompute->changed, &precompute->lock);
        }
    }
    if (precompute->stop) {
        task = NULL;
    }
    pthread_mutex_unlock(&precompute->lock);
    return task;
}

static void *search(void *arg) {
    static const uint8_t exponent[] = {0x01, 0x00, 0x01};
    const struct sched_param none = {0};
    struct precompute *precompute = arg;
    struct ready_key *task;

    (void)pthread_setname_np(pthread_self(), "precompute");
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
    while ((task = next_task(precompute)) != NULL) {
        size_t len = 0;

        if (crypto_rsa_generate(task->bits, exponent, sizeof exponent, &precompute->rng, park_when_stopping,
                                precompute, precompute->fresh, &len) != 0) {
            log_warn("finding RSA keys ahead of time has failed, and ends; cards make theirs when asked");
            break;
        }
        pthread_mutex_lock(&precompute->lock);
        memcpy(task->priv, precompute->fresh, len);
        task->len = len;
        pthread_mutex_unlock(&precompute->lock);
        crypto_wipe(precompute->fresh, sizeof precompute->fresh);
        log_debug("an RSA key of %zu bits is ready", task->bits);
    }
    crypto_wipe(precompute->fresh, sizeof precompute->fresh);
    go_still(precompute);
    return NULL;
}

struct precompute *precompute_start(void) {
    static const uint8_t personal[] = "twinhsmd precompute";
    static const size_t sizes[SIZES] = {2048, 3072, 4096};
    struct precompute *precompute = harden_allocate(sizeof *precompute);

    if (precompute == NULL) {
        return NULL;
    }
    pthread_mutex_init(&precompute->lock, NULL);
    pthread_cond_init(&precompute->changed, NULL);
    for (size_t i = 0; i < SIZES; i++) {
        precompute->keys[i].bits = sizes[i];
    }
    precompute->keys[0].wanted = true;
    if (crypto_rng_init(&precompute->rng, platform_random, NULL, personal, sizeof personal - 1) != 0 ||
        pthread_create(&precompute->thread, NULL, search, precompute) != 0) {
        harden_release(precompute, sizeof *precompute);
        return NULL;
    }
    return precompute;
}

size_t precompute_take(struct precompute *precompute, size_t bits, uint8_t *priv, size_t cap) {
    size_t len = 0;

    pthread_mutex_lock(&precompute->lock);
    for (size_t i = 0; i < SIZES; i++) {
        struct ready_key *key = &precompute->keys[i];

        if (key->bits != bits) {
            continue;
        }
        if (key->len > 0 && key->len <= cap) {
            len = key->len;
            memcpy(priv, key->priv, len);
            crypto_wipe(key->priv, sizeof key->priv);
            key->len = 0;
        }
        key->wanted = true;
        pthread_cond_broadcast(&precompute->changed);
    }
    pthread_mutex_unlock(&precompute->lock);
    return len;
}

void precompute_stop(struct precompute *precompute) {
    struct timespec deadline;
    bool still;

    if (precompute == NULL) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += STOP_TIMEOUT_S;
    pthread_mutex_lock(&precompute->lock);
    precompute->stop = true;
    pthread_cond_broadcast(&precompute->changed);
    while (!precompute->still &&
           pthread_cond_timedwait(&precompute->changed, &precompute->lock, &deadline) == 0) {
    }
    still = precompute->still;
    for (size_t i = 0; i < SIZES; i++) {
        crypto_wipe(precompute->keys[i].priv, sizeof precompute->keys[i].priv);
    }
    if (still) {
        crypto_rng_free(&precompute->rng);
        crypto_wipe(precompute->fresh, sizeof precompute->fresh);
    }
    pthread_mutex_unlock(&precompute->lock);
}
