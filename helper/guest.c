/* guest: a machine's control end, as its first process. Does what the host asks for by the label of each stream that it
 * opens: starts the app's words and others beside them, joins their standard streams to streams, connects to the app's
 * servers, sets clock and randomness. All is over when the host has heard of the app's end. */
#include "guest.h"
#include <arpa/inet.h>
#include <linux/random.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_PROCESSES = 32, MAX_WORDS = 8192, SEED_BYTES = 64, APP_WITHIN_MS = 30000 };
/* The id of a process that runs on though its stream is over: even, as no stream of the host's is. */
static const uint32_t LEFT = UINT32_MAX - 1;

static const struct option OPTIONS[] = {
    { "--status", 1, false }, { "--uid", 1, false }, { "--gid", 1, false }, { NULL, 0, false },
};

static struct process processes[MAX_PROCESSES];
static char **app_words, numbers[2][24];
static struct process *app;
static struct user owner;
static bool over;

/* Of the app's first process, from what bubblewrap has written; 0 before it stands. */
static pid_t app_child(void) {
    char text[4096], *at;
    if (given("--status") == NULL || read_text(given("--status")[0], text, sizeof text) <= 0)
        return 0;
    at = strstr(text, "\"child-pid\": ");
    return at == NULL ? 0 : (pid_t)strtol(at + 13, NULL, 10);
}

static struct process *find_process(uint32_t id) {
    for (struct process *at = processes; at < processes + MAX_PROCESSES; at++)
        if (at->id == id)
            return at;
    return NULL;
}

/* In the child: a session of its own, and signals as a program expects them. Only words[0] is looked at. */
static _Noreturn void become(const int *streams, bool terminal, char **words) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    for (int i = 0; i < 3; i++) {
        must("guest", "streams", dup2(streams[i], i));
        if (terminal && isatty(i))
            terminal = ioctl(i, TIOCSCTTY, 0) != 0;
    }
    for (char **word = words; *word != NULL; word++) {
        pid_t child = strcmp(*word, "{child}") == 0 || strcmp(*word, "{ticks}") == 0 ? app_child() : -1;
        for (int waited = 0; child == 0 && waited < APP_WITHIN_MS; waited += 50, child = app_child())
            usleep(50000);
        refuse_if(child == 0, "guest", words[0], "the app does not run yet");
        if (child > 0) {
            snprintf(numbers[0], sizeof *numbers, "%d", (int)child);
            snprintf(numbers[1], sizeof *numbers, "%lu", start_ticks("guest", child));
            *word = numbers[(*word)[1] == 't'];
        }
    }
    execv(words[0], words);
    refuse("guest", words[0], strerror(errno));
}

