// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/platform_linux.h"

/* Longest line of the configuration file, bytes: a path and its name. */
#define LINE_MAX_LEN 4352u

enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_FLAG };

struct parser {
    struct options *options;
    enum origin origin; /* of what is being read */
    char *message;
    size_t message_size;
};

struct option {
    const char *name;
    const char *value;   /* how help calls the value; NULL = a switch */
    bool only_flag;      /* makes no sense in the file */
    const char *against; /* the option that says something else about the same thing */
    int (*set)(struct parser *parser, const struct option *option, const char *value);
    const char *help; /* lines of help, split by newlines */
};

static int fail(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct parser *parser, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(parser->message, parser->message_size, format, args);
    va_end(args);
    return -1;
}

static int set_text(struct parser *parser, const struct option *option, char **text, const char *value) {
    char *copy;

    if (value[0] == '\0') {
        return fail(parser, "--%s needs a file name", option->name);
    }
    copy = strdup(value);
    if (copy == NULL) {
        return fail(parser, "out of memory");
    }
    free(*text);
    *text = copy;
    return 0;
}

/* A whole number of minimum..maximum, decimal or, with 0x, hexadecimal. */
static bool parse_number(const char *text, unsigned long minimum, unsigned long maximum,
                         unsigned long *number) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false; /* strtoul would take blanks and signs */
    }
    errno = 0;
    *number = strtoul(text, &end, hex ? 16 : 10);
    return errno == 0 && *end == '\0' && *number >= minimum && *number <= maximum;
}

static int set_card(struct parser *parser, const struct option *option, const char *value) {
    struct options *options = parser->options;

    if (options->card_count >= OPTIONS_CARDS_MAX) {
        return fail(parser, "--card: at most %u cards, as the virtual reader has no more slots",
                    OPTIONS_CARDS_MAX);
    }
    if (set_text(parser, option, &options->cards[options->card_count], value) != 0) {
        return -1;
    }
    options->card_count++;
    return 0;
}

static int set_memory(struct parser *parser, const struct option *option, const char *value) {
    unsigned long number;

    if (!parse_number(value, 1, OPTIONS_CARDS_MAX, &number)) {
        return fail(parser, "--%s %s: give a number of cards from 1 to %u", option->name, value,
                    OPTIONS_CARDS_MAX);
    }
    parser->options->memory = (unsigned)number;
    return 0;
}

/* HOST:PORT, with an IPv6 address in brackets. */
static int set_endpoint(struct parser *parser, const struct option *option, const char *value) {
    struct options *options = parser->options;
    const char *colon = strrchr(value, ':');
    const char *host = value;
    size_t host_len;
    unsigned long port;

    if (colon == NULL || colon == value) {
        return fail(parser, "--%s %s: give HOST:PORT, such as %s:%u", option->name, value,
                    OPTIONS_DEFAULT_HOST, OPTIONS_DEFAULT_PORT);
    }
    host_len = (size_t)(colon - value);
    if (host[0] == '[' && host_len > 2 && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len) != NULL) {
        return fail(parser, "--%s %s: write an IPv6 address in brackets, such as [::1]:%u", option->name,
                    value, OPTIONS_DEFAULT_PORT);
    }
    if (host_len >= sizeof options->host) {
        return fail(parser, "--%s: the host name is too long", option->name);
    }
    if (!parse_number(colon + 1, 1, UINT16_MAX, &port)) {
        return fail(parser, "--%s %s: the port must be a number from 1 to 65535", option->name, value);
    }
    memcpy(options->host, host, host_len);
    options->host[host_len] = '\0';
    options->port = (uint16_t)port;
    options->listen = strcmp(option->name, "listen") == 0;
    return 0;
}

static int set_secret(struct parser *parser, const struct option *option, const char *value) {
    return set_text(parser, option, &parser->options->secret, value);
}

static int set_state(struct parser *parser, const struct option *option, const char *value) {
    return set_text(parser, option, &parser->options->state, value);
}

static int set_ready_file(struct parser *parser, const struct option *option, const char *value) {
    return set_text(parser, option, &parser->options->ready_file, value);
}

static int set_config(struct parser *parser, const struct option *option, const char *value) {
    return set_text(parser, option, &parser->options->config, value);
}

static int set_log_level(struct parser *parser, const struct option *option, const char *value) {
    if (!log_level_parse(value, &parser->options->log_level)) {
        return fail(parser, "--%s %s: give error, warn, info or debug", option->name, value);
    }
    return 0;
}

