/* load - many websocket readers in one lean process: opens N connections, counts the frames they get in a window, and
 * reports the CPU time the server (and this client) spent meanwhile.
 *
 *   gcc -O2 -Wall -o load load.c
 *   load PORT PATH CONNECTIONS SECONDS SERVER_PID [deflate] [start] [wait] [address=N]
 *
 * "deflate" offers permessage-deflate; "start" sends the server SIGUSR1 when everybody is there; "wait" says "open" then
 * and measures after a SIGUSR1 of its own; "address" is the first source address, 127.0.0.N+1. Empty pings are answered.
 *
 * One JSON object on stdout. Latency is taken in one frame of seventeen from "ts" in its first row (or before), either
 * CLOCK_MONOTONIC in ns or the wall clock in ms.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANDSHAKE, OPEN, DEAD };
typedef struct { int fd, state, matched; uint64_t skip; uint8_t head[10]; int have; } conn;

static uint64_t frames, bytes, closed;
static double *latency;
static size_t samples, room = 2000000;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static void cpu(int pid, double *user, double *system) {
    char path[64], line[1024];
    unsigned long u = 0, s = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file)) {
        char *after = strrchr(line, ')');
        if (after) sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s);
    }
    if (file) fclose(file);
    *user = u / (double)sysconf(_SC_CLK_TCK);
    *system = s / (double)sysconf(_SC_CLK_TCK);
}

static long resident(int pid) {
    char path[64];
    long size = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
    if (file) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double wall(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static void stamp(const uint8_t *data, size_t length, double at) {
    const uint8_t *end = data + length, *rows = memmem(data, length, "\"rows\":", 7), *from = rows ? rows : data;
    const uint8_t *found = memmem(from, end - from, "\"ts\":", 5);
    if (!found || found + 25 >= end || samples >= room) return;
    uint64_t told = strtoull((const char *)found + 5, NULL, 10);
    double since = at - told / 1e9; /* told in ns of the machine's own clock, else in ms of the calendar's */
    latency[samples++] = fabs(since) < 60 ? since : wall() - told / 1e3;
}

/* Walk the frames of one read; payloads are skipped, not kept. */
static void walk(conn *c, const uint8_t *data, size_t length, double at) {
    while (length) {
        if (c->skip) {
            size_t step = c->skip < length ? c->skip : length;
            data += step; length -= step; c->skip -= step;
            continue;
        }
        c->head[c->have++] = *data++; length--;
        if (c->have < 2) continue;
        int small = c->head[1] & 127, need = small == 127 ? 10 : small == 126 ? 4 : 2;
        if (c->have < need) continue;
        uint64_t size = small;
        if (small >= 126) { size = 0; for (int i = 2; i < need; i++) size = size << 8 | c->head[i]; }
        if ((c->head[0] & 15) == 1) { frames++; if (frames % 17 == 0) stamp(data, length < size ? length : size, at); }
        if ((c->head[0] & 15) == 8) closed++;
        if ((c->head[0] & 15) == 9) send(c->fd, "\x8a\x80\0\0\0\0", 6, MSG_NOSIGNAL);
        c->skip = size; c->have = 0;
    }
}

static int address;
static volatile sig_atomic_t go;

static void begin_now(int signal) { go = signal; }

static int dial(int port, int number) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + address + number / 15000);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (void *)&from, sizeof from) || connect(fd, (void *)&to, sizeof to)) return -1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int ascending(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return (x > y) - (x < y); }

static void turn(int poll, uint8_t *buffer, size_t size, int *open) {
    struct epoll_event events[512];
    int n = epoll_wait(poll, events, 512, 20);
    double at = now();
    for (int i = 0; i < n; i++) {
        conn *c = events[i].data.ptr;
        ssize_t got = recv(c->fd, buffer, size, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0) { close(c->fd); c->state = DEAD; closed++; continue; }
        bytes += got;
        uint8_t *data = buffer;
        if (c->state == HANDSHAKE) {
            uint8_t *end = memmem(buffer, got, "\r\n\r\n", 4);
            if (!end) continue;
            c->state = OPEN; (*open)++;
            data = end + 4;
        }
        walk(c, data, got - (data - buffer), at);
    }
}

