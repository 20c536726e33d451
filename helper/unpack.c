/* unpack: in a virtual machine, what its start disk holds (cpio in the `newc` form), into a folder in memory. The host has
 * written it (src/host/guest/cpio.ts): folders come before what is in them. It is believed, and yet nothing of it leads out
 * of the folder, nor out of a buffer. A program for it would take an emulated machine longer than the unpacking. */
#include "helper.h"
#include <linux/openat2.h>
#include <sys/syscall.h>

enum { HEAD = 110, NAME_LIMIT = 4096, PART = 65536 };

static FILE *disk;
static char bytes[PART];

static void read_all(void *to, size_t length) {
    refuse_if(fread(to, 1, length, disk) != length, "unpack", "disk", "ends too early");
}

/* The archive's parts begin at multiples of four. */
static void skip(size_t length) {
    read_all(bytes, (4 - length % 4) % 4);
}

/* A field of the head, all of which are eight hexadecimal digits. */
static size_t field(const char *head, int which) {
    char digits[9] = "";
    memcpy(digits, head + 6 + 8 * which, 8);
    refuse_if(strspn(digits, "0123456789abcdefABCDEF") != 8, "unpack", "head", "not a number");
    return strtoul(digits, NULL, 16);
}

static bool leads_out(const char *name) {
    for (; *name != '\0'; name += strcspn(name, "/"), name += *name == '/') {
        size_t length = strcspn(name, "/");
        if (length == 0 || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
            return true;
    }
    return false;
}

/* The folder that it lies in, found through no link of the archive's own; the name's last part is left. */
static int parent_of(char *name, const char **last) {
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    char *cut = strrchr(name, '/');
    *last = cut == NULL ? name : cut + 1;
    if (cut != NULL)
        *cut = '\0';
    return must("unpack", name, syscall(SYS_openat2, AT_FDCWD, cut == NULL ? "." : name, &how, sizeof how));
}

static void unpack_file(int in, const char *name, mode_t mode, size_t size) {
    int fd = must("unpack", name, openat(in, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    for (size_t part; size > 0; size -= part) {
        part = size < PART ? size : PART;
        read_all(bytes, part);
        refuse_if(write(fd, bytes, part) != (ssize_t)part, "unpack", name, "no room for it");
    }
    close(fd);
}

void unpack(const char *path, const char *folder) {
    char head[HEAD], name[NAME_LIMIT], target[NAME_LIMIT];
    disk = fopen(path, "re");
    must("unpack", path, disk == NULL ? -1 : 0);
    must("unpack", folder, chdir(folder));
    mode_t ours = umask(0);
    for (;;) {
        read_all(head, HEAD);
        mode_t mode = (mode_t)field(head, 1);
        size_t size = field(head, 6), length = field(head, 11);
        refuse_if(memcmp(head, "070701", 6) != 0 || length < 2 || length > NAME_LIMIT, "unpack", "head", "not an archive's");
        read_all(name, length);
        skip(HEAD + length);
        refuse_if(name[length - 1] != '\0' || strlen(name) != length - 1 || leads_out(name), "unpack", name, "no name for a file");
        if (strcmp(name, "TRAILER!!!") == 0)
            break;
        const char *last;
        int in = parent_of(name, &last);
        if (S_ISREG(mode))
            unpack_file(in, last, mode & 07777, size);
        else if (S_ISDIR(mode) && size == 0)
            must("unpack", last, mkdirat(in, last, mode & 07777));
        else {
            refuse_if(!S_ISLNK(mode) || size == 0 || size >= NAME_LIMIT, "unpack", last, "no kind of file for a start");
            read_all(target, size);
            target[size] = '\0';
            must("unpack", last, symlinkat(target, in, last));
        }
        close(in);
        skip(size);
    }
    fclose(disk);
    umask(ours);
}

int unpack_main(char **words) {
    refuse_if(words[0] == NULL || words[1] == NULL || words[2] != NULL, "unpack", "usage", "skerry-helper unpack DISK FOLDER");
    unpack(words[0], words[1]);
    return 0;
}
