/* The log keeper: reads to the end, writes within bounds, and never makes the app wait for a disk. */
#include "helper.h"

static char old[4200], *current;
static size_t half, size;
static int out = -1;

/* Follows no link and takes no pipe or device: whoever can write beside the log must not steer root's writes. */
static int open_log(void) {
    struct stat found;
    out = open(current, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (out >= 0 && (fstat(out, &found) != 0 || !S_ISREG(found.st_mode))) {
        close(out);
        out = -1;
        errno = EINVAL;
    }
    size = out < 0 ? 0 : (size_t)found.st_size;
    return out;
}

/* Checked while the caller still listens: a log that cannot be kept stops the start. */
static void prepare(const char *file, const char *bytes) {
    current = (char *)file;
    /* With less, hardly a line would survive a turn; more is no bound any more (64 GiB). */
    half = number("log", bytes, 4096, 1UL << 36) / 2;
    refuse_if(snprintf(old, sizeof old, "%s.1", file) >= (int)sizeof old, "log", file, "path too long");
    must("log", file, open_log());
}

/* Two halves, the old one replaced at each turn. What cannot be written is dropped: a full disk costs text alone. */
static void keep(const char *text, size_t length) {
    for (size_t part; length > 0; text += part, length -= part) {
        part = length < half ? length : half;
        if (out >= 0 && size + part > half) {
            close(out);
            out = -1;
            rename(current, old);
        }
        if (out < 0 && open_log() < 0)
            return;
        /* Where the turn failed the file is still too long. */
        ssize_t written = size + part > half ? 0 : write(out, text, part);
        size += written > 0 ? (size_t)written : 0;
        if (written != (ssize_t)part)
            return;
    }
}

/* Ends at end-of-file alone, so that the last words of an app that is being killed are kept too. */
static int keep_all(void) {
    static char text[65536];
    ssize_t length;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while ((length = must("log", "read", TEMP_FAILURE_RETRY(read(0, text, sizeof text)))) > 0)
        keep(text, (size_t)length);
    return 0;
}

int log_main(char **words) {
    refuse_if(words[0] == NULL || words[1] == NULL || words[2] != NULL, "log", "usage", "skerry-helper log FILE BYTES");
    prepare(words[0], words[1]);
    return keep_all();
}

/* No child of the wall's, which ends its children; in a session of its own; holding none of the caller's files. */
int start_log_keeper(const char *file, const char *bytes) {
    int pipes[2];
    prepare(file, bytes);
    must("log", "pipe", pipe2(pipes, O_CLOEXEC));
    pid_t child = must("log", "fork", fork());
    if (child > 0) {
        close(pipes[0]);
        close(out);
        must_succeed("log", "keeper", child);
        return pipes[1];
    }
    must("log", "session", setsid());
    if (must("log", "fork", fork()) != 0)
        _exit(0);
    must("log", "pipe", dup2(pipes[0], 0));
    for (int fd = 1; fd < 4; fd++)
        discard(fd);
    close(pipes[0]);
    close(pipes[1]);
    _exit(keep_all());
}
