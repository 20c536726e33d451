/* attach: our own terminal and streams to one more program in a virtual machine, by the socket of the machine's monitor;
 * the same as src/host/channel/attach-to.ts, where the labels stand as well. Each stream is a connection.
 * The monitor and the machine are as little believed as there: what they say is passed on, or is one of two short lines. */
#include "helper.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

/* A machine that begins answers when it is up, for which its monitor waits as long (src/host/monitor/machine.ts). */
enum { LABEL_LIMIT = 65000, ANSWERS_WITHIN_MS = 300000, STANDS_WITHIN_MS = 20000, HEARS_WITHIN_MS = 1000, AT_ONCE = 4096 };

/* What comes from one descriptor and goes to another; -1 where that has ended. */
static struct way { int from, to; size_t start, held; char bytes[65536]; } ways[4];

static pid_t machine;
static unsigned long ticks;
static struct termios before;
static bool is_raw;

static _Noreturn void end_with(int code, const char *why) {
    if (is_raw)
        tcsetattr(0, TCSADRAIN, &before);
    for (char line[301], *at = line; why != NULL; why = NULL) {
        snprintf(line, sizeof line, "%s", why);
        for (; *at != '\0'; at++)
            *at = *at < 0x20 || *at >= 0x7f ? '?' : *at;
        dprintf(2, "skerry: %s\n", line);
    }
    exit(code);
}

/* The monitor may have put a link in the socket's place: what is connected to is what was looked at, held by a descriptor.
 * Between the socket's name and its first ear for it, a monitor that begins turns everybody down. */
static int connect_inside(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat about;
    int held, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int waited = 0; waited < STANDS_WITHIN_MS && start_ticks("attach", machine) == ticks; waited += 20, usleep(20000)) {
        if ((held = open(proc_path(machine, "root/run/channel"), O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0)
            continue;
        if (start_ticks("attach", machine) != ticks || fstat(held, &about) != 0 || !S_ISSOCK(about.st_mode))
            break;
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", held);
        int refused = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
        close(held);
        if (refused == 0)
            return fd;
        if (refused != ECONNREFUSED)
            end_with(EXIT_HELPER, strerror(refused));
    }
    end_with(EXIT_HELPER, "the machine has ended");
}

/* Length and label; what it is answered is heard later, so that several can be asked for at once. */
static int ask_for(const char *label, size_t length) {
    uint32_t size = htonl((uint32_t)length);
    int fd = connect_inside();
    if (send(fd, &size, sizeof size, MSG_NOSIGNAL) != sizeof size || send(fd, label, length, MSG_NOSIGNAL) != (ssize_t)length)
        end_with(EXIT_HELPER, "the machine has ended");
    return fd;
}

/* `+` and a number, or `-` and a reason; behind the line's end stands what the stream says. Answers the number. */
static unsigned hear(int fd) {
    char said[300] = "";
    for (size_t length = 0; length < sizeof said - 1 && (length == 0 || said[length - 1] != '\n'); length++) {
        if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, ANSWERS_WITHIN_MS) <= 0)
            end_with(EXIT_HELPER, "the machine does not answer");
        if (read(fd, said + length, 1) != 1)
            end_with(EXIT_HELPER, "the machine has ended");
    }
    said[strcspn(said, "\n")] = '\0';
    char *end = said;
    unsigned long id = said[0] == '+' ? strtoul(said + 1, &end, 10) : 0;
    if (id == 0 || id > UINT32_MAX || *end != '\0' || said[1] < '1' || said[1] > '9')
        end_with(EXIT_HELPER, said[0] == '-' ? said + 1 : said);
    return (unsigned)id;
}

/* Nothing depends on it: what it is about may have ended. */
static void tell(const char *label) {
    int fd = ask_for(label, strlen(label));
    poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, HEARS_WITHIN_MS);
    close(fd);
}

static struct winsize size_of(void) {
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    if (isatty(1))
        ioctl(1, TIOCGWINSZ, &size);
    return size;
}

/* To a terminal in the machine, which makes lines of them; ours then changes nothing. */
static void hand_keys_over(void) {
    struct termios raw;
    is_raw = tcgetattr(0, &before) == 0;
    raw = before;
    cfmakeraw(&raw);
    if (is_raw)
        tcsetattr(0, TCSADRAIN, &raw);
}

/* The command gets what is sent to us, and the size of our window. */
static void pass_signal(int signals, unsigned id) {
    struct signalfd_siginfo got;
    struct winsize size = size_of();
    char label[64];
    if (read(signals, &got, sizeof got) != sizeof got)
        return;
    if (got.ssi_signo == SIGWINCH)
        snprintf(label, sizeof label, "size %u %u %u", id, size.ws_row, size.ws_col);
    else
        snprintf(label, sizeof label, "signal %u %u", id, got.ssi_signo);
    tell(label);
}

/* When who reads it has gone, so has the stream, of which its other end hears. */
static void end_way(struct way *way, bool gone) {
    int socket = way - ways == 0 ? way->to : way->from;
    if (gone)
        close(socket);
    else if (socket == way->to)
        shutdown(socket, SHUT_WR);
    way->from = way->to = -1;
}

