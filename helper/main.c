/* Dispatch: makes true what every sub-command may rely on, then hands over. */
#include "helper.h"

int main(int count, char **words)
{
    const char *name = count > 1 ? words[1] : "";
    int fd;
    /* What the caller has open is no business of the app's: a descriptor is a right. 3 may be the lock that says that the
     * instance runs: it is kept as long as we are there, and handed on to nobody. */
    must("start", "close inherited files", close_range(4, ~0U, 0));
    /* A closed 0, 1 or 2 would let the next file that we open be taken for the app's input or output. */
    while ((fd = must("start", "/dev/null", open("/dev/null", O_RDWR))) < 4)
        ;
    must("start", "keep the lock", close_range(3, 3, CLOSE_RANGE_CLOEXEC));
    close(fd);
    if (strcmp(name, "wall") == 0)
        return wall_main(words + 2);
    if (strcmp(name, "enter") == 0)
        return enter_main(words + 2);
    if (strcmp(name, "log") == 0)
        return log_main(words + 2);
    if (strcmp(name, "version") == 0 && count == 2)
        return puts("skerry-helper 1") < 0 || fflush(stdout) != 0 ? EXIT_HELPER : 0;
    refuse("start", name, "not a sub-command; there are wall, enter, log, version");
}
