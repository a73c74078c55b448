"""Works steadily with kazoo while servers come and go; PROTOCOL.md says what each printed line means."""

import logging
import os
import sys
import threading
import time

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import ConnectionLoss, NodeExistsError, NoNodeError, OperationTimeoutError, SessionExpiredError
from kazoo.recipe.lock import Lock

PATIENCE = 60.0  # seconds for anything that waits on a server
PACE = 0.005

saying = threading.Lock()


def say(line):
    with saying:
        print(line, flush=True)


def check(condition, reason):
    if not condition:
        raise AssertionError(reason)


def again(operation, *args, **kwargs):
    """Calls operation until the connection no longer gets lost under it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return operation(*args, **kwargs)
        except (ConnectionLoss, OperationTimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(PACE)


def fail(e):
    logging.exception("story")
    say("fail %s: %s" % (type(e).__name__, str(e).replace("\n", " ")))
    os._exit(1)


def background(work, *args):
    def run():
        try:
            work(*args)
        except Exception as e:  # every failure is one line
            fail(e)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class Steady:
    def __init__(self, hosts, root, timeout):
        self.root = root
        self.a, self.b = self.open(hosts, timeout), self.open(hosts, timeout)
        self.mutex = threading.Lock()
        self.stopping = False
        self.wrote = self.seen = 0
        self.longest, self.last = 0.0, time.monotonic()

    @staticmethod
    def open(hosts, timeout):
        client = KazooClient(hosts=hosts, timeout=timeout, randomize_hosts=True)

        def listen(state):
            if state == KazooState.LOST and not getattr(client, "leaving", False):
                fail(SessionExpiredError())

        client.start(timeout=PATIENCE)
        client.add_listener(listen)
        return client

    def create(self, client, path, data):
        """Creates a znode; that it is there already is the work of an attempt whose answer was lost."""
        try:
            again(client.create, path, data)
        except NodeExistsError:
            pass

    def write(self):
        i = 0
        while not self.stopping:
            self.create(self.a, "%s/writes/w%d" % (self.root, i), b"%d" % i)
            again(self.a.set, self.root + "/counter", b"%d" % i)
            now = time.monotonic()
            i += 1
            with self.mutex:
                self.longest = max(self.longest, now - self.last)
                self.last, self.wrote = now, i
            time.sleep(PACE)

    def read(self, client):
        """Reads what is written: it may be old, and never goes back within a session."""
        value = mzxid = 0
        while not self.stopping:
            data, stat = again(client.get, self.root + "/counter")
            check(int(data) >= value and stat.mzxid >= mzxid, "read %r of 0x%x after %d of 0x%x" % (data, stat.mzxid, value, mzxid))
            value, mzxid = int(data), stat.mzxid
            time.sleep(PACE)

    def mark(self, name):
        with self.mutex:
            longest = max(self.longest, time.monotonic() - self.last)
            self.longest = 0.0
            say("mark %s wrote %d flagged %d pause %d" % (name, self.wrote, self.seen, longest * 1000))

    def story(self):
        session = self.a.client_id[0]
        say("connected 0x%x" % session)
        for directory in ("", "/writes", "/flags"):
            self.create(self.a, self.root + directory, b"")
        self.create(self.a, self.root + "/counter", b"0")
        lock_a, lock_b = Lock(self.a, self.root + "/lock", "a"), Lock(self.b, self.root + "/lock", "b")
        check(lock_a.acquire(timeout=PATIENCE), "A could not lock")
        mine = self.root + "/lock/" + lock_a.node
        born = self.a.exists(mine).czxid
        locked = threading.Event()

        def stand_in_line():
            again(lock_b.acquire)
            locked.set()

        background(stand_in_line)
        last = threading.Event()

        @self.b.DataWatch(self.root + "/counter")
        def on_counter(data, stat):
            self.seen += 1
            if data == b"last":
                last.set()

        work = [background(self.write), background(self.read, self.a), background(self.read, self.b)]
        say("working")
        for line in iter(sys.stdin.readline, ""):
            if line.strip() == "stop":
                break
            self.mark(line.strip())
        else:
            raise AssertionError("expected the line stop")
        self.stopping = True
        for thread in work:
            thread.join()
        say("wrote %d flagged %d" % (self.wrote, self.seen))
        again(self.a.set, self.root + "/counter", b"last")
        check(last.wait(PATIENCE), "the data watch missed the last change")
        stat = again(self.a.exists, mine)
        check(not locked.is_set() and stat is not None and stat.czxid == born and stat.ephemeralOwner == session, "the lock was lost")
        try:
            again(lock_a.release)
        except NoNodeError:
            pass
        check(locked.wait(PATIENCE), "B did not get the lock")
        say("held")
        for client in (self.a, self.b):
            client.leaving = True
            client.stop()
            client.close()
        say("ok")


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    hosts, root, timeout = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1000
    try:
        Steady(hosts, root, timeout).story()
    except Exception as e:  # every failure is one line
        fail(e)


main()