/* A pipe that has any room takes so many bytes without making us wait. */
static void move(struct way *way, short readable, short writable) {
    ssize_t moved = 0;
    if (way->held > 0 && writable != 0) {
        moved = write(way->to, way->bytes + way->start, way->held < AT_ONCE ? way->held : AT_ONCE);
        way->start += moved > 0 ? (size_t)moved : 0;
        way->held -= moved > 0 ? (size_t)moved : 0;
        if (moved < 0 && errno != EAGAIN && errno != EINTR)
            end_way(way, true);
    } else if (way->held == 0 && readable != 0) {
        way->start = 0;
        moved = read(way->from, way->bytes, sizeof way->bytes);
        way->held = moved > 0 ? (size_t)moved : 0;
        if (moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR))
            end_way(way, false);
    } else if (way->held == 0 && (writable & (POLLERR | POLLHUP)) != 0)
        end_way(way, true);
}

/* To the end of the command and of what it has said. Answers its exit code. */
static int serve(int control, int signals, unsigned id) {
    char said[64] = "";
    size_t length = 0;
    for (;;) {
        bool open = control >= 0;
        struct pollfd all[10] = { { control, POLLIN, 0 }, { signals, POLLIN, 0 } };
        for (int i = 0; i < 4; i++) {
            all[2 + 2 * i] = (struct pollfd){ ways[i].held == 0 ? ways[i].from : -1, POLLIN, 0 };
            all[3 + 2 * i] = (struct pollfd){ ways[i].to, ways[i].held > 0 ? POLLOUT : 0, 0 };
            open |= i > 0 && ways[i].to >= 0;
        }
        if (!open)
            break;
        if (poll(all, 10, -1) < 0 && errno != EINTR)
            end_with(EXIT_HELPER, strerror(errno));
        for (int i = 0; i < 4; i++)
            if (ways[i].to >= 0)
                move(ways + i, all[2 + 2 * i].revents, all[3 + 2 * i].revents);
        if (all[1].revents != 0)
            pass_signal(signals, id);
        if (all[0].revents != 0) {
            ssize_t heard = read(control, said + length, sizeof said - 1 - length);
            length += heard > 0 ? (size_t)heard : 0;
            if (heard <= 0 || length == sizeof said - 1)
                control = -1;
        }
    }
    size_t digits = strncmp(said, "exit ", 5) == 0 ? strspn(said + 5, "0123456789") : 0;
    return digits > 0 && digits < 4 && strcmp(said + 5 + digits, "\n") == 0 ? atoi(said + 5) : -1;
}

/* kinds: of our standard streams, `t` a terminal, `n` a device with nothing behind it, else to be read and written. */
_Noreturn void attach(const char *pid, const char *start, const char *kinds, char **command) {
    static char label[LABEL_LIMIT + 1], *names[] = { "in", "out", "err", "tty" };
    const char modes[] = { kinds[0] == 't' || kinds[0] == 'n' ? kinds[0] : 'p', kinds[1] == 't' ? 't' : 'p', kinds[2] == 't' ? 't' : 'p', '\0' };
    machine = (pid_t)number("attach", pid, 2, MAX_TASKS);
    ticks = number("attach", start, 1, ~0UL >> 1);
    struct winsize size = size_of();
    size_t length = (size_t)snprintf(label, sizeof label, "exec %s %u %u", modes, size.ws_row, size.ws_col) + 1;
    for (char **word = command; *word != NULL; length += strlen(*word++) + 1) {
        if (length + strlen(*word) + 1 > LABEL_LIMIT)
            end_with(EXIT_HELPER, "the command and its environment are longer than 65,000 bytes");
        strcpy(label + length, *word);
    }
    signal(SIGPIPE, SIG_IGN);
    int control = ask_for(label, length);
    unsigned id = hear(control);
    sigset_t passed;
    sigemptyset(&passed);
    for (const int *at = (const int[]){ SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2, SIGWINCH, 0 }; *at != 0; at++)
        sigaddset(&passed, *at);
    must("attach", "signals", sigprocmask(SIG_BLOCK, &passed, NULL));
    int signals = must("attach", "signals", signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK));
    if (modes[0] == 't')
        hand_keys_over();
    bool wanted[] = { modes[0] != 'n', modes[1] == 'p', modes[2] == 'p', strchr(modes, 't') != NULL };
    for (int i = 0; i < 4; i++) {
        ways[i].from = ways[i].to = -1;
        snprintf(label, sizeof label, "%s %u", names[i], id);
        if (wanted[i])
            *(i == 0 ? &ways[i].to : &ways[i].from) = ask_for(label, strlen(label));
    }
    for (int i = 0; i < 4; i++)
        if (wanted[i]) {
            hear(i == 0 ? ways[i].to : ways[i].from);
            *(i == 0 ? &ways[i].from : &ways[i].to) = i < 3 ? i : modes[1] == 't' ? 1 : modes[2] == 't' ? 2 : 0;
        }
    int code = serve(control, signals, id);
    end_with(code < 0 || code > 255 ? EXIT_HELPER : code, code < 0 || code > 255 ? "the machine has ended" : NULL);
}