/* The three ends of a program's streams: `t` is the terminal, `p` a pipe, `n` nothing. Answers false where one is not to be had. */
static bool open_streams(struct process *process, const char *modes, struct winsize size, int *theirs) {
    int pipes[2], peer = -1;
    for (int i = 0; i < 3; i++) {
        if (modes[i] == 't' && process->terminal < 0) {
            process->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
            if (process->terminal < 0 || unlockpt(process->terminal) != 0 || ioctl(process->terminal, TIOCSWINSZ, &size) != 0)
                return false;
            peer = ioctl(process->terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        }
        theirs[i] = modes[i] == 't' ? peer : -1;
        if (modes[i] == 'p') {
            if (pipe2(pipes, O_CLOEXEC) != 0)
                return false;
            theirs[i] = pipes[i > 0];
            process->ends[i] = pipes[i == 0];
            fcntl(process->ends[i], F_SETFL, O_NONBLOCK);
        } else if (modes[i] == 'n')
            theirs[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        /* So that the app can open its own streams anew, by /dev/stdout and its like. */
        if (theirs[i] < 0 || (owner.uid != 0 && modes[i] != 'n' && fchown(theirs[i], owner.uid, owner.gid) != 0))
            return false;
    }
    return true;
}

static struct process *start(struct stream *stream, const char *modes, struct winsize size, char **words) {
    struct process *process = find_process(0);
    int theirs[3] = { -1, -1, -1 };
    if (process == NULL) {
        turn_down(stream, "too many programs");
        return NULL;
    }
    *process = (struct process){ .id = stream->id, .ends = { -1, -1, -1 }, .terminal = -1 };
    bool opened = open_streams(process, modes, size, theirs);
    process->pid = opened ? fork() : -1;
    if (process->pid == 0)
        become(theirs, process->terminal >= 0, words);
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0 && (i == 0 || theirs[i] != theirs[i - 1]))
            close(theirs[i]);
    if (process->pid < 0) {
        process->ended = true;
        leave_process(process);
        turn_down(stream, strerror(errno));
        return NULL;
    }
    stream->of = process;
    stream->stands = true;
    take_up(stream, -1, -1);
    return process;
}

/* The host has no more interest in it: what still runs gets what a program gets whose terminal has gone. */
void leave_process(struct process *process) {
    /* It may not have come to a session of its own yet. */
    if (!process->ended && kill(-process->pid, SIGHUP) != 0)
        kill(process->pid, SIGHUP);
    if (process->ended)
        forget_process(process);
    for (int i = 0; i < 3; i++)
        if (process->ends[i] >= 0)
            close(process->ends[i]);
    if (process->terminal >= 0)
        close(process->terminal);
    over |= process == app && process->ended;
    *process = (struct process){ .id = process->ended ? 0 : LEFT, .pid = process->pid, .ends = { -1, -1, -1 }, .terminal = -1 };
}

bool look_for_ends(void) {
    char words[32];
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (struct process *at = processes; at < processes + MAX_PROCESSES; at++)
            if (at->id != 0 && at->pid == pid && !at->ended) {
                struct stream *stream = find_stream(at->id);
                at->ended = true;
                at->code = code_of(status);
                snprintf(words, sizeof words, "exit %d\n", at->code);
                if (stream != NULL)
                    say_end(stream, words);
                else
                    leave_process(at);
            }
    if (over && getpid() == 1)
        must("guest", "power off", reboot(RB_POWER_OFF));
    return !over;
}

/* One of a program's streams becomes that of the host's. */
static void join(struct stream *stream, struct process *process, const char *name) {
    bool is_terminal = strcmp(name, "tty") == 0;
    int which = strcmp(name, "in") == 0 ? 0 : strcmp(name, "out") == 0 ? 1 : strcmp(name, "err") == 0 ? 2 : -1;
    int fd = which >= 0 ? process->ends[which] : -1;
    if (which >= 0)
        process->ends[which] = -1;
    if (fd < 0 && (is_terminal || which == 0) && process->terminal >= 0)
        fd = fcntl(process->terminal, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        turn_down(stream, "no such stream, or it is taken");
        return;
    }
    stream->of = process;
    take_up(stream, which == 0 ? -1 : fd, which == 0 ? fd : -1);
}

/* A signal of the terminal's is typed where there is one: then it is for all in front of it, and said to come from there. */
static const char *send_signal(struct process *process, unsigned signal) {
    char key = signal == SIGINT ? 3 : signal == SIGQUIT ? 28 : 0;
    if (key != 0 && process->terminal >= 0)
        return write(process->terminal, &key, 1) == 1 ? NULL : strerror(errno);
    return process->ended || kill(process->pid, (int)signal) == 0 ? NULL : strerror(errno);
}

/* In the app's own network, which may be ours. */
static void dial(struct stream *stream, const char *address, unsigned port) {
    union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } to = { .six = { 0 } };
    to.any.sa_family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
    to.four.sin_port = htons((in_port_t)port); /* both have it in the same place */
    void *place = to.any.sa_family == AF_INET ? (void *)&to.four.sin_addr : (void *)&to.six.sin6_addr;
    pid_t child = app_child();
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = child == 0 ? -1 : open(proc_path(child, "ns/net"), O_RDONLY | O_CLOEXEC), fd = -1;
    if (there >= 0 && setns(there, CLONE_NEWNET) == 0) {
        fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        must("guest", "our own network", setns(here, CLONE_NEWNET));
    }
    close(here);
    if (there >= 0)
        close(there);
    if (fd < 0 || inet_pton(to.any.sa_family, address, place) != 1 || port == 0 || port > 65535)
        turn_down(stream, fd < 0 ? "the app has no network" : "not an address and a port");
    else if (connect(fd, &to.any, sizeof to) != 0 && errno != EINPROGRESS)
        turn_down(stream, strerror(errno));
    else {
        stream->connecting = true;
        stream->from = fd;
        stream->to = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        return;
    }
    if (fd >= 0)
        close(fd);
}

