// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "emulator/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "emulator/log.h"

/* Dialling: see reader.h. */
#define EAGER_MS 2000
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 250
#define CONNECT_TIMEOUT_MS 5000

/* Listening: a host that is silent for this many seconds gives way to another that knocks. A living pcscd
 * asks for the ATR about twice a second. */
#define SILENT_SECONDS 2u

/* More than one host at a time is an exception; the queue only has to hold them until it is their turn. */
#define BACKLOG 8

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int resolve(struct reader *reader, const char *host, uint16_t port, char *message,
                   size_t message_size) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (reader->listening ? AI_PASSIVE : 0),
    };
    struct addrinfo *found = NULL;
    char service[8];
    int error;

    snprintf(reader->name, sizeof reader->name, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
    snprintf(service, sizeof service, "%u", port);
    error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        snprintf(message, message_size, "no address for the host of %s (%s): check the name after --%s",
                 reader->name, gai_strerror(error), reader->listening ? "listen" : "connect");
        return -1;
    }
    memcpy(&reader->address, found->ai_addr, found->ai_addrlen);
    reader->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int prepare(struct reader *reader, bool listening, const char *host, uint16_t port, char *message,
                   size_t message_size) {
    memset(reader, 0, sizeof *reader);
    reader->listening = listening;
    reader->listener = -1;
    reader->connection = -1;
    if (resolve(reader, host, port, message, message_size) != 0) {
        return -1;
    }
    reader->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reader->wake < 0) {
        snprintf(message, message_size, "no file descriptor left (%s): raise the limit with ulimit -n",
                 strerror(errno));
        return -1;
    }
    pthread_mutex_init(&reader->lock, NULL);
    return 0;
}

int reader_dial(struct reader *reader, const char *host, uint16_t port, char *message, size_t message_size) {
    return prepare(reader, false, host, port, message, message_size);
}

static void explain_bind(const struct reader *reader, int error, char *message, size_t message_size) {
    switch (error) {
    case EADDRINUSE:
        snprintf(
            message, message_size,
            "%s is taken: another twinhsmd or another program listens there; stop it, or choose another port "
            "with --listen",
            reader->name);
        break;
    case EACCES:
        snprintf(message, message_size, "not allowed to listen on %s: choose a port above 1023 with --listen",
                 reader->name);
        break;
    case EADDRNOTAVAIL:
        snprintf(message, message_size, "%s is not an address of this machine: use --listen 127.0.0.1:PORT",
                 reader->name);
        break;
    default:
        snprintf(message, message_size, "cannot listen on %s: %s", reader->name, strerror(error));
        break;
    }
}

