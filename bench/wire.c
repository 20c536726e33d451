/* wire: both ends of the connections that are measured (network.ts), so that neither is slow by its language.
 *
 *   wire serve ADDRESS PORT                for each connection: a byte that says what for, and then that, until its end
 *   wire down|up ADDRESS PORT MEBIBYTES    one stream; says how many milliseconds it took
 *   wire meet ADDRESS PORT TIMES           one connection after the other, an echo in each; says the median in microseconds
 *   wire hold ADDRESS PORT MANY            all at once, then an echo in each, then `held MANY`; ends with its input
 *   wire rate ADDRESS PORT MANY            each begins 2.5 ms after the one before; says how many, errors, milliseconds
 *   wire knock ADDRESS PORT                says so, tries until one is let through, and says when, in ms since the epoch
 *   wire watch ADDRESS PORT                holds one, says so, and when it ends
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 18, MOST = 4096 };
#define RATE_MS 2.5
static char piece[PIECE];
static struct sockaddr_in to;

static void must(bool done, const char *what) {
    if (done) return;
    perror(what);
    exit(1);
}

static double milliseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int reach(void) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

/* A byte there and back: only then is a connection made all the way, and not by whoever stands between. */
static bool echoes(int fd) {
    return send(fd, "e", 1, MSG_NOSIGNAL) == 1 && recv(fd, piece, 1, 0) == 1;
}

static void end_at_once(int fd) {
    struct linger none = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
}

/* Each stream has a process of its own; what only echoes is done by this one. */
static void serve(void) {
    int on = 1, waits = epoll_create1(EPOLL_CLOEXEC), door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(bind(door, (struct sockaddr *)&to, sizeof to) == 0 && listen(door, MOST) == 0, "listen");
    struct epoll_event event = { .events = EPOLLIN, .data.fd = door };
    must(epoll_ctl(waits, EPOLL_CTL_ADD, door, &event) == 0, "epoll");
    signal(SIGCHLD, SIG_IGN);
    puts("serves");
    fflush(stdout);
    for (;;) {
        must(epoll_wait(waits, &event, 1, -1) == 1 || errno == EINTR, "epoll");
        int fd = event.data.fd;
        if (fd == door) {
            event.data.fd = accept(door, NULL, NULL);
            setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (event.data.fd >= 0) epoll_ctl(waits, EPOLL_CTL_ADD, event.data.fd, &event);
            continue;
        }
        char what = 0;
        if (recv(fd, &what, 1, 0) == 1 && what == 'e' && send(fd, "e", 1, MSG_NOSIGNAL) == 1) continue;
        if ((what == 'd' || what == 'u') && fork() == 0) {
            while (what == 'd' ? send(fd, piece, PIECE, MSG_NOSIGNAL) > 0 : recv(fd, piece, PIECE, 0) > 0);
            if (what == 'u') send(fd, "e", 1, MSG_NOSIGNAL);
            _exit(0);
        }
        close(fd);
    }
}

static void stream(bool down, long mebibytes) {
    int fd = reach();
    must(fd >= 0 && send(fd, down ? "d" : "u", 1, 0) == 1, "connect");
    double begun = milliseconds(CLOCK_MONOTONIC);
    for (long left = mebibytes << 20; left > 0;) {
        ssize_t some = down ? recv(fd, piece, PIECE, 0) : send(fd, piece, left < PIECE ? (size_t)left : PIECE, 0);
        must(some > 0, "stream");
        left -= some;
    }
    if (!down) must(shutdown(fd, SHUT_WR) == 0 && recv(fd, piece, 1, 0) == 1, "all of it");
    printf("%.3f\n", milliseconds(CLOCK_MONOTONIC) - begun);
    end_at_once(fd);
}

static int by_size(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return difference < 0 ? -1 : difference > 0;
}

