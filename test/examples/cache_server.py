# SPDX-License-Identifier: Apache-2.0
"""The example cache server answers as memcached does, whatever comes and in whatever pieces; a tenant's budget holds,
and is nobody else's matter; readers see whole values while writers change and delete them; memory comes back; and a
stop leaves nothing charged and a heap without a fault.

Usage: cache_server.py SERVER MODE [MEMCACHED]: where there is a memcached, what is expected is asked of it as well
"""

import random
import sys
import threading
import time

from cache_client import SECONDS_TO_ANSWER, Client, Server, memcached
from harness import fail

MIB = 1 << 20
LONGEST = b"k" * 250
TOO_LONG = b"k" * 251
BAD_FORMAT = b"CLIENT_ERROR bad command line format\r\n"
NOT_NUMERIC = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
BAD_DELTA = b"CLIENT_ERROR invalid numeric delta argument\r\n"
BAD_TIME = b"CLIENT_ERROR invalid exptime argument\r\n"

# In this order, each as the last one left things.
EXCHANGES = [
    (b"get a\r\n", b"END\r\n"),
    (b"set a 7 0 3\r\nabc\r\n", b"STORED\r\n"),
    (b"get a\r\n", b"VALUE a 7 3\r\nabc\r\nEND\r\n"),
    (b"get  none a  a \r\n", b"VALUE a 7 3\r\nabc\r\nVALUE a 7 3\r\nabc\r\nEND\r\n"),
    (b"get a\n", b"VALUE a 7 3\r\nabc\r\nEND\r\n"),
    (b"get " + b" ".join(b"key%d" % i for i in range(3000)) + b"\r\n", b"END\r\n"),
    (b"set a 4294967295 0 2 noreply\r\nx\n\r\nget a\r\n", b"VALUE a 4294967295 2\r\nx\n\r\nEND\r\n"),
    (b"set " + LONGEST + b" 0 0 0\r\n\r\n", b"STORED\r\n"),
    (b"get " + LONGEST + b"\r\n", b"VALUE " + LONGEST + b" 0 0\r\n\r\nEND\r\n"),
    (b"add a 0 0 1\r\nz\r\n", b"NOT_STORED\r\n"),
    (b"add b 0 0 1\r\nz\r\n", b"STORED\r\n"),
    (b"replace b 0 0 1\r\ny\r\n", b"STORED\r\n"),
    (b"replace c 0 0 1\r\ny\r\n", b"NOT_STORED\r\n"),
    (b"append b 9 9 2\r\nYY\r\n", b"STORED\r\n"),
    (b"prepend b 9 9 2\r\n<<\r\n", b"STORED\r\n"),
    (b"append c 0 0 1\r\ny\r\n", b"NOT_STORED\r\n"),
    (b"get b\r\n", b"VALUE b 0 5\r\n<<yYY\r\nEND\r\n"),
    (b"cas b 0 0 1 999999\r\nz\r\n", b"EXISTS\r\n"),
    (b"cas c 0 0 1 1\r\nz\r\n", b"NOT_FOUND\r\n"),
    (b"delete b\r\n", b"DELETED\r\n"),
    (b"delete b\r\n", b"NOT_FOUND\r\n"),
    (b"delete a 0\r\n", b"DELETED\r\n"),
    (b"delete a 0 noreply\r\n", b""),
    (b"set n 5 0 2\r\n10\r\n", b"STORED\r\n"),
    (b"incr n 5\r\n", b"15\r\n"),
    (b"decr n 8\r\n", b"7\r\n"),
    (b"get n\r\n", b"VALUE n 5 2\r\n7 \r\nEND\r\n"),
    (b"decr n 100\r\n", b"0\r\n"),
    (b"incr n 18446744073709551615\r\n", b"18446744073709551615\r\n"),
    (b"incr n 2\r\n", b"1\r\n"),
    (b"incr none 1\r\n", b"NOT_FOUND\r\n"),
    (b"incr n\r\n", b"ERROR\r\n"),
    (b"incr n x\r\n", BAD_DELTA),
    (b"incr n -1\r\n", BAD_DELTA),
    (b"decr n 18446744073709551616\r\n", BAD_DELTA),
    (b"set n 0 0 3\r\nabc\r\nincr n 1\r\n", b"STORED\r\n" + NOT_NUMERIC),
    (b"set n 0 0 0\r\n\r\nincr n 1\r\n", b"STORED\r\n" + NOT_NUMERIC),
    (b"set n 0 -1 1\r\nx\r\nget n\r\n", b"STORED\r\nEND\r\n"),
    (b"add n 0 1000 1\r\nx\r\n", b"STORED\r\n"),
    (b"touch n 0\r\n", b"TOUCHED\r\n"),
    (b"touch n -1\r\nget n\r\n", b"TOUCHED\r\nEND\r\n"),
    (b"touch n 0\r\n", b"NOT_FOUND\r\n"),
    (b"touch n\r\n", b"ERROR\r\n"),
    (b"touch n x\r\n", BAD_TIME),
    (b"set f 0 0 1\r\nx\r\nflush_all 1000\r\nget f\r\n", b"STORED\r\nOK\r\nVALUE f 0 1\r\nx\r\nEND\r\n"),
    (b"flush_all\r\nget f\r\n", b"OK\r\nEND\r\n"),
    (b"flush_all noreply\r\n", b""),
    (b"flush_all x\r\n", BAD_TIME),
    (b"verbosity 1\r\n", b"OK\r\n"),
    (b"verbosity 1 noreply\r\n", b""),
    (b"verbosity\r\n", b"ERROR\r\n"),
    # What is no request.
    (b"\r\n", b"ERROR\r\n"),
    (b"GET a\r\n", b"ERROR\r\n"),
    (b"get\r\n", b"ERROR\r\n"),
    (b"gets \r\n", b"ERROR\r\n"),
    (b"set a 0 0\r\n", b"ERROR\r\n"),
    (b"set a 0 0 1 noreply x\r\n", b"ERROR\r\n"),
    (b"delete\r\n", b"ERROR\r\n"),
    (b"delete a 5\r\n", b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"),
    (b"get " + TOO_LONG + b"\r\n", BAD_FORMAT),
    (b"delete " + TOO_LONG + b"\r\n", BAD_FORMAT),
    (b"set " + TOO_LONG + b" 0 0 1\r\n", BAD_FORMAT),
    (b"set a -1 0 1\r\n", BAD_FORMAT),
    (b"set a 0 x 1\r\n", BAD_FORMAT),
    (b"set a 0 0 -1\r\n", BAD_FORMAT),
    (b"cas a 0 0 1 x\r\n", BAD_FORMAT),
    (b"set a 0 0 4\r\ninvalid\r\n", b"CLIENT_ERROR bad data chunk\r\nERROR\r\n"),
    (b"set a 0 0 1\r\nx\r\nset a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\nget a\r\n",
     b"STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n"),
]
# Where memcached does something else: it closes, takes lengths modulo 2^32, has a lower limit and another version.
OF_OURS = [
    (b"set a 0 0 %d\r\n%s\r\n" % (MIB, b"x" * MIB), b"STORED\r\n"),
    (b"get a\r\n", b"VALUE a 0 %d\r\n%s\r\nEND\r\n" % (MIB, b"x" * MIB)),
    (b"append a 0 0 1\r\nx\r\n", b"SERVER_ERROR object too large for cache\r\n"),
    (b"z" * 100000 + b"\r\n", b"CLIENT_ERROR line too long\r\n"),
    (b"set a 0 0 99999999999\r\n", BAD_FORMAT),
    (b"version\r\n", b"VERSION 1.0.0\r\n"),
]


def converse(client, exchanges, piece=None):
    """With `piece`, so many bytes at a time, as far as that makes a difference."""
    for question, answer in exchanges:
        if piece is not None and len(question) < 1000:
            for begin in range(0, len(question), piece):
                client.send(question[begin:begin + piece])
            client.expect(answer, question)
        else:
            client.ask(question, answer)


def answers_as_memcached_does(server, peer):
    if peer is not None:
        with memcached(peer) as place, Client(place) as client:
            converse(client, EXCHANGES)
    with server.client() as client:
        converse(client, EXCHANGES + OF_OURS)
        converse(client, [(b"flush_all\r\n", b"OK\r\n")])
        converse(client, EXCHANGES, piece=1)
        # All at once.
        client.ask(b"flush_all\r\n" + b"".join(question for question, _ in EXCHANGES),
                   b"OK\r\n" + b"".join(answer for _, answer in EXCHANGES))
        client.send(b"gets f a\r\nset a 0 0 1\r\nx\r\ngets a\r\n")
        client.expect(b"END\r\nSTORED\r\n")
        cas = client.line().split()[-1]
        client.expect(b"x\r\nEND\r\n")
        client.ask(b"cas a 0 0 1 " + cas + b"\r\ny\r\ncas a 0 0 1 " + cas + b"\r\nz\r\n", b"STORED\r\nEXISTS\r\n")
        client.ask(b"get a\r\nquit\r\n", b"VALUE a 0 1\r\ny\r\nEND\r\n")
        if client.line() != b"":
            fail("quit does not end the connection")


def survives_what_is_no_protocol(server):
    chance = random.Random(7)
    words = [b"get", b"set", b"a", b"1", b"0", b"-1", b"noreply", b"\r\n", b"\n", b"\r", b" ", b"incr", b"append",
             b"cas", b"\0", b"\x80\xff", b"99999999999999999999", LONGEST, TOO_LONG, b"touch", b"flush_all",
             b"x" * 5000, b"17"]
    for _ in range(60):
        with server.client() as client:
            text = b"".join(chance.choice(words) + chance.choice([b"", b" ", b"\r\n"]) for _ in range(60))
            client.send(text if chance.random() < 0.7 else chance.randbytes(3000))
    with server.client() as client:
        wait_for("the end of the others", lambda: client.figure("curr_connections") == 1)
        client.ask(b"flush_all\r\n", b"OK\r\n")  # a delayed one may have been among it
        client.ask(b"set a 0 0 1\r\nx\r\nget a\r\n", b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n")


def items_end_when_they_should(server):
    with server.client() as client:
        client.ask(b"set short 0 1 1\r\nx\r\nset long 0 1000 1\r\nx\r\n", b"STORED\r\nSTORED\r\n")
        client.ask(b"set now 0 %d 1\r\nx\r\nget now\r\n" % (time.time() - 5), b"STORED\r\nEND\r\n")
        # Taken out as well, not only hidden.
        wait_for("the expired items to go", lambda: client.figure("default:items") == 2)
        client.ask(b"get short long a\r\n", b"VALUE long 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n")
        client.ask(b"flush_all 1\r\n", b"OK\r\n")
        wait_for("the delayed flush_all", lambda: client.figure("default:items") == 0)


def wait_for(what, is_so):
    end = time.monotonic() + SECONDS_TO_ANSWER
    while not is_so():
        if time.monotonic() > end:
            fail(f"waited in vain for {what}")
        time.sleep(0.02)


def in_threads(*functions):
    troubles = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # fail() ends in SystemExit
            troubles.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def pattern(key, seed):
    """A value that says what it is and is as long as it says. That of a large one takes a while to be copied."""
    head = b"%s|%d|" % (key, seed)
    return head + b"%02x" % (seed % 256) * (200000 if key.startswith(b"large") else seed % 900)


def require_pattern(key, value):
    if value != pattern(key, int(value.split(b"|", 2)[1])):
        fail(f"{key!r} holds {value[:60]!r}")


def budget_holds(server):
    """Three clients store ten times what red may have, others begin values and do not go on; green reads its own."""
    green = {b"green:%d" % i: pattern(b"green:%d" % i, i) for i in range(300)}
    with server.client() as client:
        for key, value in green.items():
            client.set(key, value)
    is_over = threading.Event()
    stored = []

    def flood(number):
        with server.client() as client:
            count = 0
            for i in range(8000):
                key = b"red:%d:%d" % (number, i)
                answer = client.set(key, pattern(key, i * 7 + number * 100000))
                count += answer == b"STORED"
                if answer not in (b"STORED", b"SERVER_ERROR out of memory storing object"):
                    fail(f"a set was answered {answer!r}")
            stored.append(count)

    def watch():
        with server.client() as client:
            while not is_over.is_set():
                found = client.statistics()
                for name in ("red", "green"):
                    if int(found[f"{name}:usage_bytes"]) > int(found[f"{name}:limit_bytes"]):
                        fail(f"{name} uses more than its limit")

    def read():
        with server.client() as client:
            while not is_over.is_set():
                for key, value in green.items():
                    if client.get(key) != value:
                        fail(f"{key!r} has gone, or is another")

    def write_all():
        try:
            in_threads(*(lambda n=n: flood(n) for n in range(3)))
        finally:
            is_over.set()

    in_threads(write_all, watch, read)
    with server.client() as client:
        found = client.statistics()
    if sum(stored) < 0.95 * 24000 or int(found["red:evictions"]) == 0 or int(found["green:evictions"]) != 0:
        fail(f"{sum(stored)} of 24000 stored, evicted: {found['red:evictions']} red, {found['green:evictions']} green")
    if int(found["red:peak_bytes"]) > int(found["red:limit_bytes"]):
        fail("red once had more than its limit")
    print(f"red: {sum(stored)} of 24000 stored, {found['red:items']} items, peak {found['red:peak_bytes']} of "
          f"{found['red:limit_bytes']} bytes, {found['red:refused_charges']} charges refused")
    stalled_clients_hold_their_own_tenant(server, green)


def stalled_clients_hold_their_own_tenant(server, green):
    clients = [server.client() for _ in range(8)]
    for client in clients:
        client.send(b"set red:large 0 0 %d\r\nxxx" % MIB)
    with server.client() as client:
        wait_for("red to be full of values that do not come", lambda: client.figure("red:usage_bytes") > 3 * MIB)
        for key, value in green.items():
            if client.get(key) != value or client.set(key, value) != b"STORED":
                fail(f"{key!r} cannot be read or stored while another tenant has no room")
        for one in clients:
            one.close()
        wait_for("the next set of red", lambda: client.set(b"red:next", b"x" * 500000) == b"STORED")


def readers_see_whole_values(server):
    keys = [b"k%d" % i for i in range(40)]
    is_over = threading.Event()

    def write(number):
        chance = random.Random(number)
        with server.client() as client:
            for _ in range(3000):
                key = chance.choice(keys)
                if chance.random() < 0.2:
                    client.send(b"delete %s\r\n" % key)
                    client.line()
                elif client.set(key, pattern(key, chance.randrange(10**6))) != b"STORED":
                    fail(f"{key!r} was not stored")

    def write_large():
        with server.client() as client:
            for i in range(600):
                key = b"large%d" % (i % 2)
                client.set(key, pattern(key, i))

    def read_large():
        with server.client() as client:
            while not is_over.is_set():
                for key in (b"large0", b"large1"):
                    value = client.get(key)
                    if value is not None:
                        require_pattern(key, value)

    def count():
        with server.client() as client:
            for _ in range(1000):
                client.send(b"incr counter 1\r\n")
                client.line()

    def read():
        seen = 0
        with server.client() as client:
            while not is_over.is_set():
                for key in keys:
                    value = client.get(key)
                    if value is not None:
                        require_pattern(key, value)
                        seen += 1
        if seen == 0:
            fail("the readers have seen nothing")

    def write_all():
        try:
            in_threads(lambda: write(1), lambda: write(2), write_large, write_large, count, count)
        finally:
            is_over.set()

    with server.client() as client:
        client.set(b"counter", b"0")
        in_threads(write_all, read, read, read_large, read_large)
        if client.get(b"counter") != b"2000":
            fail(f"2000 increments counted {client.get(b'counter')!r}")


def charges_go(server, empty):
    """`empty`: what is charged for the default tenant's table alone."""
    with server.client() as client:
        client.ask(b"flush_all\r\n", b"OK\r\n")
        wait_for("the charges to go", lambda: client.figure("default:usage_bytes") == empty)


def memory_comes_back(program, mode):
    """Of a server that has not done so a dozen times before: then the heap would take it for a cycle, and keep it."""
    with Server(program, mode) as server, server.client() as client:
        empty = client.figure("default:usage_bytes")
        resident = server.resident_bytes()
        for i in range(1600):
            client.set(b"item%d" % i, b"x" * (20000 + i))
        full = server.resident_bytes()
        if full < resident + 20 * MIB:
            fail(f"{resident} bytes were resident, {full} with 30 MB of values")
        client.ask(b"flush_all\r\n", b"OK\r\n")
        wait_for("the charges to go", lambda: client.figure("default:usage_bytes") == empty)
        wait_for("the memory to go back", lambda: server.resident_bytes() < resident + 8 * MIB)
        print(f"resident: {resident >> 20} MiB, {full >> 20} full, {server.resident_bytes() >> 20} after flush_all")


def connections_have_a_budget(program, mode):
    """Clients that are there go on when there is no room for more, and when others read none of their answers."""
    small = b"get a\r\n", b"VALUE a 0 1\r\nx\r\nEND\r\n"
    with Server(program, mode, "--connections", "2m") as server, server.client() as first:
        clients = [server.client() for _ in range(400)]
        wait_for("clients without room", lambda: first.figure("connections:refused_charges") > 0)
        first.ask(b"set a 0 0 1\r\nx\r\n", b"STORED\r\n")
        first.ask(*small)
        for client in clients:
            client.close()
        wait_for("the connections to go", lambda: first.figure("curr_connections") == 1)
        first.set(b"large", b"x" * 300000)
        question, answer = b"get" + b" large" * 200 + b"\r\n", b"VALUE large 0 300000\r\n" + b"x" * 300000 + b"\r\n"
        clients = [server.client() for _ in range(8)]
        for client in clients:
            client.send(question)
        for _ in range(100):
            first.ask(*small)
            if first.figure("answers:usage_bytes") > 2 * MIB:
                fail("the answers take more than their budget")
        for client in clients:
            client.close()
        wait_for("the connections to go", lambda: first.figure("curr_connections") == 1)
        with server.client() as late:
            late.send(question)
            first.ask(*small)
            for _ in range(200):
                late.expect(answer, b"a long get")
            late.expect(b"END\r\n")


def main():
    program, mode, *peer = sys.argv[1:]
    with Server(program, mode, "--threads", "3", "--tenant", "red=4m", "--tenant", "green=4m") as server:
        with server.client() as client:
            empty = client.figure("default:usage_bytes")
        answers_as_memcached_does(server, peer[0] if peer else None)
        survives_what_is_no_protocol(server)
        items_end_when_they_should(server)
        budget_holds(server)
        readers_see_whole_values(server)
        charges_go(server, empty)
        # It stops with clients, one of them in the middle of a value.
        idle, sending = server.client(), server.client()
        sending.ask(b"set red:a 0 0 1\r\nx\r\nset red:b 0 0 1000000\r\nxxx", b"STORED\r\n")
        idle.ask(b"get red:a\r\n", b"VALUE red:a 0 1\r\nx\r\nEND\r\n")
    memory_comes_back(program, mode)
    connections_have_a_budget(program, mode)


if __name__ == "__main__":
    main()
