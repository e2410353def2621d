// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/*
 * Power cuts under a card: every command that changes the card, on the flash store, cut at every program and
 * erase, with everything the interrupted operation may leave behind, and again at every operation of the
 * recovery that follows.
 *
 * After a cut, remounting must find one of the states between the command's commits (for all but the PIN
 * commands: the one before or the one after), a command that was answered with success must have its last
 * state, a PIN must not have been compared without its try having been taken, and the card must open, log in
 * and take new files.
 *
 * A failure prints an id; TWINHSM_CUT=id runs that case alone. TWINHSM_POWERCUT_LONG=1 cuts every recovery of
 * every case; otherwise that of every fourth.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hsm/hsm.h"
#include "storage/flash.h"
#include "tests/support/card_fixture.h"
#include "tests/support/flash_sim.h"
#include "tests/support/state_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 24u
#define IMAGE_SIZE ((size_t)BLOCKS * NOR_BLOCK_SIZE)

#define LOGIN "00 20 00 81 06 " CARD_PIN
#define INITIALIZE "80 50 00 00 1C 80 02 00 01 81 06 " CARD_PIN " 82 08 " CARD_SO_PIN " 91 01 03 92 01 02"
#define SHARE_1 "80 52 00 00 20 " CARD_DKEK
#define SHARE_2                                                                                              \
    "80 52 00 00 20 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 " \
    "11 11 11"
#define P256                                                                                                 \
    "81 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"                                 \
    "82 20 FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC"                                 \
    "83 20 5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"                                 \
    "84 41 046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                               \
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"                                       \
    "85 20 FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"                                 \
    "87 01 01"
/* 7F49: OID (12) and P256 (208 + 3) */
#define EC_REQUEST "5F29 01 00 7F49 81 DA 06 0A 04007F00070202020203" P256 "5F20 0C 555443555430303030303031"
#define GENERATE(id) "00 46 " id " 00 00 00 F3 " EC_REQUEST " 00 00"
#define GENERATE_COUNTED(id) "00 46 " id " 00 00 00 F9 " EC_REQUEST "90 04 00 00 00 05 00 00"
#define SIGN(id) "80 68 " id " 70 20 " CARD_DKEK " 00"

struct workload {
    const char *name;
    const char *setup[8]; /* after initialising with two shares, logged out */
    const char *command;
    const char *login; /* sent before the command at each case, NULL for none */
    uint16_t sw;       /* of the uncut command */
    unsigned commits;  /* that it makes */
    const char *pin;   /* user PIN that must work afterwards; NULL = CARD_PIN */
    const char *pin2;  /* or this one, where the command changes it */
    bool blank;        /* card was never initialised */
    unsigned ageing;   /* file writes before, so that garbage has to be collected */
};

/* UNWRAP of key 1 to id 05; the blob is made by prepare(). */
#define IMPORT_OF_KEY_1 "import"

#define CHANGED_PIN "39 39 39 39 39 39 39 39"