static void meet(long times) {
    double *took = calloc((size_t)times, sizeof *took);
    for (long index = 0; index < times; index++) {
        double begun = milliseconds(CLOCK_MONOTONIC);
        int fd = reach();
        must(fd >= 0 && echoes(fd), "connect");
        took[index] = milliseconds(CLOCK_MONOTONIC) - begun;
        end_at_once(fd);
        usleep(2000);
    }
    qsort(took, (size_t)times, sizeof *took, by_size);
    printf("%.1f\n", took[times / 2] * 1000);
}

static void hold(long many) {
    static int held[MOST];
    for (long index = 0; index < many; index++) {
        must((held[index] = reach()) >= 0, "connect");
        /* Not faster than an app may. */
        usleep(3000);
    }
    for (long index = 0; index < many; index++) must(echoes(held[index]), "echo");
    printf("held %ld\n", many);
    fflush(stdout);
    while (read(0, piece, PIECE) > 0);
}

/* By a clock, and not when one has ended: who is slow has many at a time. */
static void rate(long many) {
    static struct pollfd waits[MOST];
    static bool said[MOST];
    long begun = 0, done = 0, failed = 0;
    double first = milliseconds(CLOCK_MONOTONIC);
    while (done + failed < many) {
        if (begun < many && milliseconds(CLOCK_MONOTONIC) - first >= begun * RATE_MS) {
            struct pollfd *one = &waits[begun++];
            one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            must(connect(one->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS, "connect");
            one->events = POLLOUT;
        }
        must(poll(waits, (nfds_t)begun, 1) >= 0, "poll");
        for (long index = 0; index < begun; index++) {
            struct pollfd *one = &waits[index];
            if (one->fd < 0 || one->revents == 0) continue;
            if (!said[index] && send(one->fd, "e", 1, MSG_NOSIGNAL) == 1) {
                said[index] = true;
                one->events = POLLIN;
                continue;
            }
            if (said[index] && recv(one->fd, piece, 1, 0) == 1) done++;
            else failed++;
            end_at_once(one->fd);
            one->fd = -1;
        }
    }
    printf("%ld %ld %.1f\n", done, failed, milliseconds(CLOCK_MONOTONIC) - first);
}

static void knock(void) {
    puts("knocks");
    fflush(stdout);
    for (bool let = false; !let; usleep(500)) {
        int fd = reach();
        let = fd >= 0 && echoes(fd);
        if (fd >= 0) end_at_once(fd);
    }
    printf("%.3f\n", milliseconds(CLOCK_REALTIME));
}

static void watch(void) {
    int fd = reach();
    must(fd >= 0 && echoes(fd), "connect");
    puts("open");
    fflush(stdout);
    while (recv(fd, piece, PIECE, 0) > 0);
    printf("%.3f\n", milliseconds(CLOCK_REALTIME));
}

int main(int count, char **words) {
    const char *mode = count > 1 ? words[1] : "";
    to.sin_family = AF_INET;
    must(count > 3 && inet_pton(AF_INET, words[2], &to.sin_addr) == 1, "wire MODE ADDRESS PORT ...");
    to.sin_port = htons((in_port_t)atoi(words[3]));
    struct rlimit files = { MOST, MOST };
    setrlimit(RLIMIT_NOFILE, &files); /* where this is refused, there are enough or it fails */
    long given = count > 4 ? atol(words[4]) : 0;
    if (strcmp(mode, "serve") == 0) serve();
    else if (strcmp(mode, "down") == 0 || strcmp(mode, "up") == 0) stream(mode[0] == 'd', given);
    else if (strcmp(mode, "meet") == 0) meet(given);
    else if (strcmp(mode, "hold") == 0) hold(given < MOST ? given : MOST);
    else if (strcmp(mode, "rate") == 0) rate(given < MOST ? given : MOST);
    else if (strcmp(mode, "knock") == 0) knock();
    else if (strcmp(mode, "watch") == 0) watch();
    else must(false, "no such mode");
    return 0;
}
