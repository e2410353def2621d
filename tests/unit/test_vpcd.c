// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* The framing of the vpcd protocol: what any host may send, well-formed or not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "emulator/vpcd.h"
#include "tests/support/vpcd_client.h"

/* A card that answers with its command, and writes down what happens to it. */
struct echo_card {
    char events[64]; /* one letter each: 0 off, 1 on, 2 reset, a ATR, x exchange, t taken, s silent */
    size_t atr_len;
    size_t command_len;
    bool no_card;
    unsigned give_up_at; /* silent calls, 0 = never */
};

struct fixture {
    struct echo_card card;
    struct vpcd_buffers *buffers;
    struct vpcd_client host;
    int card_fd;
    pthread_t thread;
    enum vpcd_end end;
};

static void note(struct echo_card *card, char event) {
    size_t len = strlen(card->events);

    if (len + 1 < sizeof card->events) {
        card->events[len] = event;
    }
}

static void on_power(void *ctx, enum vpcd_control control) { note(ctx, (char)('0' + (int)control)); }

static size_t on_atr(void *ctx, uint8_t *out) {
    struct echo_card *card = ctx;

    note(card, 'a');
    memset(out, 0x3B, card->atr_len);
    return card->atr_len;
}

static size_t on_exchange(void *ctx, const uint8_t *command, size_t len, uint8_t *response, size_t cap) {
    struct echo_card *card = ctx;

    note(card, 'x');
    card->command_len = len;
    if (card->no_card) {
        return 0;
    }
    assert_true(cap >= VPCD_MESSAGE_MAX);
    if (len < 4) {
        response[0] = 0x67;
        response[1] = 0x00;
        return 2;
    }
    memcpy(response, command, len);
    return len;
}

static void on_taken(void *ctx) { note(ctx, 't'); }

static bool on_silent(void *ctx, unsigned count) {
    struct echo_card *card = ctx;

    note(card, 's');
    return card->give_up_at != 0 && count >= card->give_up_at;
}

static void *serve(void *arg) {
    struct fixture *fixture = arg;
    const struct vpcd_card card = {&fixture->card, on_power, on_atr, on_exchange};
    const struct vpcd_events events = {&fixture->card, on_taken, on_silent};

    fixture->end = vpcd_serve(fixture->card_fd, &card, &events, fixture->buffers);
    (void)shutdown(fixture->card_fd, SHUT_RDWR);
    return NULL;
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int pair[2];

    assert_non_null(fixture);
    fixture->buffers = calloc(1, sizeof *fixture->buffers);
    assert_non_null(fixture->buffers);
    fixture->card.atr_len = 24;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    vpcd_client_init(&fixture->host);
    fixture->host.fd = pair[0];
    fixture->host.timeout_ms = 5000;
    fixture->card_fd = pair[1];
    *state = fixture;
    return 0;
}

static void start(struct fixture *fixture) {
    assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
}

/* The host hangs up; returns how the conversation ended for the card. */
static enum vpcd_end finish(struct fixture *fixture) {
    vpcd_client_hang_up(&fixture->host);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    return fixture->end;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    vpcd_client_close(&fixture->host);
    close(fixture->card_fd);
    free(fixture->buffers);
    free(fixture);
    return 0;
}

static void assert_alive(struct fixture *fixture) {
    static const uint8_t command[] = {0x00, 0xA4, 0x00, 0x00};
    uint8_t response[16];

    assert_int_equal(vpcd_client_transmit(&fixture->host, command, sizeof command, response, sizeof response),
                     4);
    assert_memory_equal(response, command, sizeof command);
}

