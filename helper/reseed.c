/* In a machine that is a copy: the clock, and random numbers that no other copy has; then what its start disk holds,
 * and on to the control end: each program that is begun in between takes an emulated machine longer than what it does. */
#include "helper.h"
#include <dirent.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>

enum { SEED_BYTES = 64, LINE_BYTES = 160 };

/* A line of standard input, without its end; all of it comes from the host. */
static void read_line(char *line, size_t size) {
    size_t length = 0;
    for (ssize_t more; length == 0 || line[length - 1] != '\n'; length += (size_t)more) {
        more = TEMP_FAILURE_RETRY(read(0, line + length, size - length));
        refuse_if(more <= 0, "reseed", "line", more < 0 ? strerror(errno) : "not one that ends");
    }
    line[length - 1] = '\0';
}

/* The host's folders, each at the place of its name. */
static void attach_folders(const char *places, const char *options) {
    must("reseed", places, chdir(places));
    DIR *all = opendir(".");
    for (struct dirent *one; all != NULL && (one = readdir(all)) != NULL;)
        if (one->d_name[0] != '.')
            must("reseed", one->d_name, mount(one->d_name, one->d_name, "9p", MS_NOSUID | MS_NODEV, options));
}

/* Becomes the machine's control end, or, where more is to be done before, what does that. */
static int go_on(const char *start, const char *channel, const char *script) {
    must("reseed", start, chdir(start));
    must("reseed", "stdout", dup2(2, 1));
    discard(0);
    if (access("network", F_OK) == 0 || access("port", F_OK) == 0 || access("screen", F_OK) == 0)
        must("reseed", script, execl(script, script, "copied", NULL));
    int port = must("reseed", channel, open(channel, O_RDWR | O_CLOEXEC));
    must("reseed", channel, port == 3 ? port : dup3(port, 3, O_CLOEXEC));
    return begin("words");
}

/* Says that it waits, reads `MILLISECONDS SEED`, and says that the machine goes on, where it reads its start disk. Nobody can see the seed among its words. */
int reseed_main(char **words) {
    struct { struct rand_pool_info info; unsigned char bytes[SEED_BYTES]; } seed = { { SEED_BYTES * 8, SEED_BYTES }, { 0 } };
    char line[LINE_BYTES];
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    refuse_if(count != 7, "reseed", "usage", "skerry-helper reseed DISK FOLDER OVERLAY FOLDERS NINE CHANNEL SCRIPT");
    must("reseed", "stdout", write(1, "waits\n", 6));
    read_line(line, sizeof line);
    char *digits = strchr(line, ' ');
    refuse_if(digits == NULL, "reseed", "line", "not a time and a seed");
    *digits++ = '\0';
    unsigned long now = number("reseed", line, 1, 1UL << 44);
    struct timespec time = { (time_t)(now / 1000), (long)(now % 1000) * 1000000 };
    refuse_if(strlen(digits) != SEED_BYTES * 2 || strspn(digits, "0123456789abcdef") != SEED_BYTES * 2, "reseed", "seed", "not 128 hexadecimal digits");
    for (size_t i = 0; i < SEED_BYTES; i++) {
        char two[3] = { digits[2 * i], digits[2 * i + 1], '\0' };
        seed.bytes[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    must("reseed", "clock", clock_settime(CLOCK_REALTIME, &time));
    int random = must("reseed", "/dev/urandom", open("/dev/urandom", O_RDWR | O_CLOEXEC));
    must("reseed", "add", ioctl(random, RNDADDENTROPY, &seed));
    must("reseed", "begin anew", ioctl(random, RNDRESEEDCRNG));
    must("reseed", "stdout", write(1, "goes\n", 5));
    unpack(words[0], words[1]);
    must("reseed", "root", mount("overlay", "/root", "overlay", MS_RDONLY, words[2]));
    /* What is mounted on one of these places later is handed on to the app. */
    if (access("slots", F_OK) == 0) {
        must("reseed", "slots", mount("slots", "slots", NULL, MS_BIND, NULL));
        must("reseed", "slots", mount(NULL, "slots", NULL, MS_SHARED, NULL));
    }
    attach_folders(words[3], words[4]);
    return go_on(words[1], words[5], words[6]);
}
