import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/**
 * Prints every node that a Java client sees as a JSON array, one node a line in depth-first order of
 * names. Further arguments are digest credentials, so that protected nodes are readable.
 *
 * <p>DumpTree connect-string [user:password ...]
 */
public class DumpTree {
    public static void main(String[] args) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(args[0], 10_000, event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        connected.await();
        for (int i = 1; i < args.length; i++) {
            zk.addAuthInfo("digest", args[i].getBytes());
        }
        List<String> lines = new ArrayList<>();
        dump(zk, "/", lines);
        System.out.println("[\n" + String.join(",\n", lines) + "\n]");
        zk.close();
    }

    private static void dump(ZooKeeper zk, String path, List<String> lines) throws Exception {
        Stat s = new Stat();
        byte[] data = zk.getData(path, false, s);
        List<String> acl = new ArrayList<>();
        for (ACL a : zk.getACL(path, new Stat())) {
            acl.add(String.format("{\"perms\":%d,\"scheme\":%s,\"id\":%s}",
                a.getPerms(), quote(a.getId().getScheme()), quote(a.getId().getId())));
        }
        lines.add(String.format("{\"path\":%s,\"data\":%s,\"czxid\":%d,\"mzxid\":%d,\"ctime\":%d,\"mtime\":%d,\"version\":%d,"
                + "\"cversion\":%d,\"aversion\":%d,\"ephemeralOwner\":%d,\"dataLength\":%d,\"numChildren\":%d,\"pzxid\":%d,\"acl\":[%s]}",
            quote(path), data == null ? "null" : quote(Base64.getEncoder().encodeToString(data)),
            s.getCzxid(), s.getMzxid(), s.getCtime(), s.getMtime(), s.getVersion(), s.getCversion(), s.getAversion(),
            s.getEphemeralOwner(), s.getDataLength(), s.getNumChildren(), s.getPzxid(), String.join(",", acl)));
        List<String> names = zk.getChildren(path, false);
        Collections.sort(names);
        for (String name : names) {
            dump(zk, path.equals("/") ? "/" + name : path + "/" + name, lines);
        }
    }

    private static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\' || c < 0x20 || c > 0x7e) {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }
}
