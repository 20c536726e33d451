/* channel: many streams over one port to the host, in frames: type, stream, length, payload (docs/decisions/0015-*.md).
 * The host is believed, and yet no byte of it leads out of a buffer: what is malformed ends all streams, and the reader
 * looks for the next HELLO. Nothing here waits: a program or a host that does not read stops its own stream alone. */
#include "guest.h"
#include <arpa/inet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { HELLO = 1, OPEN, DATA, END, RESET, CREDIT };
enum { PORT = 3, HEADER = 9, HELLO_BYTES = 25, FRAME_LIMIT = 65536, PART = 16384, MAX_STREAMS = 256, VERSION = 1 };

/* A HELLO's first bytes: no other frame begins so, and the reader finds its place again by them. */
static const unsigned char START[] = { HELLO, 0, 0, 0, 0, 0, 0, 0, HELLO_BYTES, 0xf1, 's', 'k', 'e', 'r', 'r', 'y', 0xf2 };

static struct stream streams[MAX_STREAMS];
/* One byte more than a frame, for a string's end. */
static unsigned char in[HEADER + FRAME_LIMIT + 1], out[1 << 19], ours[8], theirs[8];
static size_t in_bytes, out_start, out_bytes;
static bool in_place, linked;

static uint32_t number_at(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return ntohl(value);
}

struct stream *find_stream(uint32_t id) {
    for (struct stream *at = streams; at < streams + MAX_STREAMS; at++)
        if (at->id == id)
            return at;
    return NULL;
}

