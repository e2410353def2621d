// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#include "tests/support/vpcd_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 30000
#define RETRY_MS 1

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

void vpcd_client_init(struct vpcd_client *client) {
    *client = (struct vpcd_client){.listener = -1, .fd = -1, .timeout_ms = DEFAULT_TIMEOUT_MS};
}

int vpcd_client_listen(struct vpcd_client *client, uint16_t port) {
    struct sockaddr_in address = loopback(port);
    socklen_t len = sizeof address;
    const int on = 1;

    client->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->listener < 0 || setsockopt(client->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(client->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(client->listener, 1) != 0 ||
        getsockname(client->listener, (struct sockaddr *)&address, &len) != 0) {
        return -1;
    }
    return ntohs(address.sin_port);
}

/* Waits until `fd` can be read. */
static int wait_readable(const struct vpcd_client *client, int fd) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    int result = poll(&watched, 1, client->timeout_ms);

    if (result == 0) {
        errno = ETIMEDOUT;
    }
    return result > 0 ? 0 : -1;
}

static void prepare(struct vpcd_client *client) {
    const int on = 1;

    if (!client->split) {
        (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

int vpcd_client_accept(struct vpcd_client *client) {
    vpcd_client_hang_up(client);
    if (wait_readable(client, client->listener) != 0) {
        return -1;
    }
    client->fd = accept4(client->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client->fd < 0) {
        return -1;
    }
    prepare(client);
    return 0;
}

int vpcd_client_connect(struct vpcd_client *client, uint16_t port) {
    const struct sockaddr_in address = loopback(port);
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    int64_t deadline = now_ms() + client->timeout_ms;

    vpcd_client_hang_up(client);
    for (;;) {
        client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client->fd < 0) {
            return -1;
        }
        if (connect(client->fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            prepare(client);
            return 0;
        }
        vpcd_client_hang_up(client);
        if (now_ms() >= deadline) {
            errno = ETIMEDOUT;
            return -1;
        }
        nanosleep(&pause, NULL);
    }
}

int vpcd_client_send_raw(struct vpcd_client *client, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = send(client->fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0) {
            return -1;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

int vpcd_client_send(struct vpcd_client *client, const uint8_t *payload, size_t len) {
    uint8_t message[2 + VPCD_CLIENT_MESSAGE_MAX];

    if (len > VPCD_CLIENT_MESSAGE_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    message[0] = (uint8_t)(len >> 8);
    message[1] = (uint8_t)len;
    if (client->split) {
        return vpcd_client_send_raw(client, message, 2) == 0 ? vpcd_client_send_raw(client, payload, len)
                                                             : -1;
    }
    if (len > 0) {
        memcpy(message + 2, payload, len);
    }
    return vpcd_client_send_raw(client, message, 2 + len);
}

static int receive_exactly(struct vpcd_client *client, uint8_t *out, size_t len) {
    while (len > 0) {
        ssize_t n;

        if (wait_readable(client, client->fd) != 0) {
            return -1;
        }
        n = recv(client->fd, out, len, 0);
        if (n <= 0) {
            if (n == 0) {
                errno = ECONNRESET;
            }
            return -1;
        }
        out += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t vpcd_client_receive(struct vpcd_client *client, uint8_t *payload, size_t cap) {
    uint8_t header[2];
    size_t len;

    if (receive_exactly(client, header, sizeof header) != 0) {
        return -1;
    }
    len = (size_t)header[0] << 8 | header[1];
    if (len > cap) {
        errno = EMSGSIZE;
        return -1;
    }
    return receive_exactly(client, payload, len) == 0 ? (ssize_t)len : -1;
}

int vpcd_client_control(struct vpcd_client *client, uint8_t control) {
    return vpcd_client_send(client, &control, 1);
}

ssize_t vpcd_client_atr(struct vpcd_client *client, uint8_t *atr, size_t cap) {
    return vpcd_client_control(client, 0x04) == 0 ? vpcd_client_receive(client, atr, cap) : -1;
}

ssize_t vpcd_client_transmit(struct vpcd_client *client, const uint8_t *command, size_t len,
                             uint8_t *response, size_t cap) {
    return vpcd_client_send(client, command, len) == 0 ? vpcd_client_receive(client, response, cap) : -1;
}

void vpcd_client_hang_up(struct vpcd_client *client) {
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
}

void vpcd_client_close(struct vpcd_client *client) {
    vpcd_client_hang_up(client);
    if (client->listener >= 0) {
        close(client->listener);
        client->listener = -1;
    }
}