int reader_listen(struct reader *reader, const char *host, uint16_t port, char *message,
                  size_t message_size) {
    const int on = 1;
    int error;

    if (prepare(reader, true, host, port, message, message_size) != 0) {
        return -1;
    }
    reader->listener =
        socket(reader->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    /* Without it a restart would have to wait for old connections to time out. */
    if (reader->listener >= 0 &&
        setsockopt(reader->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(reader->listener, (const struct sockaddr *)&reader->address, reader->address_len) == 0 &&
        listen(reader->listener, BACKLOG) == 0) {
        return 0;
    }
    error = errno;
    reader_close(reader);
    explain_bind(reader, error, message, message_size);
    return -1;
}

bool reader_is_loopback(const struct reader *reader) {
    if (reader->address.ss_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, &reader->address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127u;
    }
    if (reader->address.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, &reader->address, sizeof v6);
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    return false;
}

static bool is_stopping(struct reader *reader) {
    bool stopping;

    pthread_mutex_lock(&reader->lock);
    stopping = reader->stopping;
    pthread_mutex_unlock(&reader->lock);
    return stopping;
}

/* Waits until `fd` (-1 = none) is ready for `events`, or `timeout_ms` have passed (-1 = no limit), or the
 * reader is stopped. Returns whether `fd` is ready. */
static bool wait_for(struct reader *reader, int fd, short events, int timeout_ms) {
    struct pollfd watched[2] = {{.fd = reader->wake, .events = POLLIN}, {.fd = fd, .events = events}};

    return poll(watched, 2, timeout_ms) > 0 && watched[0].revents == 0 && watched[1].revents != 0;
}

/*
 * On loopback a connect to a port that nobody listens on can meet itself, when the kernel happens to pick
 * that very port as the local one (both ends then open at the same time, RFC 9293, 3.5). pcscd could not bind
 * its port then.
 */
static bool is_connected_to_itself(int fd) {
    struct sockaddr_storage local = {0};
    struct sockaddr_storage remote = {0};
    socklen_t local_len = sizeof local;
    socklen_t remote_len = sizeof remote;

    return getsockname(fd, (struct sockaddr *)&local, &local_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&remote, &remote_len) == 0 && local_len == remote_len &&
           memcmp(&local, &remote, local_len) == 0;
}

/* Returns a connected socket in blocking mode, or -1. */
static int try_connect(struct reader *reader) {
    const int on = 1;
    int error = 0;
    socklen_t error_len = sizeof error;
    int fd = socket(reader->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    int flags;

    if (fd < 0) {
        return -1;
    }
    /* Our attempts must not keep pcscd from binding the port that they happen to come from. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&reader->address, reader->address_len) != 0) {
        if (errno != EINPROGRESS || !wait_for(reader, fd, POLLOUT, CONNECT_TIMEOUT_MS)) {
            close(fd);
            return -1;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0) {
            close(fd);
            return -1;
        }
    }
    if (is_connected_to_itself(fd)) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
        return -1;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool host_is_silent(void *ctx, unsigned count) {
    struct reader *reader = ctx;
    struct pollfd knock = {.fd = reader->listener, .events = POLLIN};

    return count >= SILENT_SECONDS && reader->listener >= 0 && poll(&knock, 1, 0) > 0;
}

static void card_is_taken(void *ctx) {
    struct reader *reader = ctx;

    reader->taken = true;
    if (reader->label != NULL) {
        log_info("%s: in the reader at %s", reader->label, reader->name);
    }
    if (reader->events->taken != NULL) {
        reader->events->taken(reader->events->ctx);
    }
}

/* Makes the connection known to reader_stop. Returns false when that came first. */
static bool publish(struct reader *reader, int fd) {
    bool stopping;

    pthread_mutex_lock(&reader->lock);
    stopping = reader->stopping;
    if (!stopping) {
        reader->connection = fd;
    }
    pthread_mutex_unlock(&reader->lock);
    return !stopping;
}

/* Serves one connection to its end, and closes it. */
static void converse(struct reader *reader, int fd, const struct vpcd_card *card,
                     struct vpcd_buffers *buffers) {
    const struct vpcd_events events = {.ctx = reader, .taken = card_is_taken, .silent = host_is_silent};
    const int on = 1;
    enum vpcd_end end;
    int error;

    reader->taken = false;
    if (!publish(reader, fd)) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (reader->listening) {
        const struct timeval timeout = {.tv_sec = 1};

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
    card->power(card->ctx, VPCD_POWER_OFF);
    end = vpcd_serve(fd, card, &events, buffers);
    error = errno;
    card->power(card->ctx, VPCD_POWER_OFF);

    pthread_mutex_lock(&reader->lock);
    reader->connection = -1;
    pthread_mutex_unlock(&reader->lock);
    close(fd);

    if (reader->taken && reader->label != NULL && !is_stopping(reader)) {
        static const char *const reasons[] = {
            [VPCD_END_CLOSED] = "the reader closed the connection",
            [VPCD_END_TRUNCATED] = "the connection ended in the middle of a message",
            [VPCD_END_ERROR] = "the connection failed",
            [VPCD_END_SILENT] = "the reader fell silent, and another one called",
            [VPCD_END_NO_CARD] = "the card was taken out",
        };

        log_info("%s: out of the reader: %s%s%s; waiting for it at %s", reader->label, reasons[end],
                 end == VPCD_END_ERROR ? ": " : "", end == VPCD_END_ERROR ? strerror(error) : "",
                 reader->name);
    }
}

static void run_dialling(struct reader *reader, const struct vpcd_card *card, struct vpcd_buffers *buffers) {
    int64_t eager_until = now_ms() + EAGER_MS;
    int pause_ms = RETRY_MIN_MS;

    while (!is_stopping(reader)) {
        int fd = try_connect(reader);

        if (fd >= 0) {
            converse(reader, fd, card, buffers);
            /* Only a connection that was used counts: something else may own the port, and hang up each time.
             */
            if (reader->taken) {
                eager_until = now_ms() + EAGER_MS;
                pause_ms = RETRY_MIN_MS;
            }
        }
        if (now_ms() >= eager_until) {
            pause_ms = pause_ms * 2 < RETRY_MAX_MS ? pause_ms * 2 : RETRY_MAX_MS;
        }
        (void)wait_for(reader, -1, 0, pause_ms);
    }
}

static void run_listening(struct reader *reader, const struct vpcd_card *card, struct vpcd_buffers *buffers) {
    while (!is_stopping(reader)) {
        int fd;

        if (!wait_for(reader, reader->listener, POLLIN, -1)) {
            continue;
        }
        fd = accept4(reader->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            converse(reader, fd, card, buffers);
        } else {
            /* Out of descriptors or memory: the caller stays in the queue, do not spin. */
            (void)wait_for(reader, -1, 0, RETRY_MAX_MS);
        }
    }
}

void reader_run(struct reader *reader, const struct vpcd_card *card, const struct vpcd_events *events,
                struct vpcd_buffers *buffers, const char *label) {
    reader->label = label;
    reader->events = events;
    if (reader->listening) {
        run_listening(reader, card, buffers);
    } else {
        run_dialling(reader, card, buffers);
    }
}

static void shut_down(struct reader *reader, int how) {
    pthread_mutex_lock(&reader->lock);
    reader->stopping = true;
    if (reader->connection >= 0) {
        (void)shutdown(reader->connection, how);
    }
    pthread_mutex_unlock(&reader->lock);
    (void)eventfd_write(reader->wake, 1);
}

void reader_stop(struct reader *reader) { shut_down(reader, SHUT_RD); }

void reader_cut(struct reader *reader) { shut_down(reader, SHUT_RDWR); }

void reader_close(struct reader *reader) {
    if (reader->listener >= 0) {
        close(reader->listener);
        reader->listener = -1;
    }
    close(reader->wake);
    pthread_mutex_destroy(&reader->lock);
}
