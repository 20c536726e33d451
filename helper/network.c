/* network: a wall in which every address is the app's own, a gate before which it waits for the agent, and `sockets`,
 * which makes sockets in a network and hands them to the agent: each keeps the network that it was made in. */
#include "helper.h"
#include <arpa/inet.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct option OPTIONS[] = { { "--child", 1, false }, { "--start-ticks", 1, false }, { NULL, 0, false } };

/* A new network namespace starts with its loopback down, and most servers expect it up. */
void raise_loopback(void) {
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int fd = must("network", "lo", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    must("network", "lo", ioctl(fd, SIOCSIFFLAGS, &lo));
    close(fd);
}

/* What an app asks for arrives here. In the table `main`: where passt could listen itself, it takes it that nobody does. */
static void own_all_addresses(unsigned char family) {
    struct { struct nlmsghdr head; struct rtmsg route; struct rtattr name; unsigned lo; } ask = {
        { sizeof ask, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 0, 0 },
        { family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0 },
        { RTA_LENGTH(sizeof(unsigned)), RTA_OIF }, 1 };
    struct { struct nlmsghdr head; struct nlmsgerr error; char more[512]; } answer = { 0 };
    int fd = must("network", "routes", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    must("network", "routes", send(fd, &ask, sizeof ask, 0));
    must("network", "routes", recv(fd, &answer, sizeof answer, 0));
    refuse_if(answer.error.error != 0, "network", "routes", strerror(-answer.error.error));
    close(fd);
}

/* Connected by the caller, whom the agent's socket is open to; an agent that is not there stops the start. */
int open_gate(const char *path) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    refuse_if(strlen(path) >= sizeof to.sun_path, "gate", path, "path too long");
    strcpy(to.sun_path, path);
    int gate = must("gate", path, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    must("gate", "the agent does not wait for this start", connect(gate, (struct sockaddr *)&to, sizeof to));
    return gate;
}

/* The namespaces stand: the agent makes its listeners in them, and answers. */
void pass_gate(int gate) {
    char byte;
    own_all_addresses(AF_INET);
    own_all_addresses(AF_INET6);
    bool passed = send(gate, "r", 1, MSG_NOSIGNAL) == 1 && read(gate, &byte, 1) == 1;
    refuse_if(!passed, "gate", "network", "the agent has not connected it");
    close(gate);
}

/* First the user namespace that a network belongs to, which is not bubblewrap's; our own cannot be joined again. */
static void join_network(void) {
    const char *path = proc_path((int)given_number("--child", 2, MAX_TASKS), "ns/net");
    int network = must("sockets", path, open(path, O_RDONLY | O_CLOEXEC));
    close(open_process("sockets: process"));
    must("sockets", "user namespace", setns(must("sockets", "owner", ioctl(network, NS_GET_USERNS)), CLONE_NEWUSER));
    must("sockets", "network", setns(network, CLONE_NEWNET));
}

/* `listen` takes connections to whatever address they were meant for, where a filter leads them to it. */
static int make_socket(const char *kind, const char *address, const char *port) {
    bool listens = strcmp(kind, "listen") == 0, dials = strcmp(kind, "dial") == 0, bound = strcmp(kind, "datagrams") == 0;
    union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } to = { .six = { 0 } };
    to.any.sa_family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
    to.four.sin_port = htons((in_port_t)number("sockets", port, 1, 65535)); /* both have it in the same place */
    bool four = to.any.sa_family == AF_INET;
    void *place = four ? (void *)&to.four.sin_addr : (void *)&to.six.sin6_addr;
    refuse_if(inet_pton(to.any.sa_family, address, place) != 1, "sockets", address, "not an address");
    refuse_if(!listens && !dials && !bound, "sockets", kind, "not a kind; there are listen, dial, datagrams");
    int on = 1, fd = must("sockets", kind, socket(to.any.sa_family, (bound ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
    int level = four ? SOL_IP : SOL_IPV6, transparent = four ? IP_TRANSPARENT : IPV6_TRANSPARENT;
    must("sockets", "again", listens ? setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) : 0);
    must("sockets", "transparent", dials ? 0 : setsockopt(fd, level, transparent, &on, sizeof on));
    must("sockets", address, dials ? connect(fd, &to.any, sizeof to) : bind(fd, &to.any, sizeof to));
    must("sockets", address, listens ? listen(fd, SOMAXCONN) : 0);
    return fd;
}

/* As Node hands descriptors to its children and takes them back: a line of JSON, and the descriptor with it. Node does
 * not ask whether a socket that it is handed waits: one that does lets an app that never reads hold the whole agent. */
static void hand_out(int fd, const char *line) {
    must("sockets", "not waiting", fcntl(fd, F_SETFL, O_NONBLOCK));
    char space[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec text = { (char *)line, strlen(line) };
    struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    must("sockets", "channel at 3", sendmsg(3, &message, MSG_NOSIGNAL));
    close(fd);
}

int sockets_main(char **words) {
    words = read_options("sockets", OPTIONS, words);
    join_network();
    for (; words[0] != NULL; words += 3) {
        refuse_if(words[1] == NULL || words[2] == NULL, "sockets", words[0], "ADDRESS and PORT must follow");
        hand_out(make_socket(words[0], words[1], words[2]),
                 words[0][1] == 'a' ? "{\"cmd\":\"NODE_HANDLE\",\"type\":\"dgram.Native\",\"msg\":0}\n"
                                    : "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":0}\n");
    }
    return 0;
}
