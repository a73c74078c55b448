"""One client's story with kazoo; PROTOCOL.md says what each printed line means."""

import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, ConnectionLoss, OperationTimeoutError
from kazoo.recipe.lock import Lock

PATIENCE = 30.0  # seconds for anything that waits on a server


def say(line):
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
            time.sleep(0.05)


def open_session(hosts, timeout):
    client = KazooClient(hosts=hosts, timeout=timeout, randomize_hosts=True)
    client.start(timeout=PATIENCE)
    return client


def create_and_read(a, root):
    a.create(root, b"root")
    a.create(root + "/node", b"one")
    sequential = a.create(root + "/seq-", b"", sequence=True)
    check(sequential == root + "/seq-0000000001", "sequential name " + sequential)
    a.create(root + "/ephemeral", b"mine", ephemeral=True)
    say("created")

    data, stat = a.get(root + "/node")
    check(data == b"one" and stat.version == 0 and stat.dataLength == 3, "first read %r %r" % (data, stat))
    check(a.exists(root + "/ephemeral").ephemeralOwner == a.client_id[0], "owner of the ephemeral node")
    check(a.exists(root + "/nothing") is None, "exists on a missing node")
    check(sorted(a.get_children(root)) == ["ephemeral", "node", "seq-0000000001"], "children")
    check(a.set(root + "/node", b"two", version=0).version == 1, "version after set")
    try:
        a.set(root + "/node", b"three", version=0)
        raise AssertionError("a stale version was accepted")
    except BadVersionError:
        pass
    say("read")


def watch(a, b, root):
    events = []
    fired = threading.Event()

    def on_event(event):
        events.append((event.type, event.path))
        fired.set()

    a.get(root + "/node", watch=on_event)
    b.set(root + "/node", b"seen")
    check(fired.wait(PATIENCE), "data watch did not fire")
    fired.clear()
    a.get_children(root, watch=on_event)
    b.create(root + "/child", b"")
    check(fired.wait(PATIENCE), "child watch did not fire")
    check(events == [("CHANGED", root + "/node"), ("CHILD", root)], "events %r" % events)
    say("watched")


def lock(a, b, root):
    lock_a, lock_b = Lock(a, root + "/lock", "a"), Lock(b, root + "/lock", "b")
    check(lock_a.acquire(timeout=PATIENCE), "A could not lock")
    check(not lock_b.acquire(blocking=False), "B locked while A held it")
    lock_a.release()
    check(lock_b.acquire(timeout=PATIENCE), "B could not lock after A let go")
    say("locked")
    return lock_a, lock_b


def story(hosts, root, timeout):
    a, b = open_session(hosts, timeout), open_session(hosts, timeout)
    session = a.client_id[0]
    say("connected 0x%x" % session)
    create_and_read(a, root)
    watch(a, b, root)
    lock_a, lock_b = lock(a, b, root)

    # kazoo does not send its watches again after a reconnect (no setWatches); its recipe DataWatch
    # reads and watches anew, and is what its users rely on.
    seen = []
    fired = threading.Event()

    @a.DataWatch(root + "/node")
    def on_data(data, stat):
        seen.append(data)
        if data == b"after":
            fired.set()

    check(seen == [b"seen"], "first call of the data watch %r" % seen)
    say("ready")
    check(sys.stdin.readline().strip() == "go", "expected the line go")

    data, _ = again(a.get, root + "/node")
    check(data == b"seen", "data after the server's death %r" % data)
    check(a.client_id[0] == session, "another session 0x%x" % a.client_id[0])
    check(again(a.exists, root + "/ephemeral").ephemeralOwner == session, "ephemeral node")
    say("survived")

    again(b.set, root + "/node", b"after")
    check(fired.wait(PATIENCE), "the watch did not survive")
    say("rewatched")

    check(not again(lock_a.acquire, blocking=False), "A locked while B held it")
    again(lock_b.release)
    check(again(lock_a.acquire, timeout=PATIENCE), "A could not lock after B let go")
    say("relocked")
    for client in (a, b):
        client.stop()
        client.close()
    say("ok")


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    hosts, root, timeout = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1000
    try:
        story(hosts, root, timeout)
    except Exception as e:  # every failure is one line
        logging.exception("story")
        say("fail %s: %s" % (type(e).__name__, str(e).replace("\n", " ")))
        sys.exit(1)


main()
