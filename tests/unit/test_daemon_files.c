// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

/* The daemon's files: device secret, state directory, readiness. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "emulator/files.h"
#include "emulator/notify.h"
#include "emulator/secret.h"

static char directory[64];
static char message[9000];

static int set_up(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/twinhsm-test-files-XXXXXX");
    assert_non_null(mkdtemp(directory));
    unsetenv("CREDENTIALS_DIRECTORY");
    message[0] = '\0';
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name) {
    static char paths[4][200];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void write_bytes(const char *path, size_t len, mode_t mode) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (size_t i = 0; i < len; i++) {
        fputc((int)i, file);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static struct secret_source locate(const char *card, const char *given) {
    struct secret_source source;

    assert_int_equal(secret_locate(&source, card, given, message, sizeof message), 0);
    return source;
}

static void secret_is_made_once(void **state) {
    struct secret_source source = locate(path_of("card.db"), NULL);
    uint8_t made[HSM_DEVICE_SECRET_LEN];
    uint8_t found[HSM_DEVICE_SECRET_LEN];
    struct stat status;

    (void)state;
    assert_string_equal(source.path, path_of("card.db.secret"));
    assert_false(secret_exists(&source));
    assert_int_equal(secret_create(&source, made, message, sizeof message), 0);
    assert_true(secret_exists(&source));
    assert_int_equal(stat(source.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, HSM_DEVICE_SECRET_LEN);
    assert_int_equal(status.st_nlink, 1); /* nothing left aside */
    assert_int_equal(secret_read(&source, found, message, sizeof message), 0);
    assert_memory_equal(made, found, sizeof made);

    /* Never in place of another. */
    assert_int_equal(secret_create(&source, made, message, sizeof message), -1);
    assert_non_null(strstr(message, source.path));
    assert_int_equal(secret_read(&source, made, message, sizeof message), 0);
    assert_memory_equal(made, found, sizeof made);
}

static void secrets_differ(void **state) {
    struct secret_source a = locate(path_of("a"), NULL);
    struct secret_source b = locate(path_of("b"), NULL);
    uint8_t secret_a[HSM_DEVICE_SECRET_LEN];
    uint8_t secret_b[HSM_DEVICE_SECRET_LEN];

    (void)state;
    assert_int_equal(secret_create(&a, secret_a, message, sizeof message), 0);
    assert_int_equal(secret_create(&b, secret_b, message, sizeof message), 0);
    assert_memory_not_equal(secret_a, secret_b, sizeof secret_a);
}

static void credential_comes_before_the_default(void **state) {
    struct secret_source source;
    uint8_t secret[HSM_DEVICE_SECRET_LEN];

    (void)state;
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    source = locate(path_of("card.db"), NULL);
    assert_string_equal(source.path, path_of("card.db.secret")); /* the service has no such credential */
    write_bytes(path_of("twinhsm-secret"), HSM_DEVICE_SECRET_LEN, 0440); /* systemd's own mode */
    source = locate(path_of("card.db"), NULL);
    assert_string_equal(source.path, path_of("twinhsm-secret"));
    assert_int_equal(secret_read(&source, secret, message, sizeof message), 0);
    source = locate(path_of("card.db"), "/given");
    assert_string_equal(source.path, "/given");
}

static void refuse_secret(const char *path, const char *part) {
    struct secret_source source = locate("card", path);
    uint8_t secret[HSM_DEVICE_SECRET_LEN];

    assert_int_equal(secret_read(&source, secret, message, sizeof message), -1);
    if (strstr(message, part) == NULL || strstr(message, path) == NULL) {
        fail_msg("'%s' lacks '%s'", message, part);
    }
}

static void bad_secrets(void **state) {
    char part[300];

    (void)state;
    write_bytes(path_of("short"), HSM_DEVICE_SECRET_LEN - 1, 0600);
    refuse_secret(path_of("short"), "32 bytes");
    write_bytes(path_of("long"), HSM_DEVICE_SECRET_LEN + 1, 0600);
    refuse_secret(path_of("long"), "32 bytes");
    write_bytes(path_of("empty"), 0, 0600);
    refuse_secret(path_of("empty"), "32 bytes");
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        write_bytes(path_of("open"), HSM_DEVICE_SECRET_LEN, open_modes[i]);
        snprintf(part, sizeof part, "chmod 600 %s", path_of("open"));
        refuse_secret(path_of("open"), part);
    }
    refuse_secret(directory, "not a plain file");
    refuse_secret(path_of("missing"), "No such file");
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    refuse_secret(path_of("pipe"), "not a plain file"); /* and does not wait for a writer */
}

