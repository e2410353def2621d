// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Command line and configuration file of twinhsmd. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/options.h"

#define ARGUMENTS_MAX 40

static struct options options;
static char message[600];

/* Parses "twinhsmd" with the words of `line`, which are separated by single spaces. */
static int parse(const char *line) {
    static char copy[2000];
    static char program[] = "twinhsmd";
    char *argv[ARGUMENTS_MAX] = {program};
    int argc = 1;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = word;
    }
    options_free(&options);
    return options_parse(&options, argc, argv, message, sizeof message);
}

static void accept(const char *line) {
    if (parse(line) != 0) {
        fail_msg("refused: %s: %s", line, message);
    }
}

/* The line is refused, by one line that has `part` in it. */
static void refuse(const char *line, const char *part) {
    if (parse(line) != -1) {
        fail_msg("accepted: %s", line);
    }
    if (strstr(message, part) == NULL) {
        fail_msg("'%s' is refused with '%s', without '%s'", line, message, part);
    }
    assert_null(strchr(message, '\n'));
}

static int forget(void **state) {
    (void)state;
    options_free(&options);
    return 0;
}

static void defaults(void **state) {
    (void)state;
    accept("");
    assert_int_equal(options.action, OPTIONS_RUN);
    assert_int_equal(options.card_count, 0);
    assert_int_equal(options.memory, 0);
    assert_false(options.listen);
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.port, 35963);
    assert_null(options.secret);
    assert_null(options.state);
    assert_null(options.ready_file);
    assert_int_equal(options.log_level, LOG_LEVEL_INFO);
    assert_int_equal(options.ready, OPTIONS_READY_TAKEN);
    assert_true(options.sandbox);
    assert_false(options.precompute);
    assert_true(options.pin_iterations >= 1000);
}

static void everything(void **state) {
    (void)state;
    accept(
        "--card a.db --card=b.db --secret s --state d --listen [::1]:0x9C40 --pin-iterations 77 --precompute "
        "--ready-when serving --ready-file r --log-level debug --no-sandbox");
    assert_int_equal(options.card_count, 2);
    assert_string_equal(options.cards[0], "a.db");
    assert_string_equal(options.cards[1], "b.db");
    assert_string_equal(options.secret, "s");
    assert_string_equal(options.state, "d");
    assert_true(options.listen);
    assert_string_equal(options.host, "::1");
    assert_int_equal(options.port, 40000);
    assert_int_equal(options.pin_iterations, 77);
    assert_true(options.precompute);
    assert_int_equal(options.ready, OPTIONS_READY_SERVING);
    assert_string_equal(options.ready_file, "r");
    assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
    assert_false(options.sandbox);
}

static void help_and_version(void **state) {
    (void)state;
    accept("--help");
    assert_int_equal(options.action, OPTIONS_HELP);
    accept("-h");
    assert_int_equal(options.action, OPTIONS_HELP);
    accept("--version");
    assert_int_equal(options.action, OPTIONS_VERSION);
    accept("-V");
    assert_int_equal(options.action, OPTIONS_VERSION);
}

static void wrong_words(void **state) {
    (void)state;
    refuse("--frobnicate", "--frobnicate");
    refuse("card.db", "card.db");
    refuse("-x", "-x");
    refuse("--", "--");
    refuse("--car a.db", "--car");
    refuse("--card", "needs FILE");
    refuse("--card=", "file name");
    refuse("--precompute=yes", "takes no value");
    refuse("--log-level loud", "error, warn, info or debug");
    refuse("--ready-when later", "taken or serving");
    refuse("--config=/nonexistent/file", "/nonexistent/file");
}

static void wrong_numbers(void **state) {
    (void)state;
    refuse("--memory 0", "1 to 16");
    refuse("--memory 17", "1 to 16");
    refuse("--memory -1", "1 to 16");
    refuse("--memory +1", "1 to 16");
    refuse("--memory two", "1 to 16");
    refuse("--memory 1x", "1 to 16");
    refuse("--memory 99999999999999999999999", "1 to 16");
    refuse("--pin-iterations 0", "from 1");
    refuse("--pin-iterations 4294967296", "from 1");
    accept("--memory 16");
    assert_int_equal(options.memory, 16);
}

static void endpoints(void **state) {
    (void)state;
    refuse("--connect localhost", "HOST:PORT");
    refuse("--connect :35963", "HOST:PORT");
    refuse("--connect ::1:35963", "brackets");
    refuse("--connect localhost:", "1 to 65535");
    refuse("--connect localhost:0", "1 to 65535");
    refuse("--connect localhost:65536", "1 to 65535");
    refuse("--connect localhost:0x", "1 to 65535");
    accept("--connect localhost:65535");
    assert_int_equal(options.port, 65535);
    assert_false(options.listen);
    refuse("--listen localhost:65535", "room"); /* the second slot has no port */
    refuse("--connect localhost:65535 --memory 2", "room");
    accept("--listen localhost:65534");
}

