/* slot: a folder's place in a machine's app, changed while the app runs: `show NAME`, or `hide NAME HOLDERS`. The machine's
 * own view of the folder is /folders/NAME/here; what is mounted on /start/slots/NAME appears at its place behind the inner wall,
 * under what the app was started with. In a system of its own, with `--place PATH`, it is mounted there itself.
 * HOLDERS is `end`, or `count`: of those that still have a file or folder of it.
 * The host looks by itself whether anything of the folder is still open: this is for those who can let go in peace. */
#include "helper.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

enum { MOST_LAYERS = 20, ROUNDS = 100, ENDS_WITHIN_MS = 5000 };

static const struct option OPTIONS[] = {
    { "--child", 1, false }, { "--start-ticks", 1, false }, { "--place", 1, false }, { NULL, 0, false },
};

/* As guest/init mounts them. */
static const char SHARED[] = "trans=virtio,version=9p2000.L,cache=mmap,msize=512000";

static dev_t folder;

static bool is_of_it(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && found.st_dev == folder;
}

/* Calls for each name in a folder of the kernel's until one answers true. */
static bool any(const char *path, bool (*is)(const char *path)) {
    char name[320];
    DIR *list = opendir(path);
    bool found = false;
    for (struct dirent *at; list != NULL && !found && (at = readdir(list)) != NULL;) {
        snprintf(name, sizeof name, "%.60s/%s", path, at->d_name);
        found = at->d_name[0] != '.' && is(name);
    }
    if (list != NULL)
        closedir(list);
    return found;
}

/* Threads can have directories and files of their own (unshare(2)). */
static bool task_has(const char *task) {
    char path[400];
    static const char *places[] = { "cwd", "root", "exe" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", task, places[i]);
        if (is_of_it(path))
            return true;
    }
    snprintf(path, sizeof path, "%s/fd", task);
    return any(path, is_of_it);
}

/* Answers where the first mount of the folder is in a table of mounts, as proc_pid_mountinfo(5) writes it; or that a
 * mapping of proc_pid_maps(5) is of its device. */
static bool named_in(const char *file, const char *number, char *point, size_t size) {
    char *line = NULL;
    size_t room = 0;
    FILE *text = fopen(file, "re");
    bool found = false;
    while (text != NULL && !found && getline(&line, &room, text) >= 0) {
        char *at = strstr(line, number), *end;
        found = at != NULL;
        if (found && point != NULL) {
            at = strchr(at + strlen(number), ' '); /* behind the root comes the place */
            end = at == NULL ? NULL : strchr(at + 1, ' ');
            found = end != NULL && (size_t)(end - at) <= size;
            if (found)
                snprintf(point, size, "%.*s", (int)(end - at - 1), at + 1);
        }
    }
    free(line);
    if (text != NULL)
        fclose(text);
    return found;
}

/* The share as a whole is attached for ourselves; what is shown of it has another root. */
static bool mount_in(pid_t process, char *point, size_t size) {
    char number[32];
    snprintf(number, sizeof number, " %u:%u /here", major(folder), minor(folder));
    return named_in(proc_path(process, "mountinfo"), number, point, size);
}

static bool holds(pid_t process) {
    char number[32];
    snprintf(number, sizeof number, " %02x:%02x ", major(folder), minor(folder));
    return mount_in(process, NULL, 0) || named_in(proc_path(process, "maps"), number, NULL, 0) ||
           any(proc_path(process, "task"), task_has);
}

/* The path is the app's: blanks and the like stand as three octal digits there. */
static void plain(char *path) {
    char *to = path;
    for (char *at = path; *at != '\0'; to++) {
        unsigned code;
        bool escaped = *at == '\\' && sscanf(at + 1, "%3o", &code) == 1;
        *to = escaped ? (char)code : *at;
        at += escaped ? 4 : 1;
    }
    *to = '\0';
}

/* Takes it from the app's own table of mounts, entered for the one call: nothing of the image's is run. */
static void take_from(pid_t app) {
    char point[4200];
    for (int round = 0; mount_in(app, point, sizeof point); round++) {
        refuse_if(round == MOST_LAYERS, "slot", point, "it is mounted again and again");
        plain(point);
        pid_t child = must("slot", "fork", fork());
        if (child == 0) {
            must("slot", "the app's mounts", setns(must("slot", "app", open(proc_path(app, "ns/mnt"), O_RDONLY)), CLONE_NEWNS));
            must("slot", point, umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW));
            _exit(0);
        }
        must_succeed("slot", point, child);
    }
}

/* Of the processes behind the inner wall, or all but ourselves and systemd where there is none. Answers how many had something of it; with `end`, nobody has at the end. */
static int let_go(bool end) {
    struct stat ours, theirs;
    int count = 0, found = 1;
    must("slot", "ourselves", stat("/proc/self/ns/pid", &ours));
    for (int round = 0; found > 0; round++) {
        refuse_if(round == ROUNDS, "slot", "holders", "there are more and more of them");
        DIR *all = opendir("/proc");
        refuse_if(all == NULL, "slot", "/proc", strerror(errno));
        found = 0;
        for (struct dirent *at; (at = readdir(all)) != NULL;) {
            pid_t process = (pid_t)strtol(at->d_name, NULL, 10);
            if (process <= 1 || process == getpid() || stat(proc_path(process, "ns/pid"), &theirs) != 0 ||
                (theirs.st_ino == ours.st_ino && given("--place") == NULL) || !holds(process))
                continue;
            found++;
            for (int waited = 0; end && kill(process, SIGKILL) == 0 && holds(process); waited += 10) {
                refuse_if(waited >= ENDS_WITHIN_MS, "slot", at->d_name, "does not end");
                usleep(10000);
            }
        }
        closedir(all);
        count += found;
        if (!end)
            break;
    }
    return count;
}

int slot_main(char **words) {
    char share[64], here[80], slot[80], *place = slot;
    pid_t app = 1;
    struct stat found;
    words = read_options("slot", OPTIONS, words);
    refuse_if(words[0] == NULL || words[1] == NULL, "slot", "usage", "show NAME, or hide NAME end|count");
    refuse_if(words[1][0] == '\0' || strchr(words[1], '/') != NULL, "slot", words[1], "not a name");
    snprintf(share, sizeof share, "%s/folders/%.30s", given("--place") == NULL ? "" : "/run/skerry", words[1]);
    snprintf(here, sizeof here, "%s/here", share);
    snprintf(slot, sizeof slot, "/start/slots/%.30s", words[1]);
    if (given("--place") == NULL) {
        close(open_process("slot: process"));
        app = atoi(given("--child")[0]);
        await_app(app); /* what bubblewrap has still to mount would lie over what is shown now */
    } else
        place = given("--place")[0];
    /* A machine that is written down has nothing of the host's attached (`detach`), and gets it again as it goes on. */
    if (strcmp(words[0], "detach") == 0)
        return must("slot", share, umount2(share, UMOUNT_NOFOLLOW));
    if (strcmp(words[0], "attach") == 0)
        return must("slot", share, mount(words[1], share, "9p", MS_NOSUID | MS_NODEV, SHARED));
    must("slot", share, stat(share, &found));
    folder = found.st_dev;
    while (place == slot && umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    refuse_if(place == slot && errno != EINVAL, "slot", place, strerror(errno));
    take_from(app);
    if (strcmp(words[0], "show") == 0)
        return must("slot", here, mount(here, place, NULL, MS_BIND, NULL));
    printf("%d\n", let_go(words[2] != NULL && strcmp(words[2], "end") == 0));
    return fflush(stdout);
}
