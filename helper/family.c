/* Processes that we start, wait for and end; and the commands that run outside of the namespaces. */
#include "helper.h"
#include <sys/resource.h>
#include <sys/socket.h>

/* A process's oldest or newest child, 0 where there is none. Nobody else reaps ours, so such a number stays right. */
pid_t a_child(pid_t of, bool newest) {
    char path[64], list[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)of, (int)of);
    ssize_t length = read_text(path, list, sizeof list);
    list[length > 0 ? length - 1 : 0] = '\0'; /* a blank is behind each */
    const char *last = newest ? strrchr(list, ' ') : NULL;
    return (pid_t)strtol(last == NULL ? list : last, NULL, 10);
}

/* Kills all that is ours: as a subreaper we get the children of who has ended, round by round. */
void end_children(void) {
    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        pid_t child = a_child(getpid(), false);
        if (child > 0 && kill(child, SIGKILL) == 0)
            waitpid(child, NULL, 0);
    }
}

/* As a shell counts. */
int code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A child's failure is ours: what it says of itself went to stderr, we name it and how it ended. */
void must_succeed(const char *step, const char *thing, pid_t child) {
    int status;
    char why[64];
    must(step, thing, TEMP_FAILURE_RETRY(waitpid(child, &status, 0)));
    snprintf(why, sizeof why, WIFSIGNALED(status) ? "ended by signal %d" : "exit code %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    refuse_if(status != 0, step, thing, why);
}

/* A preparation must have worked before an app may run. It reads nothing, and all its words are complaints. */
void run_to_end(const char *step, char **command) {
    pid_t child = must(step, "fork", fork());
    if (child == 0) {
        discard(0);
        must(step, "stdout", dup2(2, 1));
        must(step, command[0], execv(command[0], command));
    }
    must_succeed(step, command[0], child);
}

/* A process that stays out of the namespaces and runs the outside commands. What they leave running ends with the wall. */
int make_outside_runner(struct user user) {
    int ends[2];
    char wall[16], byte, **words;
    if (given("--outside") == NULL)
        return -1;
    snprintf(wall, sizeof wall, "%d", (int)getpid());
    must("outside", "socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    pid_t child = must("outside", "fork", fork());
    close(ends[child == 0 ? 0 : 1]);
    if (child != 0)
        return ends[0];
    become_user(user);
    must("outside", "subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    must("outside", "session", setsid());
    if (read(ends[1], &byte, 1) != 1)
        _exit(EXIT_HELPER);
    for (size_t i = 0; (words = next("--outside", &i)) != NULL;) {
        for (char **word = words; *word != NULL; word++)
            *word = strcmp(*word, "{pid}") == 0 ? wall : *word;
        run_to_end("outside", words);
    }
    /* Who waits for the end of the caller's files, or for the lock, must not wait for us. */
    for (int fd = 0; fd < 4; fd++)
        discard(fd);
    if (send(ends[1], "d", 1, MSG_NOSIGNAL) == 1)
        TEMP_FAILURE_RETRY(read(ends[1], &byte, 1));
    end_children();
    _exit(0);
}

/* Tells the runner that the namespaces stand, and waits until it is done. It has complained if it failed. */
void run_outside(int runner) {
    char byte;
    if (runner < 0 || (send(runner, "g", 1, MSG_NOSIGNAL) == 1 && read(runner, &byte, 1) == 1))
        return;
    end_children();
    _exit(EXIT_HELPER);
}

/* In the child, signals are as we got them, and limits hold: of tasks for good; of open files at most 1024, for Node
 * raises its own. In us all signals wait but those that stop: Ctrl-Z stops us with the app, so that a shell sees it. */
pid_t fork_app(sigset_t *taken) {
    unsigned long tasks = given_number("--tasks", 1, MAX_TASKS);
    struct rlimit limit = { tasks, tasks }, files;
    sigset_t before;
    sigfillset(taken);
    for (int signal = SIGCONT; signal <= SIGTTOU; signal++) /* also STOP, TSTP and TTIN */
        sigdelset(taken, signal);
    must("signals", "block", sigprocmask(SIG_BLOCK, taken, &before));
    pid_t child = must("app", "fork", fork());
    if (child != 0)
        return child;
    must("tasks", "setrlimit", tasks == 0 ? 0 : setrlimit(RLIMIT_NPROC, &limit));
    must("open files", "getrlimit", getrlimit(RLIMIT_NOFILE, &files));
    files.rlim_cur = files.rlim_max < 1024 ? files.rlim_max : 1024;
    must("open files", "setrlimit", setrlimit(RLIMIT_NOFILE, &files));
    must("signals", "restore", sigprocmask(SIG_SETMASK, &before, NULL));
    return 0;
}

/* Waits for a signal. One that the terminal sent (SI_KERNEL) has reached the app as well, for it is in our process group;
 * one that a process sent us was meant for what we wait for, or for its oldest child, that many times further down. */
void pass_on(const sigset_t *taken, pid_t to, int further) {
    siginfo_t from;
    int signal = sigwaitinfo(taken, &from);
    while (further-- > 0 && to > 0)
        to = a_child(to, false);
    if (signal > 0 && signal != SIGCHLD && from.si_code <= 0 && to > 0)
        kill(to, signal);
}

/* A shell inside gives the terminal to groups that do not exist for us, and cannot give it back to ours. */
void take_back_terminal(pid_t foreground) {
    signal(SIGTTOU, SIG_IGN);
    if (foreground == getpgrp() && tcgetpgrp(0) != foreground)
        tcsetpgrp(0, foreground);
}
