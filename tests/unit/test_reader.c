// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* The connection between a card and its slot: both directions, any order, any number of times. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emulator/log.h"
#include "emulator/reader.h"
#include "tests/support/vpcd_client.h"

struct fixture {
    struct reader reader;
    struct vpcd_client host;
    struct vpcd_buffers *buffers;
    uint16_t port;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    unsigned taken;
    unsigned powered_off;
    unsigned work_ms; /* how long a command takes */
};

static void sleep_ms(unsigned ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_power(void *ctx, enum vpcd_control control) {
    struct fixture *fixture = ctx;

    pthread_mutex_lock(&fixture->lock);
    fixture->powered_off += control == VPCD_POWER_OFF;
    pthread_mutex_unlock(&fixture->lock);
}

static size_t on_atr(void *ctx, uint8_t *out) {
    (void)ctx;
    memset(out, 0x3B, 7);
    return 7;
}

static size_t on_exchange(void *ctx, const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    const struct fixture *fixture = ctx;

    (void)command;
    (void)len;
    sleep_ms(fixture->work_ms);
    memset(response, 0x90, cap);
    return len == 5 ? cap : 2;
}

static void on_taken(void *ctx) {
    struct fixture *fixture = ctx;

    pthread_mutex_lock(&fixture->lock);
    fixture->taken++;
    pthread_mutex_unlock(&fixture->lock);
}

static unsigned get(struct fixture *fixture, const unsigned *counter) {
    unsigned value;

    pthread_mutex_lock(&fixture->lock);
    value = *counter;
    pthread_mutex_unlock(&fixture->lock);
    return value;
}

static void *run(void *arg) {
    struct fixture *fixture = arg;
    const struct vpcd_card card = {fixture, on_power, on_atr, on_exchange};
    const struct vpcd_events events = {.ctx = fixture, .taken = on_taken};

    reader_run(&fixture->reader, &card, &events, fixture->buffers, "card");
    return NULL;
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    fixture->buffers = calloc(1, sizeof *fixture->buffers);
    assert_non_null(fixture->buffers);
    pthread_mutex_init(&fixture->lock, NULL);
    vpcd_client_init(&fixture->host);
    fixture->host.timeout_ms = 10000;
    log_open(LOG_LEVEL_ERROR);
    *state = fixture;
    return 0;
}

/* A port that nobody listens on now. */
static uint16_t free_port(void) {
    struct vpcd_client probe;
    int port;

    vpcd_client_init(&probe);
    port = vpcd_client_listen(&probe, 0);
    assert_true(port > 0);
    vpcd_client_close(&probe);
    return (uint16_t)port;
}

static void start(struct fixture *fixture, bool listening) {
    char message[500] = "";

    fixture->port = free_port();
    if ((listening ? reader_listen : reader_dial)(&fixture->reader, "127.0.0.1", fixture->port, message,
                                                  sizeof message) != 0) {
        fail_msg("%s", message);
    }
    assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
    fixture->running = true;
}

static void join(struct fixture *fixture) {
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    reader_close(&fixture->reader);
    fixture->running = false;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    if (fixture->running) {
        reader_stop(&fixture->reader);
        join(fixture);
    }
    vpcd_client_close(&fixture->host);
    free(fixture->buffers);
    free(fixture);
    return 0;
}

static void assert_answers(struct fixture *fixture) {
    uint8_t atr[VPCD_ATR_MAX];

    /* Twice: when the second answer is here, all that follows the first has been done. */
    assert_int_equal(vpcd_client_atr(&fixture->host, atr, sizeof atr), 7);
    assert_int_equal(vpcd_client_atr(&fixture->host, atr, sizeof atr), 7);
}

static void dials_a_reader_that_comes_later(void **state) {
    struct fixture *fixture = *state;

    start(fixture, false);
    sleep_ms(300);
    assert_int_equal(vpcd_client_listen(&fixture->host, fixture->port), fixture->port);
    assert_int_equal(vpcd_client_accept(&fixture->host), 0);
    assert_answers(fixture);
    assert_int_equal(get(fixture, &fixture->taken), 1);
}

static void dials_again_and_again(void **state) {
    struct fixture *fixture = *state;

    start(fixture, false);
    assert_int_equal(vpcd_client_listen(&fixture->host, fixture->port), fixture->port);
    for (unsigned i = 1; i <= 50; i++) {
        assert_int_equal(vpcd_client_accept(&fixture->host), 0);
        assert_answers(fixture);
        assert_int_equal(get(fixture, &fixture->taken), i);
        /* Power off at the start of each connection and at the end of those before. */
        assert_int_equal(get(fixture, &fixture->powered_off), 2 * i - 1);
    }
    /* The reader is gone for a while, listener and all. */
    vpcd_client_close(&fixture->host);
    sleep_ms(100);
    assert_int_equal(vpcd_client_listen(&fixture->host, fixture->port), fixture->port);
    assert_int_equal(vpcd_client_accept(&fixture->host), 0);
    assert_answers(fixture);
}

/* For more than the first two seconds, when it is still found within the quarter second of reader.h. */
static void dials_a_reader_that_comes_much_later(void **state) {
    struct fixture *fixture = *state;
    int64_t began;

    start(fixture, false);
    sleep_ms(3500);
    began = now_ms();
    assert_int_equal(vpcd_client_listen(&fixture->host, fixture->port), fixture->port);
    assert_int_equal(vpcd_client_accept(&fixture->host), 0);
    assert_true(now_ms() - began < 1000);
    assert_answers(fixture);
}

static void listens_again_and_again(void **state) {
    struct fixture *fixture = *state;

    start(fixture, true);
    for (unsigned i = 1; i <= 50; i++) {
        assert_int_equal(vpcd_client_connect(&fixture->host, fixture->port), 0);
        assert_answers(fixture);
        assert_int_equal(get(fixture, &fixture->taken), i);
    }
}

/* Who connects and says nothing, or stops in the middle of a message, cannot keep the reader out. */
static void silent_caller_gives_way(void **state) {
    struct fixture *fixture = *state;
    struct vpcd_client squatter;
    static const uint8_t half[] = {0x00, 0x05, 0x00};
    int64_t began;

    start(fixture, true);
    for (size_t len = 0; len <= sizeof half; len += sizeof half) {
        vpcd_client_init(&squatter);
        assert_int_equal(vpcd_client_connect(&squatter, fixture->port), 0);
        assert_int_equal(vpcd_client_send_raw(&squatter, half, len), 0);
        sleep_ms(50);
        began = now_ms();
        assert_int_equal(vpcd_client_connect(&fixture->host, fixture->port), 0);
        assert_answers(fixture);
        assert_true(now_ms() - began < 4000);
        vpcd_client_hang_up(&fixture->host);
        vpcd_client_close(&squatter);
    }
}

/* But a reader that is served is not disturbed by others who knock. */
static void second_caller_waits(void **state) {
    struct fixture *fixture = *state;
    struct vpcd_client other;

    start(fixture, true);
    assert_int_equal(vpcd_client_connect(&fixture->host, fixture->port), 0);
    vpcd_client_init(&other);
    assert_int_equal(vpcd_client_connect(&other, fixture->port), 0);
    for (int i = 0; i < 8; i++) {
        sleep_ms(400);
        assert_answers(fixture);
    }
    vpcd_client_close(&other);
}

static void stops_at_once_when_idle(void **state) {
    for (int listening = 0; listening < 2; listening++) {
        struct fixture *fixture;
        int64_t began;

        if (listening == 1) {
            tear_down(state);
            set_up(state);
        }
        fixture = *state;
        start(fixture, listening == 1);
        sleep_ms(50);
        began = now_ms();
        reader_stop(&fixture->reader);
        join(fixture);
        assert_true(now_ms() - began < 500);
    }
}

static void stop_lets_a_command_finish(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[4] = {0};
    uint8_t response[2];

    fixture->work_ms = 300;
    start(fixture, true);
    assert_int_equal(vpcd_client_connect(&fixture->host, fixture->port), 0);
    assert_int_equal(vpcd_client_send(&fixture->host, command, sizeof command), 0);
    sleep_ms(100);
    reader_stop(&fixture->reader);
    assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response), 2);
    assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response),
                     -1); /* and that was all */
    join(fixture);
}

