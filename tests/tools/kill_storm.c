// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Kills the daemon over and over while a client works, and checks after each restart that nothing
 * acknowledged is missing and no try or use has come back. kill_storm DAEMON CARD PORT KILLS SEED [SHIM] With
 * SHIM (tests/tools/kill_shim.c as a shared object) every second kill is at a chosen call: the 1st that
 * touches a file, the 2nd, and so on. Prints the seed and what was done. Exit status 0, or 1 with a line that
 * says what was lost.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/vpcd_client.h"

#define FILES 16u
#define TRIES 3
#define USES 1000000u

/* What the card must hold: the acknowledged value, or where a command was under way the one it was bringing.
 */
struct expected {
    uint32_t low; /* acknowledged */
    uint32_t high;
};

static const char *daemon_path;
static const char *card_path;
static uint16_t port;
static struct vpcd_client client;
static uint8_t response[65538];
static size_t response_len;
static struct expected files[FILES];
static struct expected tries = {TRIES, TRIES};
static struct expected uses = {USES, USES};
static uint32_t next_value = 1;
static uint64_t random_state;
static unsigned acknowledged;
static unsigned kill_number;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

static _Noreturn void lost(const char *what, unsigned number, uint32_t is, const struct expected *e) {
    printf("kill %u: %s %u: is %u, must be between %u and %u\n", kill_number, what, number, is, e->low,
           e->high);
    exit(1);
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "kill_storm: kill %u: %s\n", kill_number, what);
    exit(2);
}

