/* Options: strict, without abbreviations, all checked before anything is done. */
#include "helper.h"

/* One option as given: its words stand in the caller's list, ended by NULL where a program is started with them. */
static struct wish { const char *name; char **words; } wishes[MAX_WISHES];
static size_t wish_count;

/* The words of the next option of that name, at or behind that place; NULL where there is none. */
char **next(const char *name, size_t *at) {
    while (*at < wish_count && strcmp(wishes[*at].name, name) != 0)
        ++*at;
    return *at < wish_count ? wishes[(*at)++].words : NULL;
}

char **given(const char *name) {
    return next(name, &(size_t){ 0 });
}

/* Takes one option with its words and answers the word behind them. */
static char **read_option(const char *step, const struct option *option, char **words) {
    const char *name = *words++;
    while (option->name != NULL && strcmp(option->name, name) != 0)
        option++;
    refuse_if(option->name == NULL, step, name, "unknown option");
    refuse_if(wish_count == MAX_WISHES || (!option->repeatable && given(name) != NULL), step, name, "given too often");
    struct wish wish = { name, words };
    int left = option->words;
    for (; *words != NULL && left != 0 && (left > 0 || strcmp(*words, ";") != 0); words++)
        left--;
    refuse_if(left > 0 || (left < 0 && (*words == NULL || words == wish.words)), step, name, "words are missing behind it");
    if (left < 0) {
        refuse_if(wish.words[0][0] != '/', step, wish.words[0], "a command is named by its absolute path");
        must(step, wish.words[0], access(wish.words[0], X_OK));
        *words++ = NULL;
    }
    wishes[wish_count++] = wish;
    return words;
}

/* All options up to --; answers what follows it, at least one word. */
char **read_options(const char *step, const struct option *known, char **words) {
    while (*words != NULL && strcmp(*words, "--") != 0)
        words = read_option(step, known, words);
    refuse_if(*words == NULL || words[1] == NULL, step, "--", "must come behind the options, and a command behind it");
    return words + 1;
}

/* strtoul alone takes blanks, signs, prefixes and leftovers; a number here is digits and nothing else. */
unsigned long number(const char *step, const char *text, unsigned long least, unsigned long most) {
    size_t length = strlen(text);
    if (length == 0 || length > 19 || strspn(text, "0123456789") != length || (length > 1 && text[0] == '0'))
        refuse(step, text, "not a decimal number");
    unsigned long value = strtoul(text, NULL, 10);
    refuse_if(value < least || value > most, step, text, "number out of range");
    return value;
}

/* 0 where it was not given. */
unsigned long given_number(const char *name, unsigned long least, unsigned long most) {
    char **words = given(name);
    return words == NULL ? 0 : number(name, words[0], least, most);
}

/* Half a user is a mistake, user 0 is no drop, and only root can become someone else. */
struct user given_user(const char *step) {
    uid_t uid = (uid_t)given_number("--uid", 1, 0xfffffffe);
    gid_t gid = (gid_t)given_number("--gid", 1, 0xfffffffe);
    refuse_if((uid == 0) != (gid == 0), step, "--uid and --gid", "both are needed");
    refuse_if(uid != 0 && geteuid() != 0, step, "--uid and --gid", "only root can become another user; leave them out");
    return (struct user){ uid, gid };
}
