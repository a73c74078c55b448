import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** One client's story with ZooKeeper's own Java client; PROTOCOL.md says what each printed line means. */
public class JavaClient {
    private static final long PATIENCE_MS = 30_000;

    interface Operation<T> {
        T run() throws KeeperException, InterruptedException;
    }

    /** Runs the operation until the connection no longer gets lost under it. */
    static <T> T again(Operation<T> operation) throws KeeperException, InterruptedException {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            try {
                return operation.run();
            } catch (KeeperException.ConnectionLossException e) {
                if (System.currentTimeMillis() > deadline) {
                    throw e;
                }
                Thread.sleep(50);
            }
        }
    }

    /** Lock is ZooKeeper's recipe: the owner is the smallest of the ephemeral sequential children. */
    static class Lock {
        private final ZooKeeper zk;
        private final String dir;
        private String mine;

        Lock(ZooKeeper zk, String dir) {
            this.zk = zk;
            this.dir = dir;
        }

        /** Waits up to ms for the lock; false leaves no trace. */
        boolean acquire(long ms) throws KeeperException, InterruptedException {
            long deadline = System.currentTimeMillis() + ms;
            mine = again(() -> zk.create(dir + "/lock-", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
            while (true) {
                List<String> names = again(() -> zk.getChildren(dir, false));
                Collections.sort(names);
                int place = names.indexOf(mine.substring(dir.length() + 1));
                check(place >= 0, "own lock node is gone");
                if (place == 0) {
                    return true;
                }
                CountDownLatch changed = new CountDownLatch(1);
                Stat before = again(() -> zk.exists(dir + "/" + names.get(place - 1), event -> {
                    if (event.getType() != Watcher.Event.EventType.None) {
                        changed.countDown();
                    }
                }));
                long left = deadline - System.currentTimeMillis();
                if (before != null && !changed.await(Math.max(0, left), TimeUnit.MILLISECONDS)) {
                    release();
                    return false;
                }
            }
        }

        void release() throws KeeperException, InterruptedException {
            again(() -> {
                try {
                    zk.delete(mine, -1);
                } catch (KeeperException.NoNodeException e) {
                    // an attempt whose answer was lost has done it
                }
                return null;
            });
        }
    }

    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static void check(boolean condition, String reason) {
        if (!condition) {
            throw new AssertionError(reason);
        }
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static ZooKeeper open(String hosts, int timeoutMs) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(hosts, timeoutMs, event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        check(connected.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "not connected");
        return zk;
    }

    static void createAndRead(ZooKeeper a, String root) throws Exception {
        a.create(root, bytes("root"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        a.create(root + "/node", bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        String sequential = a.create(root + "/seq-", bytes(""), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL);
        check(sequential.equals(root + "/seq-0000000001"), "sequential name " + sequential);
        a.create(root + "/ephemeral", bytes("mine"), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        say("created");

        Stat stat = new Stat();
        check(Arrays.equals(a.getData(root + "/node", false, stat), bytes("one")), "first read");
        check(stat.getVersion() == 0 && stat.getDataLength() == 3, "first stat " + stat);
        check(a.exists(root + "/ephemeral", false).getEphemeralOwner() == a.getSessionId(), "owner of the ephemeral node");
        check(a.exists(root + "/nothing", false) == null, "exists on a missing node");
        List<String> children = a.getChildren(root, false);
        Collections.sort(children);
        check(children.equals(Arrays.asList("ephemeral", "node", "seq-0000000001")), "children " + children);
        check(a.setData(root + "/node", bytes("two"), 0).getVersion() == 1, "version after set");
        try {
            a.setData(root + "/node", bytes("three"), 0);
            check(false, "a stale version was accepted");
        } catch (KeeperException.BadVersionException e) {
            // as it should
        }
        say("read");
    }

    static void watch(ZooKeeper a, ZooKeeper b, String root) throws Exception {
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        a.getData(root + "/node", events::add, null);
        b.setData(root + "/node", bytes("seen"), -1);
        expect(events, Watcher.Event.EventType.NodeDataChanged, root + "/node");
        a.getChildren(root, events::add);
        b.create(root + "/child", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        expect(events, Watcher.Event.EventType.NodeChildrenChanged, root);
        check(events.isEmpty(), "more events " + events);
        say("watched");
    }

    static void expect(BlockingQueue<WatchedEvent> events, Watcher.Event.EventType type, String path) throws Exception {
        WatchedEvent event;
        do {
            event = events.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
            check(event != null, "watch on " + path + " did not fire");
        } while (event.getType() == Watcher.Event.EventType.None); // the session's own news
        check(event.getType() == type && path.equals(event.getPath()), "event " + event);
    }

    static void story(String hosts, String root, int timeoutMs) throws Exception {
        ZooKeeper a = open(hosts, timeoutMs);
        ZooKeeper b = open(hosts, timeoutMs);
        long session = a.getSessionId();
        say("connected 0x" + Long.toHexString(session));
        createAndRead(a, root);
        watch(a, b, root);

        a.create(root + "/lock", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Lock lockA = new Lock(a, root + "/lock");
        Lock lockB = new Lock(b, root + "/lock");
        check(lockA.acquire(PATIENCE_MS), "A could not lock");
        check(!lockB.acquire(300), "B locked while A held it");
        lockA.release();
        check(lockB.acquire(PATIENCE_MS), "B could not lock after A let go");
        say("locked");

        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        a.getData(root + "/node", events::add, null);
        say("ready");
        check("go".equals(new BufferedReader(new InputStreamReader(System.in)).readLine()), "expected the line go");

        check(Arrays.equals(again(() -> a.getData(root + "/node", false, null)), bytes("seen")), "data after the server's death");
        check(a.getSessionId() == session, "another session 0x" + Long.toHexString(a.getSessionId()));
        check(again(() -> a.exists(root + "/ephemeral", false)).getEphemeralOwner() == session, "ephemeral node");
        say("survived");

        again(() -> b.setData(root + "/node", bytes("after"), -1));
        expect(events, Watcher.Event.EventType.NodeDataChanged, root + "/node");
        say("rewatched");

        check(!lockA.acquire(300), "A locked while B held it");
        lockB.release();
        check(lockA.acquire(PATIENCE_MS), "A could not lock after B let go");
        say("relocked");
        a.close();
        b.close();
        say("ok");
    }

    public static void main(String[] args) {
        try {
            story(args[0], args[1], Integer.parseInt(args[2]));
            System.exit(0);
        } catch (Throwable e) {
            e.printStackTrace();
            say("fail " + e);
            System.exit(1);
        }
    }
}