static const struct workload workloads[] = {
    {.name = "first-initialise", .command = INITIALIZE, .sw = 0x9000, .commits = 1, .blank = true},
    {.name = "initialise-again",
     .setup = {LOGIN, GENERATE("01"), "00 D7 CF 01 09 54 02 00 00 53 03 01 02 03"},
     .command = INITIALIZE,
     .sw = 0x9000,
     .commits = 3},
    {.name = "initialise-wrong-so-pin",
     .setup = {LOGIN, GENERATE("01")},
     .command =
         "80 50 00 00 1C 80 02 00 01 81 06 " CARD_PIN " 82 08 30 30 30 30 30 30 30 30 91 01 03 92 01 01",
     .sw = 0x63CE,
     .commits = 1},
    {.name = "verify-right", .command = LOGIN, .sw = 0x9000, .commits = 2},
    {.name = "verify-wrong", .command = "00 20 00 81 06 30 30 30 30 30 30", .sw = 0x63C2, .commits = 1},
    {.name = "verify-so-pin-wrong",
     .command = "00 20 00 88 08 30 30 30 30 30 30 30 30",
     .sw = 0x63CE,
     .commits = 1},
    {.name = "change-pin",
     .command = "00 24 00 81 0E " CARD_PIN CHANGED_PIN,
     .sw = 0x9000,
     .commits = 3,
     .pin2 = CHANGED_PIN},
    {.name = "change-so-pin",
     .command = "00 24 00 88 10 " CARD_SO_PIN "31 31 31 31 31 31 31 31",
     .sw = 0x9000,
     .commits = 3},
    {.name = "unblock-new-pin",
     .setup = {"00 20 00 81 06 30 30 30 30 30 30"},
     .command = "00 2C 00 81 10 " CARD_SO_PIN CHANGED_PIN,
     .sw = 0x9000,
     .commits = 3,
     .pin2 = CHANGED_PIN},
    {.name = "unblock",
     .setup = {"00 20 00 81 06 30 30 30 30 30 30"},
     .command = "00 2C 01 81 08 " CARD_SO_PIN,
     .sw = 0x9000,
     .commits = 3},
    {.name = "share-1-of-2", .command = SHARE_1, .sw = 0x9000, .commits = 1},
    {.name = "share-2-of-2", .setup = {SHARE_1}, .command = SHARE_2, .sw = 0x9000, .commits = 1},
    {.name = "generate-ec", .login = LOGIN, .command = GENERATE("01"), .sw = 0x9000, .commits = 1},
    {.name = "generate-replacing",
     .setup = {LOGIN, GENERATE("01")},
     .login = LOGIN,
     .command = GENERATE("01"),
     .sw = 0x9000,
     .commits = 1},
    {.name = "generate-aes", .login = LOGIN, .command = "00 48 02 B2", .sw = 0x9000, .commits = 1},
    {.name = "sign-counted",
     .setup = {LOGIN, GENERATE_COUNTED("03")},
     .login = LOGIN,
     .command = SIGN("03"),
     .sw = 0x9000,
     .commits = 1},
    {.name = "delete-key",
     .setup = {LOGIN, GENERATE_COUNTED("03")},
     .login = LOGIN,
     .command = "00 E4 02 00 02 CC 03",
     .sw = 0x9000,
     .commits = 1},
    {.name = "write-file",
     .login = LOGIN,
     .command = "00 D7 CF 01 09 54 02 00 00 53 03 01 02 03",
     .sw = 0x9000,
     .commits = 1},
    {.name = "write-protected-file",
     .login = LOGIN,
     .command = "00 D7 CD 01 09 54 02 00 00 53 03 01 02 03",
     .sw = 0x9000,
     .commits = 1},
    {.name = "patch-file",
     .setup = {LOGIN, "00 D7 CF 01 0C 54 02 00 00 53 06 01 02 03 04 05 06"},
     .login = LOGIN,
     .command = "00 D7 CF 01 08 54 02 00 02 53 02 AA BB",
     .sw = 0x9000,
     .commits = 1},
    {.name = "append-protected-file",
     .setup = {LOGIN, "00 D7 CD 01 0C 54 02 00 00 53 06 01 02 03 04 05 06"},
     .login = LOGIN,
     .command = "00 D7 CD 01 08 54 02 00 06 53 02 AA BB",
     .sw = 0x9000,
     .commits = 1},
    {.name = "delete-file",
     .setup = {LOGIN, "00 D7 CF 01 09 54 02 00 00 53 03 01 02 03"},
     .login = LOGIN,
     .command = "00 E4 02 00 02 CF 01",
     .sw = 0x9000,
     .commits = 1},
    {.name = "unwrap",
     .setup = {SHARE_1, SHARE_2, LOGIN, GENERATE("01")},
     .login = LOGIN,
     .command = IMPORT_OF_KEY_1,
     .sw = 0x9000,
     .commits = 1},
    {.name = "generate-collecting",
     .login = LOGIN,
     .command = GENERATE("01"),
     .sw = 0x9000,
     .commits = 1,
     .ageing = 400},
    {.name = "initialise-collecting",
     .setup = {LOGIN, GENERATE("01")},
     .command = INITIALIZE,
     .sw = 0x9000,
     .commits = 3,
     .ageing = 401},
    {.name = "verify-collecting", .command = LOGIN, .sw = 0x9000, .commits = 2, .ageing = 402},
};

