/* skerry-helper: the few system calls around a compartment that no installed program makes for us. bubblewrap builds the
 * wall; this prepares it and waits (wall), goes into it (enter), makes sockets in it (sockets), keeps its words (log).
 *
 * Invariants
 * - No shell, and no search on the caller's PATH: programs are started by absolute path with an argument list.
 * - Every failed call ends the program: exit code 125, one line `skerry-helper: STEP: THING: REASON` on stderr.
 * - Of the caller's open files only 0, 1, 2 and 3 (a lock, a channel) survive main(), and no program gets that one.
 * - Nothing is remembered: no set-uid bit, no configuration, no state but the files named by the caller. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* Ours when we could not do it; the app's own codes pass through below and above it. */
enum { EXIT_HELPER = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };
/* Everything that grows has a limit: options of one call, layers of one overlay; the kernel's own for the rest. */
enum { MAX_WISHES = 4096, MAX_LAYERS = 128, MAX_TASKS = 4194304, FIRST_HANDED = 100 };

struct user { uid_t uid; gid_t gid; }; /* to become for good; 0 where none was given */
/* How many words follow an option; -1 is all up to a lone semicolon. For most, twice is a mistake. */
struct option { const char *name; int words; bool repeatable; };

/* options.c */
char **read_options(const char *step, const struct option *known, char **words);
char **next(const char *name, size_t *at), **given(const char *name);
unsigned long number(const char *step, const char *text, unsigned long least, unsigned long most);
unsigned long given_number(const char *name, unsigned long least, unsigned long most);
struct user given_user(const char *step);
/* common.c */
_Noreturn void refuse(const char *step, const char *thing, const char *why);
/* A macro, so that the words are made only where they are said. */
#define refuse_if(condition, ...) do if (condition) refuse(__VA_ARGS__); while (0)
int must(const char *step, const char *thing, long result), open_process(const char *step);
const char *proc_path(pid_t pid, const char *name);
ssize_t read_text(const char *path, char *text, size_t size);
unsigned long start_ticks(const char *step, pid_t pid);
void write_text(const char *step, const char *path, const char *text);
void write_map(const char *step, pid_t of, const char *map, unsigned inside, unsigned outside);
void join_cgroups(void), become_user(struct user user), discard(int fd);
/* family.c: processes that we start, wait for, and end. */
pid_t a_child(pid_t of, bool newest), fork_app(sigset_t *taken);
int code_of(int status), make_outside_runner(struct user user);
void must_succeed(const char *step, const char *thing, pid_t child), run_to_end(const char *step, char **command);
void run_outside(int runner), end_children(void), take_back_terminal(pid_t foreground);
void pass_on(const sigset_t *taken, pid_t to, int further);
/* enter.c: returns when the app has begun, or when the process is no compartment's first. */
void await_app(pid_t child);
/* network.c: networks in which an app asks by name. */
void raise_loopback(void), pass_gate(int gate);
int open_gate(const char *path);
/* mounts.c: below a stage, a folder in memory that only the new mount namespace sees. */
void make_mounts(struct user user);
/* attach.c: our streams to a program in a machine, which is named by the first process behind its wall; its exit code. */
_Noreturn void attach(const char *pid, const char *start, const char *kinds, char **command);
/* unpack.c: what a machine's start disk holds, into a folder. */
void unpack(const char *path, const char *folder);
/* guest.c: a machine's control end, with the words in a file. */
int begin(const char *words);
/* log.c: a keeper as a process of its own; answers the end of a pipe to write to. */
int start_log_keeper(const char *file, const char *bytes);

/* The sub-commands; words are what follows the name, closed by NULL. */
int wall_main(char **words), enter_main(char **words), log_main(char **words), sockets_main(char **words), reseed_main(char **words);
int guest_main(char **words), begin_main(char **words), slot_main(char **words), ask_main(char **words), unpack_main(char **words);