static void close_end(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* It has ended and nobody waits for it: what is still to be read from it ends where nothing more is there. */
void forget_process(const struct process *process) {
    static struct process gone = { .ended = true };
    for (struct stream *at = streams; at < streams + MAX_STREAMS; at++)
        if (at->of == process)
            at->of = &gone;
}

static void drop(struct stream *stream) {
    struct process *process = stream->stands ? stream->of : NULL;
    close_end(&stream->from);
    close_end(&stream->to);
    free(stream->held);
    *stream = (struct stream){ .from = -1, .to = -1 };
    if (process != NULL)
        leave_process(process);
}

static void lose_place(void) {
    in_place = linked = false;
    for (struct stream *at = streams; at < streams + MAX_STREAMS; at++)
        if (at->id != 0)
            drop(at);
}

/* What programs say is read only while half of the buffer is free: the rest is for frames that are answers. */
static void put(unsigned char type, uint32_t id, const void *payload, size_t length) {
    uint32_t numbers[2] = { htonl(id), htonl((uint32_t)length) };
    if (out_start + out_bytes + HEADER + length > sizeof out) {
        memmove(out, out + out_start, out_bytes);
        out_start = 0;
    }
    if (out_bytes + HEADER + length > sizeof out) {
        lose_place(); /* a host that asks and never reads */
        return;
    }
    unsigned char *at = out + out_start + out_bytes;
    *at = type;
    memcpy(at + 1, numbers, sizeof numbers);
    memcpy(at + HEADER, payload, length);
    out_bytes += HEADER + length;
}

static void greet(void) {
    unsigned char words[HELLO_BYTES];
    memcpy(words, START + HEADER, 8);
    memcpy(words + 8, ours, 8);
    memcpy(words + 16, theirs, 8);
    words[24] = VERSION;
    put(HELLO, 0, words, sizeof words);
}

static void give_credit(struct stream *stream, size_t bytes) {
    uint32_t credit = htonl((uint32_t)bytes);
    put(CREDIT, stream->id, &credit, sizeof credit);
}

/* A stream is over when both have said so. */
static void settle(struct stream *stream) {
    if (stream->id != 0 && stream->from < 0 && !stream->stands && !stream->said_end) {
        stream->said_end = true;
        put(END, stream->id, "", 0);
    }
    if (stream->id != 0 && stream->said_end && stream->ended && stream->held_bytes == 0)
        drop(stream);
}

/* The first credit says to the host that its wish is met. */
void take_up(struct stream *stream, int from, int to) {
    stream->from = from;
    stream->to = to;
    give_credit(stream, WINDOW);
    settle(stream);
}

void turn_down(struct stream *stream, const char *why) {
    uint32_t id = stream->id;
    drop(stream);
    put(RESET, id, why, strlen(why));
}

/* The last words of a stream that stands for a process. */
void say_end(struct stream *stream, const char *words) {
    put(DATA, stream->id, words, strlen(words));
    if (stream->id != 0 && !stream->said_end) {
        stream->said_end = true;
        put(END, stream->id, "", 0);
    }
}

/* Writes what the host has sent, as far as it is taken. */
static void pour(struct stream *stream) {
    while (stream->held_bytes > 0 && stream->to >= 0 && !stream->connecting) {
        ssize_t written = write(stream->to, stream->held + stream->start, stream->held_bytes);
        if (written < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (written < 0) {
            turn_down(stream, strerror(errno));
            return;
        }
        stream->start += (size_t)written;
        stream->held_bytes -= (size_t)written;
        stream->taken += (size_t)written;
    }
    if (stream->ended && stream->held_bytes == 0 && stream->to >= 0 && !stream->connecting) {
        shutdown(stream->to, SHUT_WR);
        close_end(&stream->to);
    }
    if (stream->taken >= WINDOW / 4 && !stream->ended) {
        size_t taken = stream->taken;
        stream->taken = 0;
        give_credit(stream, taken);
    }
    settle(stream);
}

/* Reads for the host what there is. The end of its process is the end of what it said, whoever else could say more. */
static void draw(struct stream *stream) {
    unsigned char part[PART];
    ssize_t length = read(stream->from, part, stream->credit < sizeof part ? stream->credit : sizeof part);
    if (length > 0) {
        stream->credit -= (size_t)length;
        put(DATA, stream->id, part, (size_t)length);
    } else if (length == 0 || (errno != EINTR && (errno != EAGAIN || (stream->of != NULL && stream->of->ended)))) {
        close_end(&stream->from);
        settle(stream);
    }
}

static void take_hello(const unsigned char *words) {
    if (memcmp(words, START + HEADER, sizeof START - HEADER) != 0) {
        lose_place();
        return;
    }
    bool knows_us = memcmp(words + 16, ours, 8) == 0, is_new = memcmp(words + 8, theirs, 8) != 0;
    if (is_new)
        lose_place();
    in_place = true;
    memcpy(theirs, words + 8, 8);
    if (is_new || !knows_us)
        greet();
    linked = knows_us;
}

static void take_open(uint32_t id, unsigned char *label, size_t length) {
    struct stream *stream = find_stream(0);
    if (id % 2 == 0 || find_stream(id) != NULL) {
        lose_place();
        return;
    }
    if (stream == NULL) {
        put(RESET, id, "too many streams", 16);
        return;
    }
    *stream = (struct stream){ .id = id, .from = -1, .to = -1, .credit = WINDOW };
    unsigned char next = label[length];
    label[length] = '\0';
    open_label(stream, (char *)label, length);
    label[length] = next;
}

static void take_data(struct stream *stream, const unsigned char *bytes, size_t length) {
    if (stream->held_bytes + length > WINDOW || stream->ended) {
        lose_place();
        return;
    }
    if (stream->to < 0 || (stream->held == NULL && (stream->held = malloc(WINDOW)) == NULL))
        return;
    if (stream->start + stream->held_bytes + length > WINDOW) {
        memmove(stream->held, stream->held + stream->start, stream->held_bytes);
        stream->start = 0;
    }
    memcpy(stream->held + stream->start + stream->held_bytes, bytes, length);
    stream->held_bytes += length;
    pour(stream);
}

static void take_frame(unsigned char type, uint32_t id, unsigned char *payload, size_t length) {
    struct stream *stream = id == 0 ? NULL : find_stream(id);
    if (type == HELLO)
        take_hello(payload);
    else if (linked && type == OPEN)
        take_open(id, payload, length);
    else if (!linked || stream == NULL)
        return; /* of an earlier host, or to a stream that has just ended */
    else if (type == DATA)
        take_data(stream, payload, length);
    else if (type == CREDIT && length == 4)
        stream->credit = stream->credit + number_at(payload) > WINDOW ? WINDOW : stream->credit + number_at(payload);
    else if (type == RESET || (type == END && stream->stands))
        drop(stream);
    else if (type == END) {
        stream->ended = true;
        pour(stream);
    }
}

static bool is_frame(const unsigned char *frame, size_t length) {
    return frame[0] == HELLO ? memcmp(frame, START, HEADER) == 0 : frame[0] > HELLO && frame[0] <= CREDIT && length <= FRAME_LIMIT;
}

static void take_frames(void) {
    size_t at = 0, length;
    for (;; at += HEADER + length) {
        unsigned char *found = in_place ? in + at : memmem(in + at, in_bytes - at, START, sizeof START);
        size_t behind = in_bytes - at < sizeof START - 1 ? in_bytes - at : sizeof START - 1;
        in_place = found != NULL;
        at = in_place ? (size_t)(found - in) : in_bytes - behind;
        if (!in_place || in_bytes - at < HEADER)
            break;
        length = number_at(in + at + 5);
        if (!is_frame(in + at, length)) {
            lose_place();
            length = (size_t)1 - HEADER; /* one byte on */
            continue;
        }
        if (in_bytes - at < HEADER + length)
            break;
        take_frame(in[at], number_at(in + at + 1), in + at + HEADER, length);
    }
    memmove(in, in + at, in_bytes - at);
    in_bytes -= at;
}

/* @returns false where there is no host at the port's other end */
static bool read_port(void) {
    ssize_t length = read(PORT, in + in_bytes, sizeof in - 1 - in_bytes);
    in_bytes += length > 0 ? (size_t)length : 0;
    take_frames();
    return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

static void write_port(void) {
    ssize_t length = write(PORT, out + out_start, out_bytes);
    out_start += length > 0 ? (size_t)length : 0;
    out_bytes -= length > 0 ? (size_t)length : 0;
}

static void act_on(struct stream *stream, const struct pollfd *from, const struct pollfd *to) {
    int error = 0;
    if (to->revents != 0 && stream->connecting) {
        stream->connecting = false;
        getsockopt(stream->to, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
        if (error == 0)
            take_up(stream, stream->from, stream->to);
        else
            turn_down(stream, strerror(error));
    } else if (to->revents != 0)
        pour(stream);
    bool room = out_bytes < sizeof out / 2; /* others have spoken since poll */
    if (room && from->fd >= 0 && stream->from == from->fd && (from->revents != 0 || (stream->of != NULL && stream->of->ended)))
        draw(stream);
}

/* To the end of what the host has asked for, or, as no machine's first process, to the end of the port. */
int serve_streams(void) {
    struct pollfd all[2 + 2 * MAX_STREAMS], *places[MAX_STREAMS];
    struct signalfd_siginfo ended;
    sigset_t child;
    unsigned first = 0;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    must("guest", "signals", sigprocmask(SIG_BLOCK, &child, NULL));
    signal(SIGPIPE, SIG_IGN);
    all[1] = (struct pollfd){ must("guest", "signals", signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)), POLLIN, 0 };
    must("guest", "channel at 3", fcntl(PORT, F_SETFL, O_NONBLOCK));
    must("guest", "random", getrandom(ours, sizeof ours, GRND_NONBLOCK) < 0 && errno != EAGAIN ? -1 : 0);
    ours[0] |= 1; /* never 0, which is nobody's */
    for (greet(); look_for_ends();) {
        int pause = -1;
        nfds_t count = 2; /* streams that are not there would be looked at each time */
        all[0] = (struct pollfd){ PORT, (short)(POLLIN | (out_bytes > 0 ? POLLOUT : 0)), 0 };
        for (int i = 0; i < MAX_STREAMS; i++) {
            const struct stream *at = streams + i;
            if (at->id == 0)
                continue;
            bool reads = at->credit > 0 && !at->connecting && out_bytes < sizeof out / 2;
            bool writes = at->held_bytes > 0 || at->connecting;
            places[i] = all + count;
            all[count++] = (struct pollfd){ reads ? at->from : -1, POLLIN, 0 };
            all[count++] = (struct pollfd){ writes ? at->to : -1, POLLOUT, 0 };
            pause = reads && at->from >= 0 && at->of != NULL && at->of->ended ? 0 : pause;
        }
        if (poll(all, count, pause) < 0 && errno != EINTR)
            refuse("guest", "poll", strerror(errno));
        first++; /* each is once the first that finds room */
        for (int turn = 0, i = first % MAX_STREAMS; turn < MAX_STREAMS; turn++, i = (first + turn) % MAX_STREAMS)
            if (streams[i].id != 0)
                act_on(streams + i, places[i], places[i] + 1);
        if ((all[0].revents & (POLLIN | POLLHUP)) != 0 && !read_port()) {
            if (getpid() != 1)
                return 0;
            usleep(20000);
        }
        if (out_bytes > 0)
            write_port();
        if (all[1].revents != 0 && read(all[1].fd, &ended, sizeof ended) < 0 && errno != EAGAIN)
            refuse("guest", "signals", strerror(errno));
    }
    return 0;
}
