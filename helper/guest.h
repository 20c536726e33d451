/* What the machine's control end (guest.c) and its streams (channel.c) know of each other. */
#pragma once
#include "helper.h"
#include <stdint.h>

enum { WINDOW = 262144 };

/* A program that the host has asked for, until the host has heard of its end. */
struct process {
    uint32_t id; /* of the stream that stands for it; 0 where there is none */
    pid_t pid;
    int ends[3], terminal; /* ours of its standard streams, until a stream takes them; -1 where there is none */
    int code;
    bool ended;
};

/* A stream that the host has opened. */
struct stream {
    uint32_t id;    /* 0 where there is none */
    int from, to;   /* what is read for the host, and written for it; -1 where there is nothing */
    bool connecting, ended, said_end; /* ended: the host has said its last; said_end: we have */
    bool stands;    /* for its process: nothing is read for it, and yet it is not at its end */
    struct process *of;
    size_t credit, taken, start, held_bytes;
    unsigned char *held;
};

/* channel.c */
int serve_streams(void);
void take_up(struct stream *stream, int from, int to), turn_down(struct stream *stream, const char *why);
void say_end(struct stream *stream, const char *words);
struct stream *find_stream(uint32_t id);
void forget_process(const struct process *process);
/* guest.c: what a label asks for; that a stream is no more; that children may have ended; false when all is over. */
void open_label(struct stream *stream, char *label, size_t length), leave_process(struct process *process);
bool look_for_ends(void);