int main(int argc, char **argv) {
    if (argc < 6) { fprintf(stderr, "usage: load PORT PATH CONNECTIONS SECONDS SERVER_PID [deflate] [start] [wait] [address=N]\n"); return 2; }
    int port = atoi(argv[1]), count = atoi(argv[3]), pid = atoi(argv[5]), open = 0, poll = epoll_create1(0);
    int deflate = 0, start = 0, wait = 0;
    for (int i = 6; i < argc; i++) {
        deflate |= !strcmp(argv[i], "deflate"); start |= !strcmp(argv[i], "start"); wait |= !strcmp(argv[i], "wait");
        sscanf(argv[i], "address=%d", &address);
    }
    signal(SIGUSR1, begin_now);
    double seconds = atof(argv[4]), user0, sys0, user1, sys1, started = now();
    conn *all = calloc(count, sizeof *all);
    latency = malloc(room * sizeof *latency);
    size_t size = 1 << 18;
    uint8_t *buffer = malloc(size);
    char request[512];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        argv[2], deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
    long before = resident(pid);
    cpu(pid, &user0, &sys0);
    for (int i = 0; i < count; i++) {
        while (i - open > 100) turn(poll, buffer, size, &open);
        all[i].fd = dial(port, i);
        if (all[i].fd < 0 || write(all[i].fd, request, length) != length) { perror("dial"); return 1; }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    while (open < count && now() - started < 60) turn(poll, buffer, size, &open);
    double opened = now() - started;
    cpu(pid, &user1, &sys1);
    double handshake = (user1 + sys1 - user0 - sys0) / count * 1e6;
    if (start) kill(pid, SIGUSR1);
    if (wait) { printf("open\n"); fflush(stdout); }
    while (wait && !go) turn(poll, buffer, size, &open);
    for (double until = now() + 1; now() < until;) turn(poll, buffer, size, &open);
    frames = bytes = samples = 0;
    struct rusage mine0, mine1;
    getrusage(RUSAGE_SELF, &mine0);
    cpu(pid, &user0, &sys0);
    double begin = now();
    while (now() - begin < seconds) turn(poll, buffer, size, &open);
    double span = now() - begin;
    cpu(pid, &user1, &sys1);
    getrusage(RUSAGE_SELF, &mine1);
    double client = (mine1.ru_utime.tv_sec - mine0.ru_utime.tv_sec) + (mine1.ru_utime.tv_usec - mine0.ru_utime.tv_usec) / 1e6
        + (mine1.ru_stime.tv_sec - mine0.ru_stime.tv_sec) + (mine1.ru_stime.tv_usec - mine0.ru_stime.tv_usec) / 1e6;
    qsort(latency, samples, sizeof *latency, ascending);
    printf("{\"open\":%d,\"closed\":%lu,\"open_s\":%.2f,\"handshake_us\":%.1f,\"frames\":%lu,\"frames_per_s\":%.0f,"
        "\"bytes_per_frame\":%.1f,\"cpu_us\":%.3f,\"user_us\":%.3f,\"server_cores\":%.3f,\"client_cores\":%.3f,"
        "\"kib_per_connection\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
        open, closed, opened, handshake, frames, frames / span, frames ? bytes / (double)frames : 0,
        frames ? (user1 + sys1 - user0 - sys0) / frames * 1e6 : 0, frames ? (user1 - user0) / frames * 1e6 : 0,
        (user1 + sys1 - user0 - sys0) / span, client / span, (resident(pid) - before) / (double)count,
        samples ? latency[samples / 2] * 1e3 : 0, samples ? latency[samples * 99 / 100] * 1e3 : 0);
    return 0;
}
