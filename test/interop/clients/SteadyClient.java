import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Works steadily with ZooKeeper's own Java client while servers come and go; PROTOCOL.md says what each printed line means. */
public class SteadyClient {
    private static final long PATIENCE_MS = 60_000;
    private static final long PACE_MS = 5;

    interface Operation<T> {
        T run() throws KeeperException, InterruptedException;
    }

    interface Work {
        void run() throws Exception;
    }

    private final ZooKeeper a;
    private final ZooKeeper b;
    private final String root;
    private volatile boolean stopping;
    private volatile long wrote;
    private volatile long flagged;
    private long lastWriteNanos;
    private long longestNanos;

    SteadyClient(String hosts, String root, int timeoutMs) throws Exception {
        this.a = open(hosts, timeoutMs);
        this.b = open(hosts, timeoutMs);
        this.root = root;
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
                Thread.sleep(5);
            }
        }
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static void check(boolean condition, String reason) {
        if (!condition) {
            throw new AssertionError(reason);
        }
    }

    static byte[] bytes(Object o) {
        return o.toString().getBytes(StandardCharsets.UTF_8);
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

    /** Creates a znode; that it is there already is the work of an attempt whose answer was lost. */
    void create(ZooKeeper zk, String path, Object data) throws Exception {
        again(() -> {
            try {
                zk.create(path, bytes(data), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            } catch (KeeperException.NodeExistsException e) {
                // as said above
            }
            return null;
        });
    }

    void write() throws Exception {
        lastWriteNanos = System.nanoTime();
        for (long i = 0; !stopping; i++) {
            long n = i;
            create(a, root + "/writes/w" + i, i);
            again(() -> a.setData(root + "/counter", bytes(n), -1));
            long now = System.nanoTime();
            synchronized (this) {
                longestNanos = Math.max(longestNanos, now - lastWriteNanos);
                lastWriteNanos = now;
                wrote = i + 1;
            }
            Thread.sleep(PACE_MS);
        }
    }

    /** Reads what is written: it may be old, and never goes back within a session. */
    void read(ZooKeeper zk) throws Exception {
        long value = 0;
        long mzxid = 0;
        while (!stopping) {
            Stat stat = new Stat();
            long seen = Long.parseLong(new String(again(() -> zk.getData(root + "/counter", false, stat)), StandardCharsets.UTF_8));
            check(seen >= value && stat.getMzxid() >= mzxid, "read " + seen + " of 0x" + Long.toHexString(stat.getMzxid()) + " after " + value + " of 0x" + Long.toHexString(mzxid));
            value = seen;
            mzxid = stat.getMzxid();
            Thread.sleep(PACE_MS);
        }
    }

    /** Every one-shot watch that B leaves must tell once of what A then does. */
    void flag() throws Exception {
        BlockingQueue<WatchedEvent> events = new ArrayBlockingQueue<>(1024);
        for (long i = 0; !stopping; i++) {
            String path = root + "/flags/f" + i;
            Watcher watcher = event -> {
                if (event.getType() != Watcher.Event.EventType.None) {
                    events.add(event);
                }
            };
            // The same watcher again is the same watch, so that an attempt whose answer was lost leaves no second one.
            check(again(() -> b.exists(path, watcher)) == null, "a flag that nobody raised: " + path);
            create(a, path, "");
            WatchedEvent event = events.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
            check(event != null, "no event of " + path);
            check(event.getType() == Watcher.Event.EventType.NodeCreated && path.equals(event.getPath()), "event " + event + ", not of " + path);
            check(events.isEmpty(), "a second event " + events);
            flagged = i + 1;
            Thread.sleep(4 * PACE_MS);
        }
    }

    static Thread background(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Throwable e) {
                e.printStackTrace();
                say("fail " + e);
                System.exit(1);
            }
        });
        thread.start();
        return thread;
    }

    synchronized void mark(String name) {
        long longest = Math.max(longestNanos, System.nanoTime() - lastWriteNanos);
        longestNanos = 0;
        say("mark " + name + " wrote " + wrote + " flagged " + flagged + " pause " + longest / 1_000_000);
    }

    void story() throws Exception {
        long session = a.getSessionId();
        say("connected 0x" + Long.toHexString(session));
        for (String dir : new String[] {"", "/writes", "/flags", "/lock"}) {
            create(a, root + dir, "");
        }
        create(a, root + "/counter", 0);
        String mine = a.create(root + "/lock/lock-", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        long born = a.exists(mine, false).getCzxid();
        CountDownLatch released = new CountDownLatch(1);
        b.exists(mine, event -> {
            if (event.getType() != Watcher.Event.EventType.None) {
                released.countDown();
            }
        });
        Thread[] work = {background(this::write), background(() -> read(a)), background(() -> read(b)), background(this::flag)};
        say("working");

        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); !"stop".equals(line); line = in.readLine()) {
            check(line != null, "expected the line stop");
            mark(line);
        }
        stopping = true;
        for (Thread thread : work) {
            thread.join();
        }
        say("wrote " + wrote + " flagged " + flagged);
        Stat stat = again(() -> a.exists(mine, false));
        check(released.getCount() == 1 && stat != null && stat.getCzxid() == born && stat.getEphemeralOwner() == session && a.getSessionId() == session, "the lock was lost");
        again(() -> {
            a.delete(mine, -1);
            return null;
        });
        check(released.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "B was not told that the lock is free");
        say("held");
        a.close();
        b.close();
        say("ok");
    }

    public static void main(String[] args) {
        try {
            new SteadyClient(args[0], args[1], Integer.parseInt(args[2])).story();
            System.exit(0);
        } catch (Throwable e) {
            e.printStackTrace();
            say("fail " + e);
            System.exit(1);
        }
    }
}
