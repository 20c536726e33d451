"""Run inside a compartment by tests/journeys/network-limits.test.ts: takes more than it should of a network by names.

Says `seen JSON` once it has what it wanted, and then holds it until its input ends.
"""
import json
import os
import random
import select
import socket
import struct
import sys
import time

what, port = sys.argv[1], int(sys.argv[2])
RESOLVER = ("127.0.0.53", 53)
kept = []


def seen(value):
    print("seen", json.dumps(value), flush=True)
    sys.stdin.read()


def alive(client):
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", random.randrange(65536), 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


if what == "hold":
    place = socket.getaddrinfo("right.example.org", port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    soft, hard = __import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE)
    __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (min(hard, 4096), hard))
    for _ in range(1500):
        try:
            client = socket.socket()
            client.connect(place)
            client.send(b"x")
            kept.append(client)
        except OSError:
            pass
        time.sleep(0.002)
    time.sleep(1)
    seen(sum(alive(client) for client in kept))
elif what == "names":
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.connect(RESOLVER)
    asker.settimeout(20)
    counts = {"granted": 0, "absent": 0}
    for index in range(2000):
        name = f"n{index}.many.example.org" if index % 2 == 0 else f"n{index}.other.example.org"
        asker.send(question(name))
        code = asker.recv(2000)[3] & 15
        counts["granted"] += code == 0
        counts["absent"] += code == 3
    seen(counts)
elif what == "slow":
    for _ in range(20):
        client = socket.create_connection(("right.example.org", port))
        client.recv(1)
        kept.append(client)
    time.sleep(2)
    seen(len(kept))
elif what == "push":
    client = socket.create_connection(("right.example.org", port))
    client.setblocking(False)
    sent = 0
    while select.select([], [client], [], 3)[1]:
        sent += client.send(b"x" * 65536)
    kept.append(client)
    seen(sent)
elif what == "garbage":
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for length in (0, 1, 11, 12, 17, 100, 512, 1400, 9000, 60000):
        for _ in range(20):
            asker.sendto(os.urandom(length), RESOLVER)
            asker.sendto((question("right.example.org") + os.urandom(length))[: max(12, length)], RESOLVER)
    for size in (1, 2, 3, 2000, 100000):
        try:
            client = socket.create_connection(RESOLVER)
            client.sendall(os.urandom(size))
            client.close()
        except OSError:
            pass
    # Half a question, and a length that no question has.
    for start in (b"\0\x1d" + question("right.example.org")[:5], b"\xff\xff", b"\0\0"):
        client = socket.create_connection(RESOLVER)
        client.sendall(start)
        kept.append(client)
    # Closed with a reset, at once.
    for _ in range(200):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            client.connect(("192.0.2.99", 443))
        except OSError:
            pass
        client.close()
    seen("sent")