static int set_pin_iterations(struct parser *parser, const struct option *option, const char *value) {
    unsigned long number;

    if (!parse_number(value, 1, PLATFORM_PIN_ITERATIONS_MAX, &number)) {
        return fail(parser, "--%s %s: give a number from 1 to %u", option->name, value,
                    PLATFORM_PIN_ITERATIONS_MAX);
    }
    parser->options->pin_iterations = (uint32_t)number;
    return 0;
}

static int set_ready_when(struct parser *parser, const struct option *option, const char *value) {
    if (strcmp(value, "taken") == 0) {
        parser->options->ready = OPTIONS_READY_TAKEN;
    } else if (strcmp(value, "serving") == 0) {
        parser->options->ready = OPTIONS_READY_SERVING;
    } else {
        return fail(parser, "--%s %s: give taken or serving", option->name, value);
    }
    return 0;
}

/* Switches get NULL on the command line, and yes or no in the file. */
static int set_switch(struct parser *parser, const struct option *option, const char *value, bool *target) {
    if (value == NULL || strcmp(value, "yes") == 0) {
        *target = true;
    } else if (strcmp(value, "no") == 0) {
        *target = false;
    } else {
        return fail(parser, "%s = %s: give yes or no", option->name, value);
    }
    return 0;
}

static int set_precompute(struct parser *parser, const struct option *option, const char *value) {
    return set_switch(parser, option, value, &parser->options->precompute);
}

static int set_no_sandbox(struct parser *parser, const struct option *option, const char *value) {
    bool off = false;

    if (set_switch(parser, option, value, &off) != 0) {
        return -1;
    }
    parser->options->sandbox = !off;
    return 0;
}

static int set_help(struct parser *parser, const struct option *option, const char *value) {
    (void)option;
    (void)value;
    parser->options->action = OPTIONS_HELP;
    return 0;
}

static int set_version(struct parser *parser, const struct option *option, const char *value) {
    (void)option;
    (void)value;
    parser->options->action = OPTIONS_VERSION;
    return 0;
}

#if HSM_TEST_BUILD
static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

    return at == NULL ? -1 : (int)(at - digits);
}

static int set_seed(struct parser *parser, const struct option *option, const char *value) {
    struct options *options = parser->options;
    size_t len = strlen(value);

    if (len == 0 || len % 2 != 0 || len / 2 > sizeof options->seed) {
        return fail(parser, "--%s: give 1 to %zu bytes in hexadecimal", option->name, sizeof options->seed);
    }
    for (size_t i = 0; i < len / 2; i++) {
        int high = hex_digit(value[2 * i]);
        int low = hex_digit(value[2 * i + 1]);

        if (high < 0 || low < 0) {
            return fail(parser, "--%s: give 1 to %zu bytes in hexadecimal", option->name,
                        sizeof options->seed);
        }
        options->seed[i] = (uint8_t)(high << 4 | low);
    }
    options->seed_len = len / 2;
    return 0;
}
#endif

static const struct option table[] = {
    {"card", "FILE", false, "memory", set_card,
     "card file, created when absent; give it again for more cards:\n"
     "the n-th card takes the n-th slot of the reader, at port PORT + n\n"
     "(default: card.db in the state directory)"},
    {"memory", "N", false, "card", set_memory, "N throw-away cards in memory instead (1 to 16)"},
    {"secret", "FILE", false, NULL, set_secret,
     "device secret of the cards: 32 random bytes, mode 0600, created\n"
     "together with a new card (default: the systemd credential\n"
     "twinhsm-secret, or else the card's FILE.secret)"},
    {"state", "DIR", false, NULL, set_state,
     "state directory, created when absent (default: /var/lib/twinhsm for\n"
     "root, otherwise $XDG_STATE_HOME/twinhsm or ~/.local/state/twinhsm)"},
    {"connect", "HOST:PORT", false, "listen", set_endpoint,
     "dial the reader driver inside pcscd (default: 127.0.0.1:35963)"},
    {"listen", "HOST:PORT", false, "connect", set_endpoint,
     "listen, at PORT and PORT + 1 at least, and let the reader driver dial us\n"
     "(DEVICENAME HOST:PORT in pcscd's reader.conf): the card shows up at once.\n"
     "But twinhsmd must start first, and pcscd 1.9 ends when twinhsmd does"},
    {"pin-iterations", "N", false, NULL, set_pin_iterations,
     "rounds of PBKDF2-HMAC-SHA-256 for PINs set from now on"},
    {"precompute", NULL, false, NULL, set_precompute,
     "find RSA keys ahead of time, in memory, when the machine is idle: a\n"
     "2048-bit key from the start, 3072 and 4096 once they were asked for"},
    {"ready-when", "WHEN", false, NULL, set_ready_when,
     "when to report READY: taken, once the reader has taken all cards\n"
     "(default), or serving, once the cards are open and the ports listen"},
    {"ready-file", "FILE", false, NULL, set_ready_file,
     "create FILE when ready, besides systemd's notification; removed at exit"},
    {"log-level", "LEVEL", false, NULL, set_log_level,
     "error, warn, info (default) or debug, which adds the header, lengths,\n"
     "status word and time of each APDU, but never its data"},
    {"no-sandbox", NULL, false, NULL, set_no_sandbox, "do not confine the process by seccomp and landlock"},
    {"config", "FILE", true, NULL, set_config,
     "read options from FILE: lines of name = value, in the names above;\n"
     "what is given on the command line wins"},
#if HSM_TEST_BUILD
    {"seed", "HEX", true, NULL, set_seed, "test build: all random numbers follow from HEX"},
#endif
    {"help", NULL, true, NULL, set_help, "show this text"},
    {"version", NULL, true, NULL, set_version, "show the version"},
};