static void secret_needs_a_directory(void **state) {
    struct secret_source source = locate(path_of("none/card"), NULL);
    uint8_t secret[HSM_DEVICE_SECRET_LEN];

    (void)state;
    assert_int_equal(secret_create(&source, secret, message, sizeof message), -1);
    assert_non_null(strstr(message, "mkdir -p"));
}

static void long_paths(void **state) {
    struct secret_source source;
    char path[5000];

    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(secret_locate(&source, path, NULL, message, sizeof message), -1);
    assert_int_equal(secret_locate(&source, "card", path, message, sizeof message), -1);
}

static void state_directories(void **state) {
    char path[FILES_PATH_MAX];
    struct stat status;

    (void)state;
    unsetenv("STATE_DIRECTORY");
    assert_int_equal(files_state_directory(path_of("a/b/c"), path, message, sizeof message), 0);
    assert_string_equal(path, path_of("a/b/c"));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(files_state_directory(path_of("a/b/c"), path, message, sizeof message), 0); /* again */

    setenv("STATE_DIRECTORY", path_of("systemd:other"), 1);
    assert_int_equal(files_state_directory(NULL, path, message, sizeof message), 0);
    assert_string_equal(path, path_of("systemd"));
    unsetenv("STATE_DIRECTORY");

    write_bytes(path_of("file"), 1, 0600);
    assert_int_equal(files_state_directory(path_of("file"), path, message, sizeof message), -1);
    assert_int_equal(files_state_directory(path_of("file/below"), path, message, sizeof message), -1);
    assert_non_null(strstr(message, "--state"));
}

static void user_state_directories(void **state) {
    char path[FILES_PATH_MAX];

    (void)state;
    unsetenv("STATE_DIRECTORY");
    if (geteuid() == 0) {
        /* Root has another place; be a user for a moment. */
        assert_int_equal(chown(directory, 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    setenv("XDG_STATE_HOME", path_of("xdg"), 1);
    assert_int_equal(files_state_directory(NULL, path, message, sizeof message), 0);
    assert_string_equal(path, path_of("xdg/twinhsm"));
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", directory, 1);
    assert_int_equal(files_state_directory(NULL, path, message, sizeof message), 0);
    assert_string_equal(path, path_of(".local/state/twinhsm"));
    if (getuid() == 0) {
        assert_int_equal(seteuid(0), 0);
    }
}

static void directories_of_paths(void **state) {
    static const char *const cases[][2] = {
        {"card", "."}, {"/card", "/"}, {"a/card", "a"}, {"/a/b/card", "/a/b"}};
    char found[FILES_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        files_directory_of(cases[i][0], found);
        assert_string_equal(found, cases[i][1]);
    }
}

/* What the service manager and a waiting script get to see. */
static void readiness(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    static const char *const expected[] = {"STATUS=waiting", "READY=1", "STOPPING=1"};
    static char ready_file[200];

    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("notify"));
    assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);

    /* Something of value under the name of the ready file stays. */
    snprintf(ready_file, sizeof ready_file, "%s", path_of("ready"));
    write_bytes(ready_file, 100, 0600);
    assert_int_equal(notify_open(ready_file, message, sizeof message), -1);
    assert_int_equal(access(ready_file, F_OK), 0);
    write_bytes(ready_file, 6, 0600); /* this is one of an earlier run */
    assert_int_equal(notify_open(ready_file, message, sizeof message), 0);
    assert_int_not_equal(access(ready_file, F_OK), 0);

    notify_status("waiting");
    assert_int_not_equal(access(ready_file, F_OK), 0);
    notify_ready();
    assert_int_equal(access(ready_file, F_OK), 0);
    notify_stopping();
    assert_int_not_equal(access(ready_file, F_OK), 0);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char text[100] = "";

        assert_true(recv(manager, text, sizeof text - 1, 0) > 0);
        assert_string_equal(text, expected[i]);
    }
    close(manager);
    unsetenv("NOTIFY_SOCKET");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(secret_is_made_once), TEST(secrets_differ),           TEST(credential_comes_before_the_default),
        TEST(bad_secrets),         TEST(secret_needs_a_directory), TEST(long_paths),
        TEST(state_directories),   TEST(user_state_directories),   TEST(directories_of_paths),
        TEST(readiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
