// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* Plays APDU transcripts (README.md) against a card and prints one TAP line per exchange. */

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/card_fixture.h"
#include "tests/support/vpcd_client.h"
#include "tests/transcripts/pattern.h"

#define LINE_MAX_LEN 32768u
#define STATUS_WORDS 65536u

/* The way to a card: in this process, or a reader's connection to a running one. */
struct link {
    struct card *card; /* NULL: vpcd */
    struct vpcd_client vpcd;
    bool listening;
};

struct run {
    struct link link;
    struct variables *variables;
    const char *file;
    char note[80]; /* the last comment, for the TAP lines */
    bool trace;
    unsigned checks;
    unsigned failed;
    unsigned skipped;
    bool seen[STATUS_WORDS]; /* status words that came when expected */
    uint8_t command[TRANSCRIPT_BYTES_MAX];
    size_t command_len;
    uint8_t response[TRANSCRIPT_BYTES_MAX];
    size_t response_len;
};

static _Noreturn void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("run_transcript: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void report(struct run *run, bool ok, unsigned line, const char *note) {
    run->checks++;
    run->failed += ok ? 0 : 1;
    printf("%s %u - %s:%u%s%s\n", ok ? "ok" : "not ok", run->checks, run->file, line,
           note[0] != '\0' ? " " : "", note);
}

static void print_bytes(const char *label, const uint8_t *data, size_t len) {
    printf("#   %s", label);
    for (size_t i = 0; i < len; i++) {
        printf("%s%02X", i != 0 && i % 32 == 0 ? "\n#             " : " ", data[i]);
    }
    putchar('\n');
}

/* The link */

static void exchange(struct run *run) {
    struct link *link = &run->link;
    if (link->card != NULL) {
        card_send(link->card, run->command, run->command_len);
        run->response_len = link->card->len + 2;
        memcpy(run->response, link->card->data, run->response_len);
        return;
    }
    ssize_t n = vpcd_client_transmit(&link->vpcd, run->command, run->command_len, run->response,
                                     sizeof run->response);
    if (n < 2) {
        die("%s: the card does not answer over vpcd", run->file);
    }
    run->response_len = (size_t)n;
}

static void control(struct run *run, uint8_t what) {
    struct link *link = &run->link;
    if (link->card == NULL) {
        if (vpcd_client_control(&link->vpcd, what) != 0) {
            die("%s: the vpcd connection is lost", run->file);
        }
        return;
    }
    switch (what) {
    case 0:
        hsm_power_off(&link->card->hsm);
        break;
    case 1:
        hsm_power_on(&link->card->hsm);
        break;
    default:
        hsm_reset(&link->card->hsm);
        break;
    }
}

static size_t ask_atr(struct run *run, uint8_t *atr) {
    if (run->link.card != NULL) {
        return hsm_atr(atr);
    }
    ssize_t n = vpcd_client_atr(&run->link.vpcd, atr, HSM_ATR_MAX);
    if (n < 0) {
        die("%s: no ATR over vpcd", run->file);
    }
    return (size_t)n;
}

/* Takes the card out and puts it in again. */
static void reconnect(struct run *run) {
    struct link *link = &run->link;
    if (link->card != NULL) {
        int rc = card_reopen(link->card);
        if (rc != HSM_OK) {
            die("%s: the card does not start again: %s", run->file, hsm_error_text(rc));
        }
        return;
    }
    vpcd_client_hang_up(&link->vpcd);
    if (!link->listening || vpcd_client_accept(&link->vpcd) != 0) {
        die("%s: '! reconnect' needs --vpcd-listen", run->file);
    }
    control(run, 1);
}

static bool is_blank(struct run *run) {
    static const uint8_t so_pin_status[] = {0x00, 0x20, 0x00, 0x88};
    memcpy(run->command, so_pin_status, sizeof so_pin_status);
    run->command_len = sizeof so_pin_status;
    exchange(run);
    return run->response_len == 2 && run->response[0] == 0x6A && run->response[1] == 0x88;
}

/* Lines */

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t n = strlen(text);
    while (n != 0 && isspace((unsigned char)text[n - 1])) {
        text[--n] = '\0';
    }
    return text;
}

/* Returns the rest of `text` behind `word`, or NULL when it does not start with that word. */
static char *after_word(char *text, const char *word) {
    size_t n = strlen(word);
    if (strncmp(text, word, n) != 0 || (text[n] != '\0' && !isspace((unsigned char)text[n]))) {
        return NULL;
    }
    return trim(text + n);
}

static void set_variable(struct run *run, char *text, unsigned line) {
    static uint8_t value[TRANSCRIPT_BYTES_MAX];
    size_t len;
    char *end = text;
    while (isalnum((unsigned char)*end) || *end == '_') {
        end++;
    }
    if (end == text || (size_t)(end - text) > TRANSCRIPT_NAME_MAX || !isspace((unsigned char)*end)) {
        die("%s:%u: '! set NAME BYTES' expected", run->file, line);
    }
    *end = '\0';
    const char *error = transcript_bytes(run->variables, end + 1, value, &len);
    if (error == NULL) {
        error = variables_set(run->variables, text, value, len);
    }
    if (error != NULL) {
        die("%s:%u: %s", run->file, line, error);
    }
}

