/* enter: runs a program inside a wall that stands, without any capability or a way to one, behind the app's own filter.
 * Who owns the outermost user namespace has all rights in those below, and so joins all namespaces in one call. */
#include "helper.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

static const struct option OPTIONS[] = {
    { "--child", 1, false },   { "--start-ticks", 1, false }, { "--uid", 1, false },   { "--gid", 1, false },
    { "--seccomp", 1, false }, { "--directory", 1, false },   { "--cgroup", 1, true }, { "--tasks", 1, false },
    { "--set", 1, true },      { NULL, 0, false },
};

/* A wall that stands for longer without an app is none of bubblewrap's making. */
enum { APP_WITHIN_MS = 30000 };

static struct sock_filter filter[BPF_MAXINSNS];
static struct sock_fprog program = { 0, filter };
static char *variables[MAX_WISHES + 1];

/* Read whole before anything is entered: inside, the host's path means something else. */
static void read_filter(const char *file) {
    int fd = must("seccomp", file, open(file, O_RDONLY | O_CLOEXEC));
    size_t length = (size_t)must("seccomp", file, read(fd, filter, sizeof filter));
    refuse_if(length == 0 || length % sizeof *filter != 0, "seccomp", file, "not a list of struct sock_filter");
    program.len = (unsigned short)(length / sizeof *filter);
}

/* Bubblewrap names its child before that has the app's root, its users and its rights, which it gets one after the other, with
 * moments between in which there is nothing but a folder to build in. It is done when the child has a child: the app. Who
 * enters comes into what the app has, or waits. */
void await_app(pid_t child) {
    struct stat theirs, ours;
    must("enter: user namespace of", "ourselves", stat("/proc/self/ns/user", &ours));
    if (stat(proc_path(child, "ns/user"), &theirs) != 0 || theirs.st_ino == ours.st_ino)
        return; /* no compartment, which is said below */
    for (int waited = 0; waited < APP_WITHIN_MS && a_child(child, false) == 0; waited += 10) {
        if (stat(proc_path(child, "root/."), &theirs) != 0)
            return;
        usleep(10000);
    }
}

/* What is in our own user namespace is no compartment: the kernel refuses to join that again, root as well. */
static void join_spaces(struct user user) {
    struct stat theirs, ours;
    int pidfd = open_process("enter: process");
    const char *name = given("--child")[0];
    await_app(atoi(name));
    must("enter: network of", name, stat(proc_path(atoi(name), "ns/net"), &theirs));
    must("enter: network of", "ourselves", stat("/proc/self/ns/net", &ours));
    become_user(user);
    /* A wall may share our network, which we could not join: it belongs to nobody inside. */
    must("enter: namespaces of", name,
         setns(pidfd, CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWNS |
                          (theirs.st_ino == ours.st_ino ? 0 : CLONE_NEWNET)));
}

/* Nothing is left that could be used, inherited or regained: the same that bubblewrap does for the app. */
static void drop_rights(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    unsigned uid = getuid(), gid = getgid();
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
        ;
    must("enter: rights", "bounding set", errno == EINVAL ? 0 : -1);
    must("enter: rights", "ambient set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    /* An id without a place in the app's map reads as "nobody", and cannot be set: this checks more than it changes. */
    must("enter: rights", "this group does not exist inside", setresgid(gid, gid, gid));
    must("enter: rights", "this user does not exist inside", setresuid(uid, uid, uid));
    must("enter: rights", "capset", syscall(SYS_capset, &header, none));
    must("enter: rights", "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    const char *directory = given("--directory") == NULL ? "." : given("--directory")[0];
    must("enter: directory", directory, chdir(directory));
    must("enter: rights", "seccomp", program.len == 0 ? 0 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

/* A name without a slash is looked for on the PATH inside, but in no relative part. Exit codes are those of a shell. */
static _Noreturn void start_command(char **command) {
    const char *name = command[0], *path = "/usr/local/bin:/usr/bin:/bin";
    char file[4200];
    int why = ENOENT, length;
    for (size_t i = 0; variables[i] != NULL; i++)
        path = strncmp(variables[i], "PATH=", 5) == 0 ? variables[i] + 5 : path;
    if (strchr(name, '/') != NULL && execve(name, command, variables) != 0)
        why = errno;
    for (; strchr(name, '/') == NULL && *path != '\0' && *name != '\0'; path += length + (path[length] == ':')) {
        length = (int)strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", length, path, name);
        if (*path == '/' && execve(file, command, variables) != 0 && errno != ENOENT && errno != ENOTDIR)
            why = errno;
    }
    dprintf(2, "skerry-helper: enter: %s: %s\n", strchr(name, '\n') == NULL ? name : "command", strerror(why));
    _exit(why == ENOENT || why == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

int enter_main(char **words) {
    sigset_t taken;
    int status;
    char **command = read_options("enter", OPTIONS, words);
    struct user user = given_user("enter");
    for (size_t i = 0, count = 0; (words = next("--set", &i)) != NULL; variables[count++] = words[0])
        refuse_if(strchr(words[0], '=') <= words[0], "enter", words[0], "--set needs NAME=VALUE");
    if (given("--seccomp") != NULL)
        read_filter(given("--seccomp")[0]);
    join_cgroups();
    join_spaces(user);
    /* From the fork on, the app sees a process with its own user id in its own pid namespace. Undumpable, that process
     * is closed to it until the exec: it can neither be traced nor be used to reach this program's file on the host. */
    must("enter", "undumpable", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    pid_t foreground = tcgetpgrp(0), child = fork_app(&taken);
    if (child == 0) {
        must("enter", "close files", close_range(3, ~0U, 0));
        drop_rights();
        start_command(command);
    }
    while (waitpid(child, &status, WNOHANG) != child)
        pass_on(&taken, child, 0);
    take_back_terminal(foreground);
    return code_of(status);
}