static pid_t start(const char *shim, unsigned at) {
    char address[32];
    char number[16];
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    snprintf(number, sizeof number, "%u", at);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (at != 0) {
            setenv("LD_PRELOAD", shim, 1);
            setenv("KILL_SHIM_AT", number, 1);
        }
        execl(daemon_path, daemon_path, "--card", card_path, "--listen", address, "--log-level", "error",
              "--pin-iterations", "1", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* The status word, or 0 when the daemon is gone. */
static uint16_t send(const uint8_t *command, size_t len) {
    ssize_t got = vpcd_client_transmit(&client, command, len, response, sizeof response);
    if (got < 2) {
        return 0;
    }
    response_len = (size_t)got;
    acknowledged++;
    return (uint16_t)(response[got - 2] << 8 | response[got - 1]);
}

#define SEND(...) send((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Two ports in a row that nobody uses: the daemon listens at both. */
static void choose_port(void) {
    struct vpcd_client first;
    struct vpcd_client second;
    for (int i = 0; i < 100; i++) {
        vpcd_client_init(&first);
        vpcd_client_init(&second);
        int low = vpcd_client_listen(&first, 0);
        int high = low > 0 && low < 65535 ? vpcd_client_listen(&second, (uint16_t)(low + 1)) : -1;
        vpcd_client_close(&first);
        vpcd_client_close(&second);
        if (high > 0) {
            port = (uint16_t)low;
            return;
        }
    }
    die("no two free ports in a row");
}

static bool has_ended(pid_t pid) {
    siginfo_t ended = {0};
    return waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0;
}

/* Waits for the card of the daemon `pid`, as long as that lives. */
static bool connect_card(pid_t pid) {
    uint8_t atr[64];
    bool there = false;
    vpcd_client_init(&client);
    for (int tries_left = 100; tries_left != 0 && !there && !has_ended(pid); tries_left--) {
        client.timeout_ms = 50;
        there = vpcd_client_connect(&client, port) == 0;
    }
    client.timeout_ms = 5000;
    return there && vpcd_client_control(&client, 0x01) == 0 &&
           vpcd_client_atr(&client, atr, sizeof atr) > 0 && !has_ended(pid);
}

static uint32_t number_at(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void must_be(const char *what, unsigned number, uint32_t is, struct expected *e) {
    if (is != e->low && is != e->high && (is < e->low || is > e->high)) {
        lost(what, number, is, e);
    }
    e->low = e->high = is;
}

static bool login(void) {
    tries.high = TRIES;
    uint16_t sw = SEND(0x00, 0x20, 0x00, 0x81, 6, '6', '4', '8', '2', '1', '9');
    if (sw == 0x9000) {
        tries.low = tries.high = TRIES;
    } else if (sw != 0) {
        die("login refused");
    } else if (tries.low > 0) {
        tries.low--; /* the try may be taken and not given back yet */
    }
    return sw == 0x9000;
}

/* Compares the card with what it must hold. False when the daemon was killed meanwhile. */
static bool check(void) {
    uint16_t sw = SEND(0x00, 0x20, 0x00, 0x81);
    if (sw == 0) {
        return false;
    }
    if ((sw & 0xFFF0) != 0x63C0) {
        die("PIN status");
    }
    must_be("PIN tries", 0, sw & 0xFu, &tries);
    if (!login()) {
        return false;
    }
    for (uint8_t i = 0; i < FILES; i++) {
        sw = SEND(0x00, 0xB1, 0xCF, i, 4, 0x54, 2, 0, 0, 0);
        if (sw == 0) {
            return false;
        }
        bool exists = sw == 0x9000 && response_len >= 6;
        uint32_t is = exists ? number_at(response) : 0;
        /* A file holds the number it was written with, over and over: all of one write or nothing. */
        for (size_t at = 0; exists && at + 4 <= response_len - 2; at += 4) {
            if (number_at(response + at) != is) {
                lost("a torn write in file", i, number_at(response + at), &files[i]);
            }
        }
        if (is != files[i].low && is != files[i].high) {
            lost("file", i, is, &files[i]);
        }
        files[i].low = files[i].high = is;
    }
    sw = SEND(0x00, 0xA4, 0x00, 0x00, 2, 0xCC, 0x01, 0x00);
    if (sw != 0x9000) {
        if (sw == 0) {
            return false;
        }
        die("the key is gone");
    }
    uint8_t *tag = memmem(response, response_len, "\x90\x04", 2);
    if (tag == NULL) {
        die("the key's use counter is gone");
    }
    must_be("use counter", 1, number_at(tag + 2), &uses);
    return true;
}

static bool write_file(void) {
    uint8_t i = (uint8_t)random_below(FILES);
    uint32_t value = next_value++;
    uint8_t numbers = (uint8_t)(1 + random_below(50));
    uint8_t command[256] = {0x00, 0xD7, 0xCF, i, (uint8_t)(7 + 4 * numbers), 0x54, 2, 0, 0, 0x53, 0x81};
    size_t len = 5;
    uint8_t *p = command + 9;
    *p++ = 0x53;
    *p++ = 0x81;
    *p++ = (uint8_t)(4 * numbers);
    for (unsigned n = 0; n < numbers; n++) {
        *p++ = (uint8_t)(value >> 24);
        *p++ = (uint8_t)(value >> 16);
        *p++ = (uint8_t)(value >> 8);
        *p++ = (uint8_t)value;
    }
    len = (size_t)(p - command);
    files[i].high = value;
    uint16_t sw = send(command, len);
    if (sw == 0x9000) {
        files[i].low = value;
    } else if (sw != 0) {
        die("write refused");
    }
    return sw == 0x9000;
}

static bool wrong_pin(void) {
    if (tries.low < 2) {
        return login();
    }
    tries.low--;
    uint16_t sw = SEND(0x00, 0x20, 0x00, 0x81, 6, '0', '0', '0', '0', '0', '0');
    if (sw == 0) {
        return false;
    }
    tries.high = tries.low;
    return login();
}

static bool sign(void) {
    uint8_t command[5 + 32 + 1] = {0x80, 0x68, 0x01, 0x70, 32};
    uses.low--;
    uint16_t sw = send(command, sizeof command);
    if (sw == 0x9000) {
        uses.high = uses.low;
    } else if (sw != 0) {
        die("signature refused");
    }
    return sw == 0x9000;
}

static bool work(void) {
    switch (random_below(6)) {
    case 0:
        return wrong_pin();
    case 1:
        return sign();
    default:
        return write_file();
    }
}

static const uint8_t generate[] = {
    0x00, 0x46, 0x01, 0x00, 0x00, 0x00, 0xF9, 0x5F, 0x29, 0x01, 0x00, 0x7F, 0x49, 0x81, 0xDA, 0x06,
    0x0A, 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03, 0x81, 0x20, 0xFF, 0xFF, 0xFF,
    0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x82, 0x20, 0xFF,
    0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC, 0x83,
    0x20, 0x5A, 0xC6, 0x35, 0xD8, 0xAA, 0x3A, 0x93, 0xE7, 0xB3, 0xEB, 0xBD, 0x55, 0x76, 0x98, 0x86,
    0xBC, 0x65, 0x1D, 0x06, 0xB0, 0xCC, 0x53, 0xB0, 0xF6, 0x3B, 0xCE, 0x3C, 0x3E, 0x27, 0xD2, 0x60,
    0x4B, 0x84, 0x41, 0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5,
    0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45,
    0xD8, 0x98, 0xC2, 0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A,
    0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68,
    0x37, 0xBF, 0x51, 0xF5, 0x85, 0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9,
    0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51, 0x87, 0x01, 0x01, 0x5F, 0x20, 0x0C, 0x55, 0x54, 0x43, 0x55,
    0x54, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x31, 0x90, 0x04, 0x00, 0x0F, 0x42, 0x40, 0x00, 0x00};

static void set_up(void) {
    pid_t pid = start(NULL, 0);
    if (!connect_card(pid) ||
        SEND(0x80, 0x50, 0, 0, 0x19, 0x80, 2, 0, 1, 0x81, 6, '6', '4', '8', '2', '1', '9', 0x82, 8, '5', '7',
             '6', '2', '1', '8', '8', '0', 0x91, 1, TRIES) != 0x9000 ||
        !login() || send(generate, sizeof generate) != 0x9000) {
        die("set-up of the card");
    }
    vpcd_client_close(&client);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fputs("usage: kill_storm DAEMON CARD KILLS SEED [SHIM]\n", stderr);
        return 2;
    }
    daemon_path = argv[1];
    card_path = argv[2];
    unsigned kills = (unsigned)atoi(argv[3]);
    random_state = strtoull(argv[4], NULL, 10);
    const char *shim = argc > 5 ? argv[5] : NULL;
    unsigned chosen = 0;
    signal(SIGPIPE, SIG_IGN);
    printf("seed %s\n", argv[4]);
    choose_port();
    set_up();
    for (kill_number = 1; kill_number <= kills; kill_number++) {
        bool at_call = shim != NULL && kill_number % 2 == 0;
        chosen = at_call ? chosen % 150 + 1 : chosen;
        pid_t pid = start(shim, at_call ? chosen : 0);
        bool alive = connect_card(pid) && check();
        if (!alive && !at_call) {
            die("the card does not come back");
        }
        unsigned commands = at_call ? 200 : random_below(60);
        while (alive && commands-- != 0 && work()) {
        }
        if (!at_call) {
            /* In the middle of a command: it is sent, its answer not waited for. */
            uint8_t i = (uint8_t)random_below(FILES);
            uint32_t v = next_value++;
            const uint8_t last[] = {0x00,
                                    0xD7,
                                    0xCF,
                                    i,
                                    10,
                                    0x54,
                                    2,
                                    0,
                                    0,
                                    0x53,
                                    4,
                                    (uint8_t)(v >> 24),
                                    (uint8_t)(v >> 16),
                                    (uint8_t)(v >> 8),
                                    (uint8_t)v};
            files[i].high = v;
            vpcd_client_send(&client, last, sizeof last);
            struct timespec pause = {0, (long)random_below(3000000)};
            nanosleep(&pause, NULL);
            kill(pid, SIGKILL);
        }
        vpcd_client_close(&client);
        if (at_call) {
            kill(pid, SIGKILL);
        }
        waitpid(pid, NULL, 0);
    }
    pid_t pid = start(NULL, 0);
    if (!connect_card(pid) || !check()) {
        die("the card does not come back");
    }
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    printf("%u kills, %u answers received, nothing acknowledged was lost\n", kills, acknowledged);
    return 0;
}