#define WORKLOADS (sizeof workloads / sizeof workloads[0])

/* The rig: one simulated flash, and a platform whose random numbers begin anew with each opening. */
static struct flash_sim *sim;
static struct flash_store flash;
static struct hsm hsm;
static uint64_t random_state;
static uint8_t base_image[IMAGE_SIZE];
static uint8_t cut_image[IMAGE_SIZE];
static uint8_t response[HSM_RESPONSE_MAX];
static size_t response_len;
static unsigned cases_run;
static unsigned recoveries_cut;
static char case_id[64];
static uint8_t import_command[2048];
static size_t import_len;

static int entropy(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(random_state >> 56);
    }
    return 0;
}

static int device_secret(void *ctx, uint8_t out[HSM_DEVICE_SECRET_LEN]) {
    (void)ctx;
    memset(out, 0x42, HSM_DEVICE_SECRET_LEN);
    return 0;
}

static void device_serial(void *ctx, uint8_t out[HSM_DEVICE_SERIAL_LEN]) {
    (void)ctx;
    memcpy(out, "powercut", HSM_DEVICE_SERIAL_LEN);
}

static const struct hsm_platform platform = {
    .entropy = entropy, .device_secret = device_secret, .device_serial = device_serial, .pin_iterations = 1};

static void failed(const char *what) { fail_msg("TWINHSM_CUT=%s: %s", case_id, what); }

static void open_card(struct store *store) {
    random_state = 7;
    if (hsm_open(&hsm, &platform, store) != HSM_OK) {
        failed("the card does not open");
    }
    hsm_power_on(&hsm);
}

static uint16_t send(const char *hex) {
    uint8_t command[2048];
    size_t len;
    if (strcmp(hex, IMPORT_OF_KEY_1) == 0) {
        len = import_len;
        memcpy(command, import_command, len);
    } else {
        len = card_hex(hex, command, sizeof command);
    }
    response_len = hsm_exchange(&hsm, command, len, response, sizeof response);
    return (uint16_t)(response[response_len - 2] << 8 | response[response_len - 1]);
}

static void must(const char *hex) {
    uint16_t sw = send(hex);
    if (sw != 0x9000 && (sw & 0xFFF0) != 0x63C0) {
        fail_msg("%s: set-up command %.20s: %04X", case_id, hex, sw);
    }
}

static void write_file(unsigned number, unsigned len) {
    uint8_t command[600];
    size_t n = card_hex("00 D7 CF 00 00 00 00 54 02 00 00 53 82 00 00", command, sizeof command);
    command[3] = (uint8_t)number;
    command[5] = (uint8_t)((len + 8) >> 8);
    command[6] = (uint8_t)(len + 8);
    command[13] = (uint8_t)(len >> 8);
    command[14] = (uint8_t)len;
    memset(command + n, (int)(number + len), len);
    response_len = hsm_exchange(&hsm, command, n + len, response, sizeof response);
}

static void make_import(void) {
    must("80 72 01 92 00 00 00");
    size_t blob = response_len - 2;
    import_len = card_hex("80 74 05 93 00", import_command, sizeof import_command);
    import_command[import_len++] = (uint8_t)(blob >> 8);
    import_command[import_len++] = (uint8_t)blob;
    memcpy(import_command + import_len, response, blob);
    import_len += blob;
}

/* Makes the state in which the workload's command is sent, after `ageing` file writes. */
static void prepare(const struct workload *w, unsigned ageing) {
    snprintf(case_id, sizeof case_id, "%s", w->name);
    memset(flash_sim_bytes(sim), 0xFF, IMAGE_SIZE);
    flash_sim_heal(sim);
    assert_int_equal(flash_store_format(&flash, flash_sim_device(sim), 99), STORE_OK);
    assert_int_equal(flash_store_mount(&flash, flash_sim_device(sim)), STORE_OK);
    open_card(&flash.base);
    if (!w->blank) {
        must(INITIALIZE);
    }
    for (size_t i = 0; i < sizeof w->setup / sizeof w->setup[0] && w->setup[i] != NULL; i++) {
        must(w->setup[i]);
    }
    if (strcmp(w->command, IMPORT_OF_KEY_1) == 0) {
        make_import();
    }
    if (ageing != 0) {
        must(LOGIN);
        for (unsigned i = 0; i < ageing; i++) {
            write_file(i * 7 % 40, 100 + i * 37 % 400);
        }
    }
    hsm_close(&hsm);
    flash_sim_save(sim, base_image);
}

