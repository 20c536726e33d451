/* wall: what has to happen between making namespaces and starting bubblewrap, then waiting for the app. Order: log, status,
 * seccomp, control groups and gate as the caller; as root its mounts; the user that root gives way to; namespaces; loopback;
 * as a user its mounts; commands inside (a packet filter); the gate; commands outside, which find it in force; bubblewrap. */
#include "helper.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>

/* The first of them have a meaning without namespaces of our own; each of the others implies those. */
enum { PLAIN_OPTIONS = 7 };
static const struct option OPTIONS[] = {
    { "--status", 1, false }, { "--seccomp", 1, false }, { "--uid", 1, false }, { "--gid", 1, false }, { "--cgroup", 1, true },
    { "--log", 2, false }, { "--end-with-caller", 0, false }, { "--user-namespace", 0, false }, { "--gate", 1, false },
    { "--network-namespace", 0, false }, { "--tasks", 1, false }, { "--overlay", 2, true }, { "--stage", 1, false },
    { "--pick", 3, true }, { "--idmap", 4, true }, { "--hand", 1, true }, { "--outside", -1, true }, { "--inside", -1, true }, { NULL, 0, false },
};

/* Bubblewrap's own --, before its command. Of its options, only --setenv has words that may be anything, so also --. */
static char **find_command(char **bwrap) {
    char **at = bwrap + 1;
    while (*at != NULL && strcmp(*at, "--") != 0)
        at += strcmp(*at, "--setenv") == 0 && at[1] != NULL && at[2] != NULL ? 3 : 1;
    refuse_if(*at == NULL || at[1] == NULL, "wall", bwrap[0], "its own -- is missing, or a command behind it");
    return at;
}

/* Checks what can be checked before anything is done, and answers the place of bubblewrap's command. */
static char **check(char **bwrap, struct user user, pid_t caller) {
    refuse_if(bwrap[0][0] != '/', "wall", "-- BWRAP", "the absolute path of bubblewrap must follow --");
    must("wall", bwrap[0], access(bwrap[0], X_OK));
    if (given("--idmap") != NULL && user.uid == 0)
        refuse("idmap", given("--idmap")[0], "needs root, with --uid and --gid");
    given_number("--tasks", 1, MAX_TASKS);
    /* A session is inherited: who has a parent of another, and did not begin one, is an orphan that was adopted. */
    if (caller != 0 && getsid(0) != getpid() && getsid(caller) != getsid(0))
        refuse("wall", "--end-with-caller", "the caller has ended already");
    return find_command(bwrap);
}

/* Namespaces in which the caller is 0 and nobody else exists: no privilege is needed, and none comes of it outside.
 * Mounts of ours stay there, for the kernel makes all slaves of the host's in such a copy (mount_namespaces(7)). */
