/* Mounts, by descriptors: what was checked is what is mounted. Without set-uid files and devices, in our namespace only. */
#include "helper.h"
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

static const char *stage_path = "";
static int stage;

/* Through no link. */
static int open_plainly(int folder, const char *path, int flags, unsigned long resolve) {
    struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .mode = (flags & O_CREAT) != 0 ? 0444 : 0,
                            .resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* A folder in memory in which targets can be made without touching the host's disk. */
static void make_stage(const char *folder) {
    refuse_if(folder[0] != '/', "stage", folder, "path must be absolute");
    /* Its files are empty, or folders: room for MAX_WISHES of them and no more. */
    const char *room = "mode=1777,size=4m,nr_inodes=16384";
    must("stage", folder, mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, room));
    stage = must("stage", folder, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC));
    stage_path = folder;
}

static bool below_stage(const char *target) {
    size_t length = strlen(stage_path);
    return length > 0 && strncmp(target, stage_path, length) == 0 && target[length] == '/';
}

/* Makes an empty file or folder below the stage, and opens it. No link and no earlier mount is passed on the way. */
static int make_target(const char *step, const char *target, bool folder) {
    static const unsigned long inside = RESOLVE_BENEATH | RESOLVE_NO_XDEV;
    const char *path = below_stage(target) ? target + strlen(stage_path) + 1 : NULL;
    char part[4096];
    if (path == NULL || strlen(path) >= sizeof part)
        refuse(step, target, "target must lie below the folder given with --stage");
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        int above = open_plainly(stage, part, O_PATH | O_DIRECTORY, inside);
        must(step, target, above < 0 && errno == ENOENT ? mkdirat(stage, part, 0755) : above);
        close(above);
    }
    if (folder)
        must(step, target, mkdirat(stage, path, 0755));
    else
        close(must(step, target, open_plainly(stage, path, O_WRONLY | O_CREAT | O_EXCL, inside)));
    return must(step, target, open_plainly(stage, path, O_PATH, inside));
}

/* A user namespace for an idmapped mount, mount_setattr(2): one owner is shown as one user, all others as nobody. */
static unsigned show_as(const char *step, const struct stat *owner, struct user shown) {
    /* As fork(2), but the child is born in the namespace. It only waits to be killed: a descriptor holds it then. */
    pid_t child = must(step, "user namespace", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    while (child == 0)
        pause();
    write_map(step, child, "uid_map", owner->st_uid, shown.uid);
    write_map(step, child, "gid_map", owner->st_gid, shown.gid);
    int names = must(step, "user namespace", open(proc_path(child, "ns/user"), O_RDONLY | O_CLOEXEC));
    must(step, "user namespace", kill(child, SIGKILL));
    must(step, "user namespace", waitpid(child, NULL, 0));
    return (unsigned)names;
}

/* Attaches a copy of one mount, without what else is mounted below it, and with less rights before it can be seen. */
static void attach_copy(const char *step, const char *thing, int source, int target, unsigned long attributes,
                        struct user shown) {
    struct stat owner;
    struct mount_attr change = { .attr_set = attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                 .propagation = MS_PRIVATE };
    int copy = must(step, thing, open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
    must(step, thing, fstat(source, &owner));
    if (shown.uid != 0 && (owner.st_uid != shown.uid || owner.st_gid != shown.gid)) {
        change.attr_set |= MOUNT_ATTR_IDMAP;
        change.userns_fd = show_as(step, &owner, shown);
    }
    int changed = mount_setattr(copy, "", AT_EMPTY_PATH, &change, sizeof change);
    if (changed != 0 && errno == EINVAL && (change.attr_set & MOUNT_ATTR_IDMAP) != 0)
        refuse(step, thing, "its file system cannot show files under another owner (no idmapped mounts)");
    must(step, thing, changed);
    must(step, thing, move_mount(copy, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
    close(copy);
    close(source);
    close(target);
}

/* Links on the way could be changed by the folder's owner between the caller's check and now. */
static int open_source(const char *step, int beneath, const char *path, unsigned long resolve, mode_t *type) {
    struct stat found;
    int fd = open_plainly(beneath, path, O_PATH, resolve);
    refuse_if(fd < 0 && errno == ELOOP, step, path, "a link is on the way; give the path that it leads to");
    must(step, path, fd < 0 ? fd : fstat(fd, &found));
    *type = found.st_mode & S_IFMT;
    return fd;
}

/* The layers of an image as one read-only tree; an overlay wants two, so one alone is shown as it is. Descriptors fit
 * into the page that mount(2) takes; no path is read as an option, or by the app. */
static void make_overlay(char *options, const char *target) {
    static const char start[] = "userxattr,lowerdir=";
    char text[4096], path[32], *end = stpcpy(text, start), *rest;
    int layers[MAX_LAYERS], count = 0;
    if (strncmp(options, start, strlen(start)) != 0 || options[strlen(start)] == '\0')
        refuse("overlay", options, "only userxattr,lowerdir= and at least one layer are understood");
    for (char *name = options + strlen(start); (name = strtok_r(name, ":", &rest)) != NULL; name = NULL, count++) {
        refuse_if(count == MAX_LAYERS || name[0] != '/', "overlay", name, "too many layers, or not an absolute path");
        layers[count] = must("overlay", name, open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
        end += sprintf(end, "%s/proc/self/fd/%d", count == 0 ? "" : ":", layers[count]);
    }
    int at = below_stage(target) ? make_target("overlay", target, true)
                                 : must("overlay", target, open(target, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (count == 1) {
        attach_copy("overlay", target, layers[0], at, MOUNT_ATTR_RDONLY, (struct user){ 0, 0 });
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", at);
    must("overlay", target, mount("overlay", path, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, text));
    for (close(at); count > 0; count--)
        close(layers[count - 1]);
}

/* One chosen file of a folder: opened once, without leaving the folder, and exactly what was opened is shown. */
static void make_pick(char **words, struct user shown) {
    mode_t type;
    int folder = open_source("pick", AT_FDCWD, words[0], 0, &type);
    int file = open_source("pick", folder, words[1], RESOLVE_BENEATH, &type);
    refuse_if(type != S_IFREG, "pick", words[1], "not a regular file");
    attach_copy("pick", words[1], file, make_target("pick", words[2], false), MOUNT_ATTR_RDONLY, shown);
    close(folder);
}

/* A folder or file of root's or another user's, in which the app works with its owner's rights and nobody else's. */
static void make_idmap(char **words) {
    struct user shown = { (uid_t)number("idmap", words[2], 1, 0xfffffffe), (gid_t)number("idmap", words[3], 1, 0xfffffffe) };
    mode_t type;
    int source = open_source("idmap", AT_FDCWD, words[0], 0, &type);
    refuse_if(type != S_IFDIR && type != S_IFREG, "idmap", words[0], "neither a folder nor a regular file");
    attach_copy("idmap", words[0], source, make_target("idmap", words[1], type == S_IFDIR), 0, shown);
}

/* All wishes about mounts, the stage first, for the others have their targets below it. */
void make_mounts(struct user user) {
    char **words;
    if ((words = given("--stage")) != NULL)
        make_stage(words[0]);
    for (size_t i = 0; (words = next("--overlay", &i)) != NULL;)
        make_overlay(words[0], words[1]);
    for (size_t i = 0; (words = next("--pick", &i)) != NULL;)
        make_pick(words, user);
    for (size_t i = 0; (words = next("--idmap", &i)) != NULL;)
        make_idmap(words);
}