/* Loads the prepared state, opens the card over a log of states, and logs in. */
static void begin(const struct workload *w, struct state_log *log) {
    flash_sim_load(sim, base_image);
    flash_sim_power_on(sim);
    flash_sim_seed(sim, 5);
    assert_int_equal(flash_store_mount(&flash, flash_sim_device(sim)), STORE_OK);
    state_log_start(log, &flash.base);
    open_card(&log->base);
    if (w->login != NULL && send(w->login) != 0x9000) {
        failed("login before the command");
    }
    state_log_start(log, &flash.base);
}

static bool pin_works(const char *pin) {
    char command[80];
    uint8_t bytes[16];
    snprintf(command, sizeof command, "00 20 00 81 %02X %s", (unsigned)card_hex(pin, bytes, sizeof bytes),
             pin);
    return send(command) == 0x9000;
}

/* What the card must still do, whatever state it is in. */
static void check_alive(const struct workload *w) {
    open_card(&flash.base);
    uint16_t sw = send("00 20 00 81");
    if (sw == 0x6A88) {
        must(INITIALIZE); /* the cut was before the first initialisation took effect */
    }
    bool in = (w->pin2 != NULL && pin_works(w->pin2)) || pin_works(w->pin != NULL ? w->pin : CARD_PIN);
    if (!in) {
        failed("no PIN logs in any more");
    }
    if (send("80 58 00 00 00") != 0x9000 || send("00 D7 CF FE 09 54 02 00 00 53 03 07 08 09") != 0x9000) {
        failed("the card takes no new file");
    }
    if (send("00 B1 CF FE 04 54 02 00 00 00") != 0x9000 || memcmp(response, "\x07\x08\x09", 3) != 0) {
        failed("a file written after the cut does not read back");
    }
    /* Keys named in the enumeration open: those of the set-up sign. */
    uint16_t key = 0xCC00;
    while (store_next(&flash.base, key, &key) == STORE_OK && key <= 0xCCFF) {
        char command[120];
        snprintf(command, sizeof command, (key & 0xFF) == 2 ? "80 78 %02X 18 10" : "80 68 %02X 70 10",
                 key & 0xFFu);
        strcat(command, " 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 00");
        if (send(command) != 0x9000) {
            failed("a key does not work any more");
        }
    }
    hsm_close(&hsm);
}

static bool is_success(uint16_t sw) { return sw == 0x9000; }

/* Which of the allowed states the store is in; fails when in none. */
static unsigned find_state(const struct state_log *allowed) {
    struct state now = state_of(&flash.base);
    for (unsigned i = allowed->count; i-- > 0;) {
        if (state_equal(&now, &allowed->states[i])) {
            return i;
        }
    }
    failed("the state is neither before nor after the command, nor at a commit between");
    return 0;
}

static void check_state(const struct workload *w, const struct state_log *allowed, uint16_t sw) {
    unsigned at = find_state(allowed);
    if (is_success(sw) && at != allowed->count - 1) {
        failed("an acknowledged command is not in the store");
    }
    /* 63Cx and 6983 come from a comparison: its try must have been taken. */
    if (((sw & 0xFFF0) == 0x63C0 || sw == 0x6983) && at == 0) {
        failed("a PIN was compared, and the try is still there");
    }
    (void)w;
}

static void remount(void) {
    flash_sim_power_on(sim);
    if (flash_store_mount(&flash, flash_sim_device(sim)) != STORE_OK) {
        failed("the store does not mount after the cut");
    }
}

