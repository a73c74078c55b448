"""One client's story with kazoo's recipes; PROTOCOL.md says what each printed line means."""

import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoAuthError, RolledBackError, RuntimeInconsistency
from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.counter import Counter
from kazoo.recipe.election import Election
from kazoo.recipe.party import Party
from kazoo.recipe.queue import LockingQueue, Queue
from kazoo.retry import KazooRetry
from kazoo.security import make_digest_acl

PATIENCE = 30.0  # seconds for anything that waits on a server


def say(line):
    print(line, flush=True)


def check(condition, reason):
    if not condition:
        raise AssertionError(reason)


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < deadline, "waited in vain for " + what)
        time.sleep(0.02)


def open_session(hosts, timeout):
    patient = KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_delay=0.1, deadline=PATIENCE)
    client = KazooClient(hosts=hosts, timeout=timeout, randomize_hosts=True, command_retry=patient)
    client.start(timeout=PATIENCE)
    return client


class InBackground(threading.Thread):
    """Runs a function; result() waits for what it returns, or raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args, self.value, self.error = function, args, None, None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.args)
        except Exception as e:
            self.error = e

    def result(self):
        self.join(PATIENCE)
        check(not self.is_alive(), "%s takes too long" % self.function)
        if self.error:
            raise self.error
        return self.value


class Recipes:
    """The two sessions, and what stays open while the server is killed."""

    def __init__(self, hosts, root, timeout):
        self.root = root
        self.a, self.b = open_session(hosts, timeout), open_session(hosts, timeout)
        self.data, self.children = [], []

    def under(self, name):
        return self.root + "/" + name

    def transact(self):
        a, path = self.a, self.under("transaction")
        a.create(path, b"one")
        good = a.transaction()
        good.check(path, version=0)
        good.create(path + "/new-", b"two", sequence=True)
        good.set_data(path, b"three", version=0)
        good.delete(path + "/new-0000000000", version=0)
        results = good.commit()
        check(results[0] is True and results[1] == path + "/new-0000000000" and results[3] is True, "results %r" % results)
        check(results[2].version == 1, "stat %r" % (results[2],))
        bad = a.transaction()
        bad.set_data(path, b"never")
        bad.check(path, version=7)
        bad.create(self.under("never"))
        results = [type(r) for r in bad.commit()]
        check(results == [RolledBackError, BadVersionError, RuntimeInconsistency], "results %r" % results)
        self.b.sync(path)
        check(self.b.get(path)[0] == b"three" and self.b.exists(self.under("never")) is None, "a refused transaction left something")
        say("transacted")

    def guard(self):
        a, b, path = self.a, self.b, self.under("guarded")
        a.add_auth("digest", "ann:secret")
        a.create(path, b"mine", acl=[make_digest_acl("ann", "secret", all=True)])
        acl, stat = a.get_acls(path)
        check(len(acl) == 1 and acl[0].id.scheme == "digest" and acl[0].id.id.startswith("ann:"), "acl %r" % acl)
        b.sync(path)
        for refused in (lambda: b.get(path), lambda: b.set(path, b"yours"), lambda: b.set_acls(path, acl), lambda: b.get_children(path)):
            try:
                refused()
                raise AssertionError("B was not refused")
            except NoAuthError:
                pass
        b.add_auth("digest", "ann:secret")
        check(b.get(path)[0] == b"mine", "B is refused although it knows the secret")
        check(b.set_acls(path, acl, version=stat.aversion).aversion == stat.aversion + 1, "version of the acl")
        say("guarded")

    def meet(self):
        a, b = self.a, self.b
        barrier = Barrier(a, self.under("barrier"))
        barrier.create()
        check(not Barrier(b, self.under("barrier")).wait(timeout=0.3), "B passed the barrier")
        passing = InBackground(Barrier(b, self.under("barrier")).wait, PATIENCE)
        barrier.remove()
        check(passing.result(), "B did not pass although the barrier has gone")

        doubles = [DoubleBarrier(c, self.under("double"), 2) for c in (a, b)]
        for step in ("enter", "leave"):
            first = InBackground(getattr(doubles[0], step))
            getattr(doubles[1], step)()
            first.result()

        self.parties = [Party(a, self.under("party"), "a"), Party(b, self.under("party"), "b")]
        for party in self.parties:
            party.join()
        b.sync(self.under("party"))
        check(len(self.parties[1]) == 2 and set(self.parties[1]) == {"a", "b"}, "the party is %r" % list(self.parties[1]))

        self.counters = [Counter(a, self.under("counter")), Counter(b, self.under("counter"))]
        self.counters[0] += 3
        self.counters[1] -= 1
        check(self.counters[1].value == 2, "the counter is %r" % self.counters[1].value)
        say("met")

    def queue(self):
        a, b = self.a, self.b
        queue = Queue(a, self.under("queue"))
        for value, priority in ((b"second", 100), (b"third", 100), (b"first", 50)):
            queue.put(value, priority)
        b.sync(self.under("queue"))
        got = [Queue(b, self.under("queue")).get() for _ in range(4)]
        check(got == [b"first", b"second", b"third", None], "the queue had %r" % got)
        self.queues = [LockingQueue(a, self.under("locking")), LockingQueue(b, self.under("locking"))]
        self.queues[0].put_all([b"one", b"two"])
        check(self.queues[1].get(PATIENCE) == b"one" and self.queues[1].consume(), "B took no entry")
        check(self.queues[1].get(PATIENCE) == b"two", "B holds no entry")  # and keeps holding it
        check(self.queues[0].get(0.3) is None, "A took what B holds")
        say("queued")

    def watch(self):
        a, b, path = self.a, self.b, self.under("watched")
        a.create(path, b"one")
        a.DataWatch(path, lambda data, stat: self.data.append(data))
        a.ChildrenWatch(path, lambda names: self.children.append(sorted(names)))
        self.cache = TreeCache(a, path)
        self.cache.start()
        b.set(path, b"two")
        b.create(path + "/x/y", b"deep", makepath=True)
        wait_for("the data watch", lambda: self.data == [b"one", b"two"])
        wait_for("the children watch", lambda: self.children == [[], ["x"]])
        wait_for("the cache", lambda: getattr(self.cache.get_data(path + "/x/y"), "data", None) == b"deep")
        b.delete(path + "/x", recursive=True)
        wait_for("the children watch", lambda: self.children == [[], ["x"], []])
        wait_for("the cache", lambda: self.cache.get_data(path + "/x") is None)
        say("watched")

    def elect(self):
        # Each leads until it is told to stop.
        self.leading = [threading.Event(), threading.Event()]
        self.stop = [threading.Event(), threading.Event()]

        def lead(i):
            self.leading[i].set()
            self.stop[i].wait()

        self.elections = [Election(c, self.under("election"), name) for c, name in ((self.a, "a"), (self.b, "b"))]
        self.running = [InBackground(self.elections[0].run, lead, 0)]
        check(self.leading[0].wait(PATIENCE), "A does not lead")
        self.running.append(InBackground(self.elections[1].run, lead, 1))
        wait_for("two contenders", lambda: self.elections[0].contenders() == ["a", "b"])
        check(not self.leading[1].wait(0.3), "B leads while A does")
        say("elected")

    def after_the_kill(self, session):
        a, b, path = self.a, self.b, self.under("watched")
        check(a.retry(a.get, path)[0] == b"two", "data after the server's death")
        check(a.client_id[0] == session, "another session 0x%x" % a.client_id[0])
        b.retry(b.sync, self.root)
        check(b.retry(lambda: set(self.parties[1])) == {"a", "b"}, "somebody has left the party")
        say("survived")

        b.retry(b.set, path, b"three")
        wait_for("the data watch", lambda: self.data[-1] == b"three")
        b.retry(b.create, path + "/z", b"last")
        wait_for("the children watch", lambda: self.children[-1] == ["z"])
        wait_for("the cache", lambda: getattr(self.cache.get_data(path + "/z"), "data", None) == b"last")
        say("rewatched")

        check(not self.leading[1].is_set(), "B leads although A has not stopped")
        self.stop[0].set()
        self.running[0].result()
        check(self.leading[1].wait(PATIENCE), "B does not lead although A has stopped")
        self.stop[1].set()
        self.running[1].result()
        say("reelected")

        check(self.queues[1].holds_lock() and self.queues[1].consume(), "B has lost its entry")
        check(self.queues[0].get(0.3) is None, "an entry came back")
        self.counters[1] += 40
        a.retry(a.sync, self.under("counter"))
        check(self.counters[0].value == 42, "the counter is %r" % self.counters[0].value)
        say("requeued")

    def story(self):
        session = self.a.client_id[0]
        say("connected 0x%x" % session)
        self.a.create(self.root, b"root")
        for chapter in (self.transact, self.guard, self.meet, self.queue, self.watch, self.elect):
            chapter()
        say("ready")
        check(sys.stdin.readline().strip() == "go", "expected the line go")
        self.after_the_kill(session)
        self.cache.close()
        for client in (self.a, self.b):
            client.stop()
            client.close()
        say("ok")


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    hosts, root, timeout = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1000
    try:
        Recipes(hosts, root, timeout).story()
    except Exception as e:  # every failure is one line
        logging.exception("story")
        say("fail %s: %s" % (type(e).__name__, str(e).replace("\n", " ")))
        sys.exit(1)


main()
