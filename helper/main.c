/* Dispatch: makes true what every sub-command may rely on, then hands over. */
#include "helper.h"

static int version_main(char **words) {
    return *words != NULL || puts("skerry-helper 1") < 0 || fflush(stdout) != 0 ? EXIT_HELPER : 0;
}

static const struct { const char *name; int (*run)(char **words); } COMMANDS[] = {
    { "wall", wall_main }, { "enter", enter_main }, { "log", log_main }, { "sockets", sockets_main },
    { "guest", guest_main }, { "begin", begin_main }, { "reseed", reseed_main }, { "slot", slot_main }, { "ask", ask_main }, { "unpack", unpack_main },
    { "version", version_main },
};

int main(int count, char **words) {
    const char *name = count > 1 ? words[1] : "";
    int fd;
    /* What the caller has open is no business of the app's. 3 may be a lock or a channel: kept, and handed on to nobody. */
    must("start", "close inherited files", close_range(4, ~0U, 0));
    /* A closed 0, 1 or 2 would let the next file that we open be taken for the app's input or output. */
    while ((fd = must("start", "/dev/null", open("/dev/null", O_RDWR))) < 4);
    must("start", "keep the lock", close_range(3, 3, CLOSE_RANGE_CLOEXEC));
    close(fd);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(name, COMMANDS[i].name) == 0)
            return COMMANDS[i].run(words + 2);
    refuse("start", name, "not a sub-command; there are wall, enter, log, sockets, guest, begin, reseed, slot, unpack, ask, version");
}