/* Cuts the mount that follows the cut, at each of its operations. */
static void cut_recovery(const struct workload *w, const struct state_log *allowed, uint16_t sw, unsigned k,
                         int torn, long only) {
    flash_sim_save(sim, cut_image);
    flash_sim_power_on(sim);
    flash_sim_restart_operations(sim);
    remount();
    uint64_t operations = flash_sim_operations(sim);
    for (uint64_t j = 0; j < operations; j++) {
        if (only >= 0 && (uint64_t)only != j) {
            continue;
        }
        snprintf(case_id, sizeof case_id, "%s:%u:%d:%u", w->name, k, torn, (unsigned)j);
        flash_sim_load(sim, cut_image);
        flash_sim_power_on(sim);
        flash_sim_cut_at(sim, j, (enum flash_sim_torn)torn);
        flash_store_mount(&flash, flash_sim_device(sim));
        remount();
        check_state(w, allowed, sw);
        check_alive(w);
        recoveries_cut++;
    }
}

static void run_case(const struct workload *w, const struct state_log *allowed, unsigned k, int torn,
                     bool recovery, long only) {
    struct state_log log;
    snprintf(case_id, sizeof case_id, "%s:%u:%d", w->name, k, torn);
    begin(w, &log);
    flash_sim_cut_at(sim, k, (enum flash_sim_torn)torn);
    /* The state log would read a store without power: from here on the card sees the store itself. */
    hsm.store = &flash.base;
    uint16_t sw = send(w->command);
    hsm_close(&hsm);
    flash_sim_save(sim, cut_image);
    remount();
    check_state(w, allowed, sw);
    check_alive(w);
    cases_run++;
    if (recovery) {
        flash_sim_load(sim, cut_image);
        cut_recovery(w, allowed, sw, k, torn, only);
    }
}

static void cut_everywhere(void **unused) {
    const struct workload *w = *unused;
    struct state_log allowed;
    char wanted_name[40] = "";
    unsigned wanted_k = 0;
    int wanted_torn = 0;
    long wanted_j = -1;
    const char *only = getenv("TWINHSM_CUT");
    const char *longer = getenv("TWINHSM_POWERCUT_LONG");
    if (only != NULL &&
        (sscanf(only, "%39[^:]:%u:%d:%ld", wanted_name, &wanted_k, &wanted_torn, &wanted_j) < 3 ||
         strcmp(wanted_name, w->name) != 0)) {
        return;
    }
    /* Ages the store until the command itself has to collect garbage. */
    uint64_t operations;
    uint16_t sw;
    unsigned ageing = w->ageing;
    do {
        prepare(w, ageing);
        begin(w, &allowed);
        flash_sim_restart_operations(sim);
        flash_sim_reset_counters(sim);
        sw = send(w->command);
        operations = flash_sim_operations(sim);
        hsm_close(&hsm);
        ageing++;
    } while (w->ageing != 0 && flash_sim_counters(sim).erases == 0 && ageing < w->ageing + 200);
    assert_true(w->ageing == 0 || flash_sim_counters(sim).erases != 0);
    assert_int_equal(sw, w->sw);
    assert_int_equal(allowed.count - 1, w->commits);
    for (unsigned k = 0; k < operations; k++) {
        for (int torn = 0; torn < FLASH_SIM_TORN_KINDS; torn++) {
            if (only == NULL || (k == wanted_k && torn == wanted_torn)) {
                bool recovery = only != NULL || longer != NULL || (k + (unsigned)torn) % 4 == 0;
                run_case(w, &allowed, k, torn, recovery, wanted_j);
            }
        }
    }
    printf("  %s: %u operations\n", w->name, (unsigned)operations);
}

static int set_up_rig(void **state) {
    (void)state;
    sim = flash_sim_new(BLOCKS, 5);
    return 0;
}

static int tear_down_rig(void **state) {
    (void)state;
    flash_sim_free(sim);
    printf("power cuts under the card: %u, of recoveries after them: %u\n", cases_run, recoveries_cut);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[WORKLOADS];
    for (size_t i = 0; i < WORKLOADS; i++) {
        tests[i] = (struct CMUnitTest){.name = workloads[i].name,
                                       .test_func = cut_everywhere,
                                       .initial_state = (void *)(uintptr_t)&workloads[i]};
    }
    return cmocka_run_group_tests_name("power cuts under the card", tests, set_up_rig, tear_down_rig);
}