static void match_atr(struct run *run, const char *pattern, unsigned line) {
    uint8_t atr[HSM_ATR_MAX];
    bool matches;
    size_t len = ask_atr(run, atr);
    const char *error = transcript_match(run->variables, pattern, atr, len, &matches);
    if (error != NULL) {
        die("%s:%u: %s", run->file, line, error);
    }
    report(run, matches, line, "ATR");
    if (!matches) {
        print_bytes("got      ", atr, len);
    }
}

/* Returns false when the rest of the file cannot be played on this card. */
static bool directive(struct run *run, char *text, unsigned line) {
    char *rest;
    if (strcmp(text, "power-off") == 0) {
        control(run, 0);
    } else if (strcmp(text, "power-on") == 0) {
        control(run, 1);
    } else if (strcmp(text, "reset") == 0) {
        control(run, 2);
    } else if (strcmp(text, "reconnect") == 0) {
        reconnect(run);
    } else if (strcmp(text, "blank card") == 0) {
        if (!is_blank(run)) {
            run->checks++;
            run->skipped++;
            printf("ok %u - %s # SKIP needs a card never initialised\n", run->checks, run->file);
            return false;
        }
    } else if ((rest = after_word(text, "atr")) != NULL) {
        match_atr(run, rest, line);
    } else if ((rest = after_word(text, "set")) != NULL) {
        set_variable(run, rest, line);
    } else {
        die("%s:%u: unknown directive '%s'", run->file, line, text);
    }
    return true;
}

static void send_line(struct run *run, const char *text, unsigned line) {
    const char *error = transcript_bytes(run->variables, text, run->command, &run->command_len);
    if (error != NULL) {
        die("%s:%u: %s", run->file, line, error);
    }
    exchange(run);
    if (run->trace) {
        print_bytes("> ", run->command, run->command_len);
        print_bytes("< ", run->response, run->response_len);
    }
}

static void match_line(struct run *run, const char *text, unsigned line) {
    bool matches;
    const char *error = transcript_match(run->variables, text, run->response, run->response_len, &matches);
    if (error != NULL) {
        die("%s:%u: %s", run->file, line, error);
    }
    report(run, matches, line, run->note);
    if (matches) {
        const uint8_t *sw = run->response + run->response_len - 2;
        run->seen[sw[0] << 8 | sw[1]] = true;
        return;
    }
    print_bytes("command  ", run->command, run->command_len);
    printf("#   expected  %s\n", text);
    print_bytes("got      ", run->response, run->response_len);
}

struct reader_state {
    char kind;     /* '>', '<' or '!' of the line being collected, 0 = none */
    unsigned line; /* where it started */
    char text[LINE_MAX_LEN];
    bool awaiting; /* a command was sent whose response has not been compared */
};

/* Executes the collected line. Returns false to stop the file. */
static bool finish_line(struct run *run, struct reader_state *state) {
    char kind = state->kind;
    char *text = trim(state->text);
    state->kind = 0;
    if (kind == '<') {
        if (!state->awaiting) {
            die("%s:%u: response without a command", run->file, state->line);
        }
        match_line(run, text, state->line);
        state->awaiting = false;
        return true;
    }
    if (kind != 0 && state->awaiting) {
        die("%s:%u: the command before has no response", run->file, state->line);
    }
    if (kind == '>') {
        send_line(run, text, state->line);
        state->awaiting = true;
    } else if (kind == '!') {
        return directive(run, text, state->line);
    }
    return true;
}

static bool take_line(struct run *run, struct reader_state *state, char *line, unsigned number) {
    bool continues = line[0] == ' ' || line[0] == '\t';
    char *text = trim(line);
    if (continues && text[0] != '\0') {
        if (state->kind == 0 || strlen(state->text) + strlen(text) + 2 > sizeof state->text) {
            die("%s:%u: nothing to continue, or too long", run->file, number);
        }
        strcat(state->text, " ");
        strcat(state->text, text);
        return true;
    }
    if (!finish_line(run, state)) {
        return false;
    }
    if (text[0] == '\0') {
        return true;
    }
    if (text[0] == '#') {
        snprintf(run->note, sizeof run->note, "%s", trim(text + 1));
        return true;
    }
    if (strchr("><!", text[0]) == NULL) {
        die("%s:%u: a line starts with '#', '>', '<', '!' or a space", run->file, number);
    }
    state->kind = text[0];
    state->line = number;
    snprintf(state->text, sizeof state->text, "%s", text + 1);
    return true;
}

static void play(struct run *run, const char *file) {
    static char line[LINE_MAX_LEN];
    static struct reader_state state;
    unsigned number = 0;
    bool going = true;
    FILE *in = fopen(file, "r");
    if (in == NULL) {
        die("cannot read %s", file);
    }
    memset(&state, 0, sizeof state);
    run->file = file;
    run->note[0] = '\0';
    run->variables = variables_new();
    if (run->link.card != NULL) {
        card_blank(run->link.card);
    } else {
        control(run, 2);
    }
    while (going && fgets(line, sizeof line, in) != NULL) {
        number++;
        if (strchr(line, '\n') == NULL && !feof(in)) {
            die("%s:%u: line too long", file, number);
        }
        going = take_line(run, &state, line, number);
    }
    if (going) {
        going = finish_line(run, &state);
    }
    if (going && state.awaiting) {
        die("%s: the last command has no response", file);
    }
    variables_free(run->variables);
    fclose(in);
}