static bool is_zero(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The example session of docs/protocol.md: only ATR requests and commands are answered. */
static void session(void **state) {
    struct fixture *fixture = *state;
    uint8_t atr[VPCD_ATR_MAX];

    start(fixture);
    assert_int_equal(vpcd_client_atr(&fixture->host, atr, sizeof atr), 24);
    assert_int_equal(vpcd_client_control(&fixture->host, 0x01), 0);
    assert_int_equal(vpcd_client_atr(&fixture->host, atr, sizeof atr), 24);
    assert_alive(fixture);
    assert_int_equal(vpcd_client_control(&fixture->host, 0x02), 0);
    assert_int_equal(vpcd_client_control(&fixture->host, 0x00), 0);
    assert_alive(fixture);
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
    assert_string_equal(fixture->card.events, "at1ax20x");
}

static void unknown_control_bytes_get_no_answer(void **state) {
    struct fixture *fixture = *state;

    start(fixture);
    for (unsigned control = 0; control < 256; control++) {
        if (control > 2 && control != 4) {
            assert_int_equal(vpcd_client_control(&fixture->host, (uint8_t)control), 0);
        }
    }
    assert_alive(fixture); /* the next thing that comes back is the answer to this */
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
    assert_string_equal(fixture->card.events, "x");
}

static void short_commands_go_to_the_card(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[3] = {0x00, 0xA4, 0x04};
    static const size_t lengths[] = {0, 2, 3};

    start(fixture);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t response[16];

        assert_int_equal(vpcd_client_transmit(&fixture->host, command, lengths[i], response, sizeof response),
                         2);
        assert_int_equal(response[0], 0x67);
        assert_int_equal(response[1], 0x00);
    }
    assert_alive(fixture);
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
    assert_string_equal(fixture->card.events, "xxxx");
}

static void longest_command_and_response(void **state) {
    struct fixture *fixture = *state;
    uint8_t *command = malloc(VPCD_MESSAGE_MAX);
    uint8_t *response = malloc(VPCD_MESSAGE_MAX);

    assert_non_null(command);
    assert_non_null(response);
    for (size_t i = 0; i < VPCD_MESSAGE_MAX; i++) {
        command[i] = (uint8_t)(i * 7 + i / 251);
    }
    start(fixture);
    assert_int_equal(
        vpcd_client_transmit(&fixture->host, command, VPCD_MESSAGE_MAX, response, VPCD_MESSAGE_MAX),
        VPCD_MESSAGE_MAX);
    assert_memory_equal(command, response, VPCD_MESSAGE_MAX);
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
    assert_int_equal(fixture->card.command_len, VPCD_MESSAGE_MAX);
    free(command);
    free(response);
}

/* A message may come in any pieces, and several may come at once. */
static void pieces_and_heaps(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t message[] = {0x00, 0x01, 0x01, 0x00, 0x05, 0x80, 0x84, 0x00,
                                      0x00, 0x08, 0x00, 0x04, 0x00, 0x20, 0x00, 0x81};
    uint8_t response[16];

    start(fixture);
    for (size_t i = 0; i < sizeof message; i++) {
        const struct timespec pause = {.tv_nsec = 1000000};

        assert_int_equal(vpcd_client_send_raw(&fixture->host, message + i, 1), 0);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response), 5);
    assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response), 4);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(vpcd_client_send_raw(&fixture->host, message, sizeof message), 0);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response), 5);
        assert_memory_equal(response, message + 5, 5);
        assert_int_equal(vpcd_client_receive(&fixture->host, response, sizeof response), 4);
        assert_memory_equal(response, message + 12, 4);
    }
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
}

/* The host goes away at each byte of a message. */
static void truncated(void **state) {
    static const uint8_t message[] = {0x00, 0x06, 0x00, 0x20, 0x00, 0x81, 0x31, 0x32};

    for (size_t len = 0; len < sizeof message; len++) {
        struct fixture *fixture;

        if (len > 0) {
            tear_down(state);
            set_up(state);
        }
        fixture = *state;
        start(fixture);
        assert_int_equal(vpcd_client_send_raw(&fixture->host, message, len), 0);
        assert_int_equal(finish(fixture), len == 0 ? VPCD_END_CLOSED : VPCD_END_TRUNCATED);
        assert_string_equal(fixture->card.events, "");
        assert_true(is_zero(fixture->buffers->command, sizeof message));
    }
}

