/* limit - the least a server can do: answer the handshake and send(2) one prepared frame to everybody, in C over epoll.
 * What it costs is the kernel's own price of a delivery. With WAIT in the environment it begins at SIGUSR1.
 *
 *   gcc -O2 -Wall -o limit limit.c && limit PORT UPDATES_PER_SECOND [BYTES]   (0: as fast as it goes)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

static volatile sig_atomic_t started;
static void start(int number) { started = number; }

int main(int argc, char **argv) {
    int port = atoi(argv[1]), one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    double rate = argc > 2 ? atof(argv[2]) : 0;
    int bytes = argc > 3 ? atoi(argv[3]) : 180; /* 126 to 4000 */
    static int readers[20000];
    int count = 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&to, sizeof to) || listen(listener, 4096)) { perror("listen"); return 1; }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    char buffer[4096], frame[4096];
    uint64_t next = 0;
    signal(SIGUSR1, start);
    started = !getenv("WAIT");
    for (;;) {
        int ready = epoll_wait(poll, events, 256, count && started && !rate ? 0 : 1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            } else if (recv(fd, buffer, sizeof buffer, 0) <= 0) {
                close(fd);
            } else if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0) {
                readers[count++] = fd;
            }
        }
        if (!count || !started || (rate && now() < next)) continue;
        next = (next ? next : now()) + (rate ? (uint64_t)(1e9 / rate) : 0);
        int length = snprintf(frame + 4, bytes, "{\"type\":\"update\",\"ts\":%020llu,\"x\":\"", (unsigned long long)now());
        memset(frame + 4 + length, 'x', bytes - length);
        memcpy(frame + 4 + bytes - 2, "\"}", 2);
        frame[0] = (char)0x81; frame[1] = 126; frame[2] = (char)(bytes >> 8); frame[3] = (char)bytes;
        for (int i = 0; i < count; i++) send(readers[i], frame, bytes + 4, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}