/* Counted as randomness in full, for it is the host's; what the kernel has given out before is worth nothing after it. */
static const char *add_seed(const char *hex) {
    struct { struct rand_pool_info info; unsigned char bytes[SEED_BYTES]; } seed = { { SEED_BYTES * 8, SEED_BYTES }, { 0 } };
    if (strlen(hex) != 2 * SEED_BYTES || strspn(hex, "0123456789abcdefABCDEF") != 2 * SEED_BYTES)
        return "not a seed";
    for (int i = 0; i < SEED_BYTES; i++)
        sscanf(hex + 2 * i, "%2hhx", &seed.bytes[i]);
    int fd = open("/dev/random", O_RDWR | O_CLOEXEC);
    bool done = ioctl(fd, RNDADDENTROPY, &seed) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
    close(fd);
    return done ? NULL : strerror(errno);
}

void open_label(struct stream *stream, char *label, size_t length) {
    char modes[4] = "", name[4] = "", address[64] = "", *words[MAX_WORDS + 1] = { NULL };
    const char *why = "not understood";
    unsigned id = 0, one = 0, two = 0;
    long long seconds;
    struct winsize size = { 0 };
    bool is_app = strncmp(label, "main ", 5) == 0;
    if (sscanf(label, is_app ? "main %3[tpn] %hu %hu" : "exec %3[tpn] %hu %hu", modes, &size.ws_row, &size.ws_col) == 3) {
        size_t count = 0;
        char *at = label + strlen(label) + 1;
        for (; at < label + length && count < MAX_WORDS; at += strlen(at) + 1)
            words[count++] = at;
        if (at < label + length)
            why = "too many words";
        else if (strlen(modes) == 3 && (is_app ? app == NULL : count > 0)) {
            struct process *started = start(stream, modes, size, is_app ? app_words : words);
            app = is_app ? started : app;
            return;
        }
    } else if (sscanf(label, "dial %63s %u", address, &one) == 2) {
        dial(stream, address, one);
        return;
    } else if (sscanf(label, "signal %u %u", &id, &one) == 2)
        why = find_process(id) == NULL || id == 0 ? "no such program" : send_signal(find_process(id), one);
    else if (sscanf(label, "size %u %u %u", &id, &one, &two) == 3) {
        size = (struct winsize){ .ws_row = (unsigned short)one, .ws_col = (unsigned short)two };
        why = find_process(id) == NULL || id == 0 || ioctl(find_process(id)->terminal, TIOCSWINSZ, &size) != 0 ? "no such terminal" : NULL;
    } else if (sscanf(label, "%3[a-z] %u", name, &id) == 2 && id != 0 && find_process(id) != NULL) {
        join(stream, find_process(id), name);
        return;
    } else if (sscanf(label, "clock %lld", &seconds) == 1)
        why = clock_settime(CLOCK_REALTIME, &(struct timespec){ .tv_sec = seconds }) == 0 ? NULL : strerror(errno);
    else if (strncmp(label, "seed ", 5) == 0)
        why = add_seed(label + 5);
    else if (strcmp(label, "ping") == 0)
        why = NULL;
    if (why == NULL)
        take_up(stream, -1, -1);
    else
        turn_down(stream, why);
}

/* Becomes the control end by words that lie in a file, each closed by a zero byte. A shell would take longer to read them. */
int begin(const char *path) {
    static char text[1 << 21], *words[2 * MAX_WORDS + 1];
    ssize_t length = read_text(path, text, sizeof text);
    size_t count = 0;
    refuse_if(length <= 0 || length == sizeof text - 1 || text[length - 1] != '\0', "guest", path, "holds no words that end");
    for (char *at = text; at < text + length; at += strlen(at) + 1) {
        refuse_if(count == 2 * MAX_WORDS, "guest", path, "too many words");
        words[count++] = at;
    }
    must("guest", "/", chdir("/"));
    return guest_main(words);
}

int begin_main(char **words) {
    refuse_if(words[0] == NULL || words[1] != NULL, "guest", "usage", "skerry-helper begin FILE");
    return begin(words[0]);
}

int guest_main(char **words) {
    app_words = read_options("guest", OPTIONS, words);
    owner = (struct user){ (uid_t)given_number("--uid", 0, 0xfffffffe), (gid_t)given_number("--gid", 0, 0xfffffffe) };
    return serve_streams();
}
