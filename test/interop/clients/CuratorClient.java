import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.RetryPolicy;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.Stat;

/** One client's story with Curator's recipes; PROTOCOL.md says what each printed line means. */
public class CuratorClient {
    private static final long PATIENCE_MS = 30_000;
    private static final RetryPolicy RETRY = new RetryNTimes(300, 100);

    private final String root;
    private final CuratorFramework a;
    private final CuratorFramework b;

    // What stays open while the server is killed.
    private final BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
    private final PersistentWatcher watcher;
    private final CuratorCache cache;
    private final TreeCache treeCache;
    private final PathChildrenCache pathCache;
    private final InterProcessMutex lockA;
    private final InterProcessMutex lockB;
    private final LeaderLatch latchA;
    private final LeaderLatch latchB;
    private final PersistentNode node;
    private final PersistentTtlNode ttlNode;

    CuratorClient(String hosts, String root, int timeoutMs) throws Exception {
        this.root = root;
        a = open(hosts.substring(0, hosts.indexOf(',')), timeoutMs); // the others it learns from /zookeeper/config
        b = open(hosts, timeoutMs);
        await("the other servers' addresses", () -> a.getZookeeperClient().getCurrentConnectionString().split(",").length == hosts.split(",").length);
        watcher = new PersistentWatcher(a, root + "/watched", true);
        cache = CuratorCache.build(a, root + "/watched");
        treeCache = new TreeCache(b, root + "/watched");
        pathCache = new PathChildrenCache(a, root + "/watched", true);
        lockA = new InterProcessMutex(a, root + "/lock");
        lockB = new InterProcessMutex(b, root + "/lock");
        latchA = new LeaderLatch(a, root + "/latch", "a");
        latchB = new LeaderLatch(b, root + "/latch", "b");
        node = new PersistentNode(a, CreateMode.EPHEMERAL, false, root + "/member/a", bytes("here"));
        ttlNode = new PersistentTtlNode(a, root + "/touched", 2_000, bytes("alive"));
    }

    private static CuratorFramework open(String hosts, int timeoutMs) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder().connectString(hosts)
                .sessionTimeoutMs(timeoutMs).connectionTimeoutMs(timeoutMs).retryPolicy(RETRY).build();
        client.start();
        check(client.blockUntilConnected((int) PATIENCE_MS, TimeUnit.MILLISECONDS), "not connected");
        return client;
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void check(boolean condition, String reason) {
        if (!condition) {
            throw new AssertionError(reason);
        }
    }

    private static void await(String what, Callable<Boolean> condition) throws Exception {
        for (long deadline = System.currentTimeMillis() + PATIENCE_MS; !condition.call(); Thread.sleep(20)) {
            check(System.currentTimeMillis() < deadline, "waited in vain for " + what);
        }
    }

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private void transaction() throws Exception {
        String path = a.create().creatingParentsIfNeeded().forPath(root + "/transaction/old", bytes("one"));
        List<CuratorTransactionResult> results = a.transaction().forOperations(
                a.transactionOp().check().withVersion(0).forPath(path),
                a.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(root + "/transaction/new-", bytes("two")),
                a.transactionOp().setData().withVersion(0).forPath(path, bytes("three")),
                a.transactionOp().delete().withVersion(1).forPath(path));
        String made = results.get(1).getResultPath();
        check(made.equals(root + "/transaction/new-0000000001"), "made " + made);
        check(results.get(2).getResultStat().getVersion() == 1, "set " + results.get(2).getResultStat());
        List<CuratorOp> refused = Arrays.asList(
                a.transactionOp().setData().forPath(made, bytes("never")),
                a.transactionOp().check().withVersion(7).forPath(made),
                a.transactionOp().create().forPath(root + "/never"));
        try {
            a.transaction().forOperations(refused);
            check(false, "a transaction with a stale version was accepted");
        } catch (KeeperException.BadVersionException e) {
            check(e.getResults().size() == 3, "results " + e.getResults());
        }
        b.sync().forPath(root);
        check(Arrays.equals(b.getData().forPath(made), bytes("two")), "a refused transaction has left something");
        check(b.checkExists().forPath(path) == null && b.checkExists().forPath(root + "/never") == null, "a refused transaction has left a node");
        say("transacted");
    }

    private void types() throws Exception {
        String shortLived = a.create().withTtl(500).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(root + "/short", bytes("lived"));
        check(a.checkExists().forPath(shortLived).getEphemeralOwner() == 0, "a node with a time to live has an owner");
        String child = a.create().creatingParentContainersIfNeeded().forPath(root + "/containers/box/child");
        for (String container : Arrays.asList(root + "/containers", root + "/containers/box")) {
            check(a.checkExists().forPath(container).getEphemeralOwner() == 0, container + " has an owner");
        }
        await("the end of the node with a time to live", () -> a.checkExists().forPath(shortLived) == null);
        check(a.checkExists().forPath(child) != null, "a container with a child went");
        a.delete().forPath(child);
        await("the end of both containers", () -> a.checkExists().forPath(root + "/containers") == null);
        ttlNode.start();
        check(ttlNode.waitForInitialCreate(PATIENCE_MS, TimeUnit.MILLISECONDS), "no node to touch");
        say("typed");
    }

