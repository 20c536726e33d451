/* ask: one more program in a compartment that runs, or with --run the start of one, without a Node of our own. Asks the
 * agent just what the command line would ask, and does what it answers. Until there is an answer nothing has been done, and
 * so whatever is unusual is left to the command line, which knows the words for it: --else names the start script. */
#include "helper.h"
#include <sys/socket.h>
#include <sys/un.h>

enum { QUESTION_LIMIT = 1 << 20, ANSWER_LIMIT = 1 << 21, MAX_ANSWER_WORDS = 9000, ANSWERS_WITHIN_S = 30, STARTS_WITHIN_S = 600 };

static const struct option OPTIONS[] = { { "--socket", 1, false }, { "--else", 1, false }, { "--run", 1, false }, { NULL, 0, false } };

static char question[QUESTION_LIMIT], answer[ANSWER_LIMIT + 1], *answered[MAX_ANSWER_WORDS + 1], *clean[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
static size_t asked;

/* The same words once more, to the command line. The variable tells it that this way was tried. */
static _Noreturn void leave_it(char **command) {
    size_t count = 0, at = 0;
    while (command[count] != NULL)
        count++;
    char **words = calloc(count + 7, sizeof *words), *script = given("--else")[0], **flags = given("--run");
    must("ask", "memory", words == NULL || setenv("SKERRY_ASK", "off", 1) != 0 ? -1 : 0);
    words[at++] = "/bin/sh";
    words[at++] = script;
    words[at++] = flags == NULL ? "exec" : "run";
    if (flags != NULL && strchr(flags[0], 'q') != NULL)
        words[at++] = "--quiet";
    if (flags != NULL && strchr(flags[0], 'c') != NULL)
        words[at++] = "--clone";
    words[at++] = command[0];
    words[at++] = "--";
    memcpy(words + at, command + 1, count * sizeof *words);
    execv(words[0], words);
    refuse("ask", script, strerror(errno));
}

/* As the command line names them: a folder is handed to nobody, and a file would be handed on with all its rights. */
static char stream_kind(int fd) {
    struct stat about;
    if (fstat(fd, &about) != 0)
        return 'p';
    if (S_ISCHR(about.st_mode))
        return isatty(fd) ? 't' : 'n';
    return S_ISDIR(about.st_mode) ? 'd' : S_ISREG(about.st_mode) || S_ISBLK(about.st_mode) ? 'f' : 'p';
}

/* False where there is no room for it. */
static bool add_word(const char *word) {
    size_t length = strlen(word) + 1;
    if (length > sizeof question - asked)
        return false;
    memcpy(question + asked, word, length);
    asked += length;
    return true;
}

/* Whoever answers says what is run here, and so it is this user's. A path that is too long is nobody's. */
static int call_agent(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = given("--run") == NULL ? ANSWERS_WITHIN_S : STARTS_WITHIN_S };
    struct ucred who = { .uid = (uid_t)-1 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &(socklen_t){ sizeof who }) != 0 || who.uid != geteuid())
        return -1;
    return fd;
}

static bool say_all(int fd, const char *bytes, size_t length) {
    for (ssize_t said; length > 0; bytes += said, length -= (size_t)said)
        if ((said = send(fd, bytes, length, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

/* Everything up to the end, or nothing: an answer that was cut off, is too long or is a refusal counts as none. */
static char *hear_all(int fd, char **end) {
    size_t length = 0;
    for (ssize_t heard; (heard = recv(fd, answer + length, ANSWER_LIMIT - length, 0)) != 0; length += (size_t)heard)
        if (heard < 0)
            return NULL;
    answer[length] = '\0';
    char *body = strncmp(answer, "HTTP/1.1 200 ", 13) == 0 ? strstr(answer, "\r\n\r\n") : NULL;
    *end = answer + length;
    return body == NULL || length == ANSWER_LIMIT || answer[length - 1] != '\0' ? NULL : body + 4;
}

/* Its words, each closed by a zero; first of all how many there are. Answers 0 for what is malformed. */
static size_t read_words(char *at, const char *end) {
    size_t count = 0;
    for (; at < end && count < MAX_ANSWER_WORDS; at += strlen(at) + 1)
        answered[count++] = at;
    char said[24];
    snprintf(said, sizeof said, "%zu", count);
    return at == end && count > 2 && strcmp(said, answered[0]) == 0 ? count : 0;
}

/* What a start is told besides: its flags, who becomes the wall, and where. */
static bool add_start(const char *flags) {
    char number[16], *here = getcwd(NULL, 0);
    snprintf(number, sizeof number, "%d", (int)getpid());
    return here != NULL && add_word(flags) && add_word(number) && add_word(here);
}

int ask_main(char **words) {
    char **command = read_options("ask", OPTIONS, words), **run = given("--run"), kinds[4] = "", head[160], *end;
    refuse_if(given("--socket") == NULL || given("--else") == NULL, "ask", "usage", "--socket PATH and --else SCRIPT are needed");
    const char *terminal = getenv("TERM");
    for (int i = 0; i < 3; i++)
        kinds[i] = stream_kind(i);
    bool fits = strchr(kinds, 'd') == NULL && add_word(kinds) && add_word(kinds[1] != 't' ? "" : terminal == NULL ? "dumb" : terminal);
    fits = fits && (run == NULL || add_start(run[0]));
    for (char **word = command; *word != NULL; word++)
        fits = fits && add_word(*word);
    int fd = fits ? call_agent(given("--socket")[0]) : -1;
    snprintf(head, sizeof head, "POST /skerry/%s/1 HTTP/1.0\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
             run == NULL ? "enter" : "start", asked);
    char *body = fd >= 0 && say_all(fd, head, strlen(head)) && say_all(fd, question, asked) ? hear_all(fd, &end) : NULL;
    size_t count = body == NULL ? 0 : read_words(body, end);
    close(fd);
    if (count > 4 && run == NULL && strcmp(answered[1], "machine") == 0)
        attach(answered[2], answered[3], kinds, answered + 4);
    /* A start has a word more: what is to be said before it. */
    char **argv = answered + (run == NULL ? 2 : 3);
    if (count <= (run == NULL ? 2 : 3) || strcmp(answered[1], run == NULL ? "run" : "start") != 0 || argv[0][0] != '/')
        leave_it(command);
    if (run != NULL && answered[2][0] != '\0')
        dprintf(2, "%s\n", answered[2]);
    execve(argv[0], argv, clean);
    refuse("ask", argv[0], strerror(errno));
}