#define TABLE_LEN (sizeof table / sizeof table[0])

static const struct option *find(const char *name, size_t len) {
    for (size_t i = 0; i < TABLE_LEN; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static uint8_t *origin_of(struct options *options, const struct option *option) {
    _Static_assert(TABLE_LEN <= sizeof options->origin, "one origin per option");
    return &options->origin[option - table];
}

static void forget_cards(struct options *options) {
    for (size_t i = 0; i < options->card_count; i++) {
        free(options->cards[i]);
        options->cards[i] = NULL;
    }
    options->card_count = 0;
}

/* Sets one option, and settles what it overrides. */
static int apply(struct parser *parser, const struct option *option, const char *value) {
    struct options *options = parser->options;
    uint8_t *origin = origin_of(options, option);

    if (option->against != NULL) {
        const struct option *other = find(option->against, strlen(option->against));

        if (*origin_of(options, other) == parser->origin) {
            return fail(parser, "give --%s or --%s, not both", option->name, other->name);
        }
        *origin_of(options, other) = ORIGIN_DEFAULT;
    }
    if (*origin < (uint8_t)parser->origin && (option->set == set_card || option->set == set_memory)) {
        forget_cards(options); /* those of the file */
        options->memory = 0;
    }
    *origin = (uint8_t)parser->origin;
    return option->set(parser, option, value);
}

static char *trim(char *text) {
    size_t len;

    while (*text == ' ' || *text == '\t') {
        text++;
    }
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

static int parse_line(struct parser *parser, char *line) {
    char *text = trim(line);
    char *equals;
    const char *name;
    const struct option *option;

    if (text[0] == '\0' || text[0] == '#') {
        return 0;
    }
    equals = strchr(text, '=');
    if (equals == NULL) {
        return fail(parser, "write name = value");
    }
    *equals = '\0';
    name = trim(text);
    option = find(name, strlen(name));
    if (option == NULL || option->only_flag) {
        return fail(parser, "there is no option called %s; twinhsmd --help lists them", name);
    }
    return apply(parser, option, trim(equals + 1));
}

static int parse_file(struct parser *parser, const char *path) {
    char line[LINE_MAX_LEN];
    char reason[512];
    struct parser inner = {
        .options = parser->options, .origin = ORIGIN_FILE, .message = reason, .message_size = sizeof reason};
    unsigned number = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return fail(parser, "cannot read the configuration file %s: %s", path, strerror(errno));
    }
    while (fgets(line, sizeof line, file) != NULL) {
        int result;

        number++;
        if (strchr(line, '\n') == NULL && !feof(file)) {
            result = fail(&inner, "the line is too long");
        } else {
            result = parse_line(&inner, line);
        }
        if (result != 0) {
            fclose(file);
            return fail(parser, "%s, line %u: %s", path, number, reason);
        }
    }
    if (ferror(file)) {
        int error = errno;

        fclose(file);
        return fail(parser, "cannot read the configuration file %s: %s", path, strerror(error));
    }
    fclose(file);
    return 0;
}

static int parse_flags(struct parser *parser, int argc, char *const *argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char *equals;
        const struct option *option;
        const char *value = NULL;

        if (strcmp(name, "-h") == 0) {
            name = "--help";
        } else if (strcmp(name, "-V") == 0) {
            name = "--version";
        }
        if (strncmp(name, "--", 2) != 0 || name[2] == '\0') {
            return fail(parser, "do not know what to do with %s; try twinhsmd --help", argv[i]);
        }
        name += 2;
        equals = strchr(name, '=');
        option = find(name, equals == NULL ? strlen(name) : (size_t)(equals - name));
        if (option == NULL) {
            return fail(parser, "there is no option %s; try twinhsmd --help", argv[i]);
        }
        if (option->value == NULL && equals != NULL) {
            return fail(parser, "--%s takes no value", option->name);
        }
        if (option->value != NULL) {
            if (equals != NULL) {
                value = equals + 1;
            } else if (i + 1 < argc) {
                value = argv[++i];
            } else {
                return fail(parser, "--%s needs %s", option->name, option->value);
            }
        }
        if (apply(parser, option, value) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check(struct parser *parser) {
    struct options *options = parser->options;
    unsigned cards = options->memory > 0 ? options->memory : (unsigned)options->card_count;
    unsigned slots = options->listen && cards < 2 ? 2 : cards;

    if (options->port + slots > UINT16_MAX + 1u) {
        return fail(parser, "port %u leaves no room for the slots after it; choose a lower one",
                    options->port);
    }
    for (size_t i = 0; i < options->card_count; i++) {
        for (size_t j = i + 1; j < options->card_count; j++) {
            if (strcmp(options->cards[i], options->cards[j]) == 0) {
                return fail(parser, "card file %s is given twice", options->cards[i]);
            }
        }
    }
    return 0;
}

int options_parse(struct options *options, int argc, char *const *argv, char *message, size_t message_size) {
    struct parser parser = {
        .options = options, .origin = ORIGIN_FLAG, .message = message, .message_size = message_size};

    memset(options, 0, sizeof *options);
    memcpy(options->host, OPTIONS_DEFAULT_HOST, sizeof OPTIONS_DEFAULT_HOST);
    options->port = OPTIONS_DEFAULT_PORT;
    options->pin_iterations = PLATFORM_PIN_ITERATIONS_DEFAULT;
    options->sandbox = true;
    options->log_level = LOG_LEVEL_INFO;
    message[0] = '\0';

    if (parse_flags(&parser, argc, argv) != 0) {
        return -1;
    }
    if (options->action != OPTIONS_RUN) {
        return 0;
    }
    if (options->config != NULL) {
        /* The file comes first, the flags once more over it. */
        char *config = options->config;
        int result;

        options->config = NULL;
        options_free(options);
        memset(options->origin, 0, sizeof options->origin);
        options->memory = 0;
        options->card_count = 0;
        result = parse_file(&parser, config);
        free(config);
        if (result != 0 || parse_flags(&parser, argc, argv) != 0) {
            return -1;
        }
    }
    return check(&parser);
}

void options_free(struct options *options) {
    forget_cards(options);
    free(options->secret);
    free(options->state);
    free(options->ready_file);
    free(options->config);
    options->secret = NULL;
    options->state = NULL;
    options->ready_file = NULL;
    options->config = NULL;
}

void options_print_help(void) {
    puts("Usage: twinhsmd [OPTION]...\n"
         "\n"
         "Puts SmartCard-HSM compatible cards into vsmartcard's virtual reader (vpcd), so that\n"
         "pcscd shows them to OpenSC, scdaemon and every other PC/SC program.\n"
         "\n"
         "Options:");
    for (size_t i = 0; i < TABLE_LEN; i++) {
        const char *line = table[i].help;
        char head[64];

        snprintf(head, sizeof head, "--%s%s%s", table[i].name, table[i].value != NULL ? " " : "",
                 table[i].value != NULL ? table[i].value : "");
        for (bool first = true; line != NULL; first = false) {
            const char *end = strchr(line, '\n');
            int len = end != NULL ? (int)(end - line) : (int)strlen(line);

            printf("  %-21s %.*s\n", first ? head : "", len, line);
            line = end != NULL ? end + 1 : NULL;
        }
    }
    puts("\n"
         "Signals: TERM and INT end it once the command under way is answered. HUP is ignored.\n"
         "Exit status: 0 after a clean end, 1 when something failed, 2 for wrong options.\n"
         "\n"
         "Examples:\n"
         "  twinhsmd                         the user's own card, in pcscd's vpcd reader\n"
         "  twinhsmd --memory 2              two fresh cards that nobody will miss\n"
         "  twinhsmd --card a.db --card b.db --listen 127.0.0.1:40000");
}