/* A host that never collects its answers blocks the card; reader_cut frees it. */
static void cut_gives_up_an_answer(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[5] = {0}; /* answered by 64 KiB */

    start(fixture, true);
    assert_int_equal(vpcd_client_connect(&fixture->host, fixture->port), 0);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(vpcd_client_send(&fixture->host, command, sizeof command), 0);
    }
    sleep_ms(300);
    reader_stop(&fixture->reader);
    reader_cut(&fixture->reader);
    join(fixture);
}

static void port_is_taken(void **state) {
    struct fixture *fixture = *state;
    struct reader second;
    char message[500] = "";

    start(fixture, true);
    assert_int_equal(reader_listen(&second, "127.0.0.1", fixture->port, message, sizeof message), -1);
    assert_non_null(strstr(message, "taken"));
    assert_non_null(strstr(message, fixture->reader.name));
}

static void wrong_addresses(void **state) {
    struct reader reader;
    char message[500] = "";

    (void)state;
    assert_int_equal(reader_listen(&reader, "192.0.2.1", 40000, message, sizeof message), -1);
    assert_non_null(strstr(message, "not an address of this machine"));
    assert_int_equal(reader_dial(&reader, "host.invalid", 40000, message, sizeof message), -1);
    assert_non_null(strstr(message, "host.invalid:40000"));
}

static void loopback_is_known(void **state) {
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {{"127.0.0.1", true}, {"127.9.9.9", true},  {"::1", true},
                 {"0.0.0.0", false},  {"192.0.2.1", false}, {"::", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader reader;
        char message[500] = "";

        assert_int_equal(reader_dial(&reader, cases[i].host, 40000, message, sizeof message), 0);
        assert_int_equal(reader_is_loopback(&reader), cases[i].loopback);
        reader_close(&reader);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(dials_a_reader_that_comes_later),
        TEST(dials_again_and_again),
        TEST(dials_a_reader_that_comes_much_later),
        TEST(listens_again_and_again),
        TEST(silent_caller_gives_way),
        TEST(second_caller_waits),
        TEST(stops_at_once_when_idle),
        TEST(stop_lets_a_command_finish),
        TEST(cut_gives_up_an_answer),
        TEST(port_is_taken),
        TEST(wrong_addresses),
        TEST(loopback_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
