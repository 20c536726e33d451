/* In a machine that is a copy: the clock, and random numbers that no other copy has. */
#include "helper.h"
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

enum { SEED_BYTES = 64 };

int reseed_main(char **words) {
    struct { struct rand_pool_info info; unsigned char bytes[SEED_BYTES]; } seed = { { SEED_BYTES * 8, SEED_BYTES }, { 0 } };
    refuse_if(words[0] == NULL || words[1] == NULL || words[2] != NULL, "reseed", "usage", "skerry-helper reseed MILLISECONDS SEED");
    unsigned long now = number("reseed", words[0], 1, 1UL << 44);
    struct timespec time = { (time_t)(now / 1000), (long)(now % 1000) * 1000000 };
    refuse_if(strlen(words[1]) != SEED_BYTES * 2 || strspn(words[1], "0123456789abcdef") != SEED_BYTES * 2, "reseed", "seed", "not 128 hexadecimal digits");
    for (size_t i = 0; i < SEED_BYTES; i++) {
        char digits[3] = { words[1][2 * i], words[1][2 * i + 1], '\0' };
        seed.bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    must("reseed", "clock", clock_settime(CLOCK_REALTIME, &time));
    int random = must("reseed", "/dev/urandom", open("/dev/urandom", O_RDWR | O_CLOEXEC));
    must("reseed", "add", ioctl(random, RNDADDENTROPY, &seed));
    must("reseed", "begin anew", ioctl(random, RNDRESEEDCRNG));
    return 0;
}