/* Was every status word of the list provoked? A line is four hexadecimal digits, x for any, then where it is
 * named. */
static void check_status_words(struct run *run, const char *file) {
    char line[256];
    unsigned number = 0;
    FILE *in = fopen(file, "r");
    if (in == NULL) {
        die("cannot read %s", file);
    }
    run->file = file;
    while (fgets(line, sizeof line, in) != NULL) {
        char *text = trim(line);
        number++;
        if (text[0] == '#' || text[0] == '\0') {
            continue;
        }
        char word[5] = {0};
        bool found = false;
        for (unsigned sw = 0; sw < STATUS_WORDS && !found; sw++) {
            if (!run->seen[sw]) {
                continue;
            }
            snprintf(word, sizeof word, "%04X", sw);
            found = true;
            for (size_t i = 0; i < 4; i++) {
                found = found && (text[i] == 'x' || text[i] == word[i]);
            }
        }
        report(run, found, number, text);
    }
    fclose(in);
}

static void usage(FILE *out) {
    fputs("usage: run_transcript [OPTION]... FILE...\n"
          "\n"
          "Plays APDU transcripts and prints one TAP line per exchange (tests/transcripts/README.md).\n"
          "\n"
          "  --in-process         a blank card in this process for each file (default)\n"
          "  --vpcd 127.0.0.1:PORT  the card that listens there, as a reader would dial it\n"
          "  --vpcd-listen PORT   the card that dials this port of 127.0.0.1, 0 = any; prints it as '# port "
          "N'\n"
          "  --timeout SECONDS    how long a card over vpcd may take for an answer (30)\n"
          "  --status-words LIST  afterwards check that every status word of the list came\n"
          "  --trace              print all commands and responses\n"
          "  --help               this text\n"
          "\n"
          "Exit status: 0 all as expected, 1 something was not, 2 wrong usage or no card.\n",
          out);
}

static uint16_t parse_port(const char *text) {
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || port > 65535) {
        die("'%s' is no port number", text);
    }
    return (uint16_t)port;
}

static void dial(struct link *link, const char *address) {
    static const char host[] = "127.0.0.1:";
    if (strncmp(address, host, sizeof host - 1) != 0) {
        die("--vpcd takes 127.0.0.1:PORT");
    }
    if (vpcd_client_connect(&link->vpcd, parse_port(address + sizeof host - 1)) != 0) {
        die("no card listens at %s", address);
    }
}

static void await(struct link *link, const char *port) {
    int got = vpcd_client_listen(&link->vpcd, parse_port(port));
    if (got < 0) {
        die("cannot listen on port %s", port);
    }
    printf("# port %d\n", got);
    fflush(stdout);
    if (vpcd_client_accept(&link->vpcd) != 0) {
        die("no card dials port %d", got);
    }
    link->listening = true;
}

int main(int argc, char **argv) {
    static struct run run;
    static const struct option options[] = {
        {"in-process", no_argument, NULL, 'i'},
        {"vpcd", required_argument, NULL, 'v'},
        {"vpcd-listen", required_argument, NULL, 'l'},
        {"timeout", required_argument, NULL, 'w'},
        {"status-words", required_argument, NULL, 's'},
        {"trace", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *dialled = NULL;
    const char *port = NULL;
    const char *list = NULL;
    int timeout = 0;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'i':
            dialled = port = NULL;
            break;
        case 'v':
            dialled = optarg;
            break;
        case 'l':
            port = optarg;
            break;
        case 'w':
            timeout = atoi(optarg);
            if (timeout < 1 || timeout > 86400) {
                die("--timeout takes 1 to 86400 seconds");
            }
            break;
        case 's':
            list = optarg;
            break;
        case 't':
            run.trace = true;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind == argc) {
        usage(stderr);
        return 2;
    }
    vpcd_client_init(&run.link.vpcd);
    if (timeout != 0) {
        run.link.vpcd.timeout_ms = timeout * 1000;
    }
    if (dialled != NULL) {
        dial(&run.link, dialled);
    } else if (port != NULL) {
        await(&run.link, port);
    } else {
        run.link.card = card_new(1);
    }
    if (run.link.card == NULL) {
        run.file = "vpcd";
        control(&run, 1);
    }
    for (int i = optind; i < argc; i++) {
        play(&run, argv[i]);
    }
    if (list != NULL) {
        check_status_words(&run, list);
    }
    printf("1..%u\n# %u passed, %u failed, %u skipped\n", run.checks, run.checks - run.failed - run.skipped,
           run.failed, run.skipped);
    card_free(run.link.card);
    vpcd_client_close(&run.link.vpcd);
    return run.failed == 0 ? 0 : 1;
}
