import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.zookeeper.client.StaticHostProvider;

/**
 * Prints what StaticHostProvider decides: first histories of one client each, drawn from seeds, then how many of 10,000
 * clients are on each server as the list changes, and how many have moved. Servers are written as the last byte of
 * their address.
 *
 * <p>HostProviderTrace
 */
public class HostProviderTrace {
    static final int CLIENTS = 10_000;
    static final int[][] LISTS = {
        {1, 2, 3}, {1, 2, 3, 4, 5}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7}, {6, 7}, {6, 7, 8, 9, 10, 11},
        {8, 9, 10, 12, 13, 14}, {8, 20, 21, 22, 23, 24, 25}, {20, 30, 31}, {30}, {30, 40, 41},
    };

    public static void main(String[] args) {
        for (int seed = 1; seed <= 150; seed++) {
            history(seed);
        }
        loads();
    }

    /** One line for each step: what was done, and what came of it. */
    private static void history(int seed) {
        Random choice = new Random(1_000_000 + seed);
        List<Integer> list = draw(choice);
        StaticHostProvider hosts = new StaticHostProvider(addresses(list), seed);
        System.out.println("client " + seed + ": " + words(list));
        InetSocketAddress tried = null;
        InetSocketAddress current = null;
        for (int step = 0; step < 14; step++) {
            int what = choice.nextInt(10);
            if (what < 6 && current == null) {
                tried = hosts.next(0);
                System.out.println("next " + word(tried));
            } else if (what < 8 && current == null && tried != null) {
                hosts.onConnected();
                current = tried;
                System.out.println("connected");
            } else if (what == 8 && current != null) {
                current = null;
                System.out.println("lost");
            } else {
                list = draw(choice);
                boolean leave = hosts.updateServerList(addresses(list), current);
                System.out.println("update " + words(list) + ": " + leave);
                if (leave) {
                    current = null;
                    tried = null;
                }
            }
        }
    }

    private static List<Integer> draw(Random choice) {
        List<Integer> all = new ArrayList<>();
        for (int i = 1; i <= 8; i++) {
            all.add(i);
        }
        Collections.shuffle(all, choice);
        return all.subList(0, 1 + choice.nextInt(7));
    }

    private static void loads() {
        StaticHostProvider[] hosts = new StaticHostProvider[CLIENTS];
        InetSocketAddress[] current = new InetSocketAddress[CLIENTS];
        for (int c = 0; c < CLIENTS; c++) {
            hosts[c] = new StaticHostProvider(addresses(LISTS[0]), c);
            current[c] = hosts[c].next(0);
            hosts[c].onConnected();
        }
        report(LISTS[0], current, 0);
        for (int i = 1; i < LISTS.length; i++) {
            int moved = 0;
            for (int c = 0; c < CLIENTS; c++) {
                if (hosts[c].updateServerList(addresses(LISTS[i]), current[c])) {
                    current[c] = hosts[c].next(0);
                    hosts[c].onConnected();
                    moved++;
                }
            }
            report(LISTS[i], current, moved);
        }
    }

    private static void report(int[] list, InetSocketAddress[] current, int moved) {
        StringBuilder line = new StringBuilder("loads");
        for (int server : list) {
            int load = 0;
            for (InetSocketAddress a : current) {
                if (word(a).equals("" + server)) {
                    load++;
                }
            }
            line.append(" ").append(server).append("=").append(load);
        }
        System.out.println(line + ", moved " + moved);
    }

    private static List<InetSocketAddress> addresses(int... list) {
        List<InetSocketAddress> out = new ArrayList<>();
        for (int server : list) {
            out.add(InetSocketAddress.createUnresolved("10.0.0." + server, 2181));
        }
        return out;
    }

    private static List<InetSocketAddress> addresses(List<Integer> list) {
        return addresses(list.stream().mapToInt(Integer::intValue).toArray());
    }

    private static String words(List<Integer> list) {
        return String.join(" ", list.stream().map(String::valueOf).toArray(String[]::new));
    }

    private static String word(InetSocketAddress a) {
        return a.getHostString().substring("10.0.0.".length());
    }
}