    private void watch() throws Exception {
        a.create().forPath(root + "/watched", bytes(""));
        watcher.getListenable().addListener(event -> {
            if (event.getType() != EventType.None) {
                events.add(event);
            }
        });
        // Its reset listener is told when the watch is set; an event before would not come.
        BlockingQueue<Boolean> set = new LinkedBlockingQueue<>();
        watcher.getResetListenable().addListener(() -> set.add(true));
        watcher.start();
        check(set.poll(PATIENCE_MS, TimeUnit.MILLISECONDS) != null, "the recursive watch is not set");
        cache.start();
        treeCache.start();
        pathCache.start();
        b.create().creatingParentsIfNeeded().forPath(root + "/watched/x/y", bytes("one"));
        b.setData().forPath(root + "/watched/x/y", bytes("two"));
        expect(EventType.NodeCreated, "/watched/x");
        expect(EventType.NodeCreated, "/watched/x/y");
        expect(EventType.NodeDataChanged, "/watched/x/y");
        expectInCaches("/watched/x/y", "two");
        b.delete().deletingChildrenIfNeeded().forPath(root + "/watched/x");
        expect(EventType.NodeDeleted, "/watched/x/y");
        expect(EventType.NodeDeleted, "/watched/x");
        expectInCaches("/watched/x/y", null);
        check(events.isEmpty(), "more events " + events);
        say("watched");
    }

    private void expect(EventType type, String below) throws Exception {
        WatchedEvent event = events.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
        check(event != null, "no event on " + below);
        check(event.getType() == type && event.getPath().equals(root + below), "event " + event + ", expected " + type + " on " + below);
    }

    private void expectInCaches(String below, String data) throws Exception {
        byte[] want = data == null ? null : bytes(data);
        await(below + " in the cache", () -> Arrays.equals(cache.get(root + below).map(d -> d.getData()).orElse(null), want));
        await(below + " in the tree cache", () -> {
            var found = treeCache.getCurrentData(root + below);
            return Arrays.equals(found == null ? null : found.getData(), want);
        });
        await("x in the cache of children", () -> (pathCache.getCurrentData(root + "/watched/x") != null) == (data != null));
    }

    private void lockAndLead() throws Exception {
        check(lockA.acquire(PATIENCE_MS, TimeUnit.MILLISECONDS), "A could not lock");
        check(!lockB.acquire(300, TimeUnit.MILLISECONDS), "B locked while A held it");
        lockA.release();
        check(lockB.acquire(PATIENCE_MS, TimeUnit.MILLISECONDS), "B could not lock after A let go");
        latchA.start();
        check(latchA.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "A does not lead");
        latchB.start();
        await("two participants", () -> latchA.getParticipants().size() == 2);
        check(!latchB.hasLeadership(), "B leads while A does");
        node.start();
        check(node.waitForInitialCreate(PATIENCE_MS, TimeUnit.MILLISECONDS), "no persistent node");
        check(count(a) == 1 && count(b) == 2, "counter");
        say("locked");
    }

    private long count(CuratorFramework client) throws Exception {
        AtomicValue<Long> value = new DistributedAtomicLong(client, root + "/counter", RETRY).increment();
        check(value.succeeded(), "increment");
        return value.postValue();
    }

    private void afterTheKill(long session, long born) throws Exception {
        check(Arrays.equals(a.getData().forPath(root + "/member/a"), bytes("here")), "the persistent node's data");
        Stat stat = a.checkExists().forPath(root + "/member/a");
        check(stat.getEphemeralOwner() == session && stat.getCzxid() == born, "the persistent node " + stat);
        long now = a.getZookeeperClient().getZooKeeper().getSessionId();
        check(now == session, "another session 0x" + Long.toHexString(now));
        check(Arrays.equals(b.getData().forPath(root + "/touched"), bytes("alive")), "the touched node");
        say("survived");

        a.sync().forPath(root); // a watch is only set again once A has answered for it
        b.create().creatingParentsIfNeeded().forPath(root + "/watched/x/z", bytes("three"));
        expect(EventType.NodeCreated, "/watched/x");
        expect(EventType.NodeCreated, "/watched/x/z");
        expectInCaches("/watched/x/z", "three");
        say("rewatched");

        check(!lockA.acquire(300, TimeUnit.MILLISECONDS), "A locked while B held it");
        lockB.release();
        check(lockA.acquire(PATIENCE_MS, TimeUnit.MILLISECONDS), "A could not lock after B let go");
        lockA.release();
        say("relocked");

        await("one leader", () -> latchA.hasLeadership() != latchB.hasLeadership());
        LeaderLatch leader = latchA.hasLeadership() ? latchA : latchB;
        LeaderLatch other = leader == latchA ? latchB : latchA;
        leader.close();
        check(other.await(PATIENCE_MS, TimeUnit.MILLISECONDS), "nobody leads after the leader has gone");
        other.close();
        check(count(a) == 3 && count(b) == 4, "counter after the server's death");
        say("led");
    }

    private void story() throws Exception {
        long session = a.getZookeeperClient().getZooKeeper().getSessionId();
        say("connected 0x" + Long.toHexString(session));
        a.create().forPath(root, bytes("root"));
        transaction();
        types();
        watch();
        lockAndLead();
        long born = a.checkExists().forPath(root + "/member/a").getCzxid();
        say("ready");
        check("go".equals(new BufferedReader(new InputStreamReader(System.in)).readLine()), "expected the line go");
        afterTheKill(session, born);
        node.close();
        ttlNode.close();
        pathCache.close();
        treeCache.close();
        cache.close();
        watcher.close();
        a.close();
        b.close();
        say("ok");
    }

    public static void main(String[] args) {
        try {
            new CuratorClient(args[0], args[1], Integer.parseInt(args[2])).story();
            System.exit(0);
        } catch (Throwable e) {
            e.printStackTrace();
            say("fail " + e);
            System.exit(1);
        }
    }
}