static void host_that_does_not_collect_its_answer(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[4] = {0};

    start(fixture);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(vpcd_client_send(&fixture->host, command, sizeof command), 0);
    }
    /* Closed or reset, depending on when it notices; never a signal, which would end this test. */
    assert_true(finish(fixture) != VPCD_END_SILENT);
}

static void buffers_are_wiped(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[] = {0x00, 0x20, 0x00, 0x81, 0x06, '6', '4', '8', '2', '1', '9'};
    uint8_t response[sizeof command];

    start(fixture);
    assert_int_equal(vpcd_client_transmit(&fixture->host, command, sizeof command, response, sizeof response),
                     sizeof command);
    assert_int_equal(finish(fixture), VPCD_END_CLOSED);
    assert_true(is_zero(fixture->buffers->command, sizeof fixture->buffers->command));
    assert_true(is_zero(fixture->buffers->reply, sizeof fixture->buffers->reply));
}

static void no_card(void **state) {
    struct fixture *fixture = *state;
    uint8_t atr[VPCD_ATR_MAX];

    fixture->card.atr_len = 0;
    start(fixture);
    assert_int_equal(vpcd_client_atr(&fixture->host, atr, sizeof atr), 0);
    assert_int_equal(vpcd_client_receive(&fixture->host, atr, sizeof atr), -1);
    assert_int_equal(finish(fixture), VPCD_END_NO_CARD);
    assert_string_equal(fixture->card.events, "a"); /* not taken */
}

static void card_taken_out_in_a_command(void **state) {
    struct fixture *fixture = *state;
    static const uint8_t command[4] = {0};
    uint8_t response[16];

    fixture->card.no_card = true;
    start(fixture);
    assert_int_equal(vpcd_client_transmit(&fixture->host, command, sizeof command, response, sizeof response),
                     0);
    assert_int_equal(finish(fixture), VPCD_END_NO_CARD);
}

static void silent_host(void **state) {
    struct fixture *fixture = *state;
    const struct timeval timeout = {.tv_usec = 20000};

    assert_int_equal(setsockopt(fixture->card_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    fixture->card.give_up_at = 3;
    start(fixture);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    assert_int_equal(fixture->end, VPCD_END_SILENT);
    assert_string_equal(fixture->card.events, "sss");
}

/* Bytes of chance, and then the end: it must come to an end too, whatever they meant. */
static void garbage(void **state) {
    uint32_t random = 2463534242u;

    for (int round = 0; round < 200; round++) {
        uint8_t bytes[400];
        struct fixture *fixture;

        if (round > 0) {
            tear_down(state);
            set_up(state);
        }
        fixture = *state;
        for (size_t i = 0; i < sizeof bytes; i++) {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            /* Mostly short messages, so that many are gone through. */
            bytes[i] = (random & 0x300) != 0 && i % 3 == 0 ? 0 : (uint8_t)random;
        }
        start(fixture);
        assert_int_equal(vpcd_client_send_raw(&fixture->host, bytes, sizeof bytes), 0);
        (void)shutdown(fixture->host.fd, SHUT_WR);
        assert_int_equal(pthread_join(fixture->thread, NULL), 0);
        assert_true(fixture->end == VPCD_END_CLOSED || fixture->end == VPCD_END_TRUNCATED);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(session),
        TEST(unknown_control_bytes_get_no_answer),
        TEST(short_commands_go_to_the_card),
        TEST(longest_command_and_response),
        TEST(pieces_and_heaps),
        TEST(truncated),
        TEST(host_that_does_not_collect_its_answer),
        TEST(buffers_are_wiped),
        TEST(no_card),
        TEST(card_taken_out_in_a_command),
        TEST(silent_host),
        TEST(garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