static void make_namespaces(bool network) {
    unsigned uid = geteuid(), gid = getegid();
    /* Giving up ids hid our own files below /proc from us (PR_SET_DUMPABLE(2const)), and the maps are among them. */
    must("namespaces", "dumpable", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    must("namespaces", "unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS | (network ? CLONE_NEWNET : 0)));
    write_text("namespaces", "/proc/self/setgroups", "deny");
    write_map("namespaces", getpid(), "uid_map", 0, uid);
    write_map("namespaces", getpid(), "gid_map", 0, gid);
    if (network)
        raise_loopback();
}

/* Becomes bubblewrap, with its options in a file that has no name, for its --args. On its command line they would be
 * read by the app, whose process 1 bubblewrap is: paths of the host, and what is granted to whom. */
static void start_bubblewrap(char **bwrap, char **command, int status, int seccomp) {
    char number[16], **file;
    int hidden = must("wall", "memfd", memfd_create("arguments", 0)), handed = FIRST_HANDED;
    for (size_t i = 0; (file = next("--hand", &i)) != NULL; handed++)
        must("hand", file[0], dup2(must("hand", file[0], open(file[0], O_RDONLY | O_NOFOLLOW | O_CLOEXEC)), handed));
    if (status >= 0)
        dprintf(hidden, "--json-status-fd%c%d%c", 0, must("wall", "--status", dup(status)), 0);
    if (seccomp >= 0)
        dprintf(hidden, "--seccomp%c%d%c", 0, must("wall", "--seccomp", dup(seccomp)), 0);
    for (char **word = bwrap + 1; word < command; word++)
        must("wall", *word, write(hidden, *word, strlen(*word) + 1));
    must("wall", "memfd", lseek(hidden, 0, SEEK_SET));
    snprintf(number, sizeof number, "%d", hidden);
    /* Three words take the place of what has been read by now: of options, or of our own name, `wall` and --. */
    memcpy(command - 3, (char *[]){ bwrap[0], "--args", number }, 3 * sizeof *command);
    must("wall", command[-3], execv(command[-3], command - 3));
}

/* Answers the app's exit code. Bubblewrap's monitor tells it, but may have ended by a signal that the app caught, as by
 * Ctrl-C: then the first process inside has become our newest child, and tells the same. Its child is the program. */
static int wait_for_app(pid_t monitor, pid_t older, pid_t caller, const sigset_t *taken) {
    pid_t awaited = monitor, ended;
    int status;
    while (caller == 0 || getppid() == caller) {
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
            if (ended != awaited)
                continue;
            awaited = ended == monitor && WIFSIGNALED(status) ? a_child(getpid(), true) : 0;
            if (awaited == 0 || awaited == older)
                return code_of(status);
        }
        pass_on(taken, awaited, awaited == monitor ? 2 : 1);
    }
    return 128 + SIGKILL;
}

/* Stays the parent to the end of all that came of it, and writes of the end, unless bubblewrap has done so. */
static int run_bubblewrap(char **bwrap, char **command, pid_t caller, int log, int status, int seccomp) {
    sigset_t taken;
    char told[4096] = "";
    pid_t older = a_child(getpid(), true), foreground = tcgetpgrp(0);
    off_t from = lseek(status, 0, SEEK_END);
    /* After all changes of rights: some of them take it back (PR_SET_PDEATHSIG(2const)). */
    must("wall", "--end-with-caller", caller == 0 ? 0 : prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0));
    pid_t monitor = fork_app(&taken);
    for (int fd = 1; fd < 3 && log >= 0; fd++)
        must("log", "pipe", dup2(log, fd));
    if (monitor == 0)
        start_bubblewrap(bwrap, command, status, seccomp);
    must("wall", "/", chdir("/")); /* holds no folder of the caller's */
    int code = wait_for_app(monitor, older, caller, &taken);
    end_children();
    if (pread(status, told, sizeof told - 1, from) >= 0 && strstr(told, "\"exit-code\"") == NULL)
        dprintf(status, "{\"exit-code\": %d}\n", code);
    take_back_terminal(foreground);
    return code;
}

int wall_main(char **words) {
    int status = -1, seccomp = -1, log = -1;
    char **bwrap = read_options("wall", OPTIONS, words), **option;
    pid_t caller = given("--end-with-caller") == NULL ? 0 : getppid();
    bool in_namespaces = false;
    struct user user = given_user("wall");
    char **command = check(bwrap, user, caller);
    for (const struct option *at = OPTIONS + PLAIN_OPTIONS; at->name != NULL; at++)
        in_namespaces |= given(at->name) != NULL;
    if ((option = given("--log")) != NULL) {
        log = start_log_keeper(option[0], option[1]);
        /* A background app has no terminal. A group's leader cannot make a session: it joins its parent's group. */
        if (getsid(0) != getpid() && setsid() < 0)
            must("log", "session", setpgid(0, getpgid(getppid())) == 0 ? setsid() : -1);
        discard(0);
    }
    /* The log keeper is nobody's child by now; everything else that we start stays ours. */
    must("wall", "subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    if ((option = given("--status")) != NULL) {
        status = must("status", option[0], open(option[0], O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
        must("status", option[0], dprintf(status, "{\"wall-pid\": %d, \"start-ticks\": %lu}\n",
                                          (int)getpid(), start_ticks("status", getpid())));
    }
    if ((option = given("--seccomp")) != NULL)
        seccomp = must("seccomp", option[0], open(option[0], O_RDONLY | O_CLOEXEC));
    join_cgroups();
    int gate = given("--gate") == NULL ? -1 : open_gate(given("--gate")[0]), runner = make_outside_runner(user);
    if (user.uid != 0 && in_namespaces) {
        must("mounts", "unshare", unshare(CLONE_NEWNS));
        must("mounts", "make / a slave", mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
        make_mounts(user);
    }
    become_user(user);
    if (in_namespaces)
        make_namespaces(given("--network-namespace") != NULL);
    if (user.uid == 0)
        make_mounts(user);
    for (size_t i = 0; (option = next("--inside", &i)) != NULL;)
        run_to_end("inside", option);
    if (gate >= 0)
        pass_gate(gate);
    run_outside(runner);
    return run_bubblewrap(bwrap, command, caller, log, status, seccomp);
}
