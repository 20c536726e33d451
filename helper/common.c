/* What the sub-commands share: how they complain, and the steps that more than one of them takes. */
#include "helper.h"
#include <grp.h>
#include <sys/pidfd.h>

/* One line whatever the thing is called: a path may hold line ends or what a terminal would act on. */
_Noreturn void refuse(const char *step, const char *thing, const char *why) {
    char line[2048];
    snprintf(line, sizeof line, "skerry-helper: %s: %.1500s: %s", step, thing, why);
    for (char *at = line; *at != '\0'; at++)
        if (*at < 0x20 || *at >= 0x7f)
            *at = '?';
    dprintf(2, "%s\n", line);
    _exit(EXIT_HELPER);
}

/* Answers what a system call has answered, unless it failed. */
int must(const char *step, const char *thing, long result) {
    refuse_if(result < 0, step, thing, strerror(errno));
    return (int)result;
}

/* Of a process's file below /proc; good until the next call. */
const char *proc_path(pid_t pid, const char *name) {
    static char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return path;
}

/* The beginning of a file of the kernel's, as a string; -1 where it cannot be read. */
ssize_t read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    text[length < 0 ? 0 : length] = '\0';
    if (fd >= 0)
        close(fd);
    return length;
}

/* Files of the kernel take a value in one write, or refuse it. */
void write_text(const char *step, const char *path, const char *text) {
    int fd = must(step, path, open(path, O_WRONLY | O_CLOEXEC));
    must(step, path, write(fd, text, strlen(text)));
    close(fd);
}

/* One line for a map of user_namespaces(7): one id, as it is seen inside and outside. */
void write_map(const char *step, pid_t of, const char *map, unsigned inside, unsigned outside) {
    char text[64];
    snprintf(text, sizeof text, "%u %u 1", inside, outside);
    write_text(step, proc_path(of, map), text);
}

/* A process id is used again by the kernel; with the time of its start, field 22 of proc_pid_stat(5), it is unique. */
unsigned long start_ticks(const char *step, pid_t pid) {
    char text[1024];
    must(step, proc_path(pid, "stat"), read_text(proc_path(pid, "stat"), text, sizeof text));
    /* The name, field 2, may hold blanks and brackets: count from the last one. */
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoul(at, NULL, 10);
}

/* The process that --child and --start-ticks name. Its start is compared while a pidfd is held, which is of no other one. */
int open_process(const char *step) {
    pid_t child = (pid_t)given_number("--child", 2, MAX_TASKS);
    unsigned long ticks = given_number("--start-ticks", 1, ~0UL >> 1);
    refuse_if(child == 0 || ticks == 0, step, "usage", "--child PID and --start-ticks T are needed");
    int pidfd = must(step, given("--child")[0], pidfd_open(child, 0));
    refuse_if(start_ticks(step, child) != ticks, step, given("--child")[0], "is another one by now; the compartment has ended");
    return pidfd;
}

/* A frozen group would stop us without a word: its state is 1 in version 2, FROZEN or FREEZING in version 1. */
void join_cgroups(void) {
    char path[4200], state[16], **words;
    for (size_t i = 0; (words = next("--cgroup", &i)) != NULL;) {
        for (int version = 1; version <= 2; version++) {
            snprintf(path, sizeof path, "%s/%s", words[0], version == 1 ? "freezer.state" : "cgroup.freeze");
            if (read_text(path, state, sizeof state) > 0 && (state[0] == '1' || state[0] == 'F'))
                refuse("cgroup", words[0], "is frozen; thaw it first");
        }
        snprintf(path, sizeof path, "%s/cgroup.procs", words[0]);
        write_text("cgroup", path, "0"); /* who writes, in both versions and in every pid namespace */
    }
}

/* For good: real, effective and saved ids, and no group of root's is left behind. */
void become_user(struct user user) {
    if (user.uid == 0)
        return;
    must("become user", "groups", setgroups(0, NULL));
    must("become user", "--gid", setresgid(user.gid, user.gid, user.gid));
    must("become user", "--uid", setresuid(user.uid, user.uid, user.uid));
}

/* Nothing behind this descriptor any more: reading ends, and what is written goes nowhere. */
void discard(int fd) {
    int null = must("discard", "/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC));
    must("discard", "/dev/null", dup2(null, fd));
    close(null);
}
