/* limit - the least a server can do: answer the handshake and send(2) one prepared frame to everybody, in C over epoll.
 * What it costs is the kernel's own price of a delivery.
 *
 *   gcc -O2 -Wall -o limit limit.c && limit PORT UPDATES_PER_SECOND   (0: as fast as it goes)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
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

int main(int argc, char **argv) {
    int port = atoi(argv[1]), one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    double rate = argc > 2 ? atof(argv[2]) : 0;
    static int readers[20000];
    int count = 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&to, sizeof to) || listen(listener, 4096)) { perror("listen"); return 1; }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    char buffer[4096], frame[256];
    uint64_t next = now();
    for (;;) {
        int ready = epoll_wait(poll, events, 256, count && !rate ? 0 : 1);
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
        if (!count || (rate && now() < next)) continue;
        next += rate ? (uint64_t)(1e9 / rate) : 0;
        int length = snprintf(frame + 4, 180, "{\"type\":\"update\",\"ts\":%020llu,\"x\":\"", (unsigned long long)now());
        memset(frame + 4 + length, 'x', 180 - length);
        memcpy(frame + 4 + 178, "\"}", 2);
        frame[0] = (char)0x81; frame[1] = 126; frame[2] = 0; frame[3] = (char)180;
        for (int i = 0; i < count; i++) send(readers[i], frame, 184, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}