static void long_host(void **state) {
    char line[400] = "--connect ";

    (void)state;
    memset(line + 10, 'h', 256);
    memcpy(line + 266, ":1", 3);
    refuse(line, "too long");
    memcpy(line + 265, ":1", 3);
    accept(line);
}

static void contradictions(void **state) {
    char line[400] = "";

    (void)state;
    refuse("--card a.db --memory 1", "not both");
    refuse("--memory 1 --card a.db", "not both");
    refuse("--listen localhost:1 --connect localhost:1", "not both");
    refuse("--card a.db --card b.db --card a.db", "twice");
    for (int i = 0; i < 17; i++) {
        size_t len = strlen(line);

        snprintf(line + len, sizeof line - len, "--card %d ", i);
    }
    refuse(line, "at most 16");
}

/* Writes `text` to a file, and parses the flags `line` with that file. */
static int parse_with_file(const char *text, const char *line) {
    char path[] = "/tmp/twinhsm-test-options-XXXXXX";
    char all[600];
    int fd = mkstemp(path);
    int result;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(all, sizeof all, "--config %s %s", path, line);
    result = parse(all);
    unlink(path);
    return result;
}

static void accept_file(const char *text, const char *line) {
    if (parse_with_file(text, line) != 0) {
        fail_msg("refused: %s", message);
    }
}

static void refuse_file(const char *text, const char *part) {
    assert_int_equal(parse_with_file(text, ""), -1);
    if (strstr(message, part) == NULL) {
        fail_msg("refused with '%s', without '%s'", message, part);
    }
}

static void file_is_read(void **state) {
    (void)state;
    accept_file("# cards\n\n  card = /var/lib/a b.db  \ncard=b.db\r\n\tlog-level\t=\twarn\nprecompute = yes\n"
                "no-sandbox = no\nlisten = 127.0.0.1:40000",
                "");
    assert_int_equal(options.card_count, 2);
    assert_string_equal(options.cards[0], "/var/lib/a b.db");
    assert_string_equal(options.cards[1], "b.db");
    assert_int_equal(options.log_level, LOG_LEVEL_WARN);
    assert_true(options.precompute);
    assert_true(options.sandbox);
    assert_true(options.listen);
    accept_file("", "");
    assert_int_equal(options.port, 35963);
}

static void flags_win_over_the_file(void **state) {
    static const char text[] = "card = a.db\ncard = b.db\nlog-level = warn\nlisten = 127.0.0.1:40000\n"
                               "no-sandbox = no\nsecret = s\n";

    (void)state;
    accept_file(text, "--card c.db --log-level error --no-sandbox");
    assert_int_equal(options.card_count, 1);
    assert_string_equal(options.cards[0], "c.db");
    assert_int_equal(options.log_level, LOG_LEVEL_ERROR);
    assert_false(options.sandbox);
    assert_true(options.listen);
    assert_int_equal(options.port, 40000);
    assert_string_equal(options.secret, "s");

    accept_file(text, "--memory 2 --connect localhost:7");
    assert_int_equal(options.card_count, 0);
    assert_int_equal(options.memory, 2);
    assert_false(options.listen);
    assert_string_equal(options.host, "localhost");
    assert_int_equal(options.port, 7);

    accept_file("memory = 3\n", "--card c.db");
    assert_int_equal(options.memory, 0);
    assert_int_equal(options.card_count, 1);
}

static void wrong_lines(void **state) {
    char text[6000];

    (void)state;
    refuse_file("log-level = info\nnonsense\n", "line 2: write name = value");
    refuse_file("colour = red\n", "line 1: there is no option called colour");
    refuse_file("help = yes\n", "line 1: there is no option called help");
    refuse_file("config = x\n", "line 1: there is no option called config");
    refuse_file("precompute = maybe\n", "line 1: precompute = maybe: give yes or no");
    refuse_file("memory = 0\n", "line 1:");
    refuse_file("card =\n", "line 1:");
    refuse_file("card = a\nmemory = 1\n", "line 2: give");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refuse_file(text, "line 1: the line is too long");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults, forget),
        cmocka_unit_test_teardown(everything, forget),
        cmocka_unit_test_teardown(help_and_version, forget),
        cmocka_unit_test_teardown(wrong_words, forget),
        cmocka_unit_test_teardown(wrong_numbers, forget),
        cmocka_unit_test_teardown(endpoints, forget),
        cmocka_unit_test_teardown(long_host, forget),
        cmocka_unit_test_teardown(contradictions, forget),
        cmocka_unit_test_teardown(file_is_read, forget),
        cmocka_unit_test_teardown(flags_win_over_the_file, forget),
        cmocka_unit_test_teardown(wrong_lines, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
