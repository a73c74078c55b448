// Golden asks Java for the answers the tests compare with. Run once, by hand, in this directory:
//
//	javac -cp $CP Golden.java && java -cp $CP:. Golden properties <properties.cases >properties.golden
//	java -cp $CP:. Golden config <config.cases >config.golden
//
// with CP holding zookeeper-3.9.5.jar, zookeeper-jute-3.9.5.jar and slf4j-api. The committed files come from
// OpenJDK 17.0.15 and ZooKeeper 3.9.5. Each input line is a JSON string; each output line is a JSON array of that
// string and the answer: sorted keys and values, or the config text, or null where Java throws.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.zookeeper.server.quorum.QuorumPeerConfig;

public class Golden {
    public static void main(String[] args) throws Exception {
        System.setProperty("zookeeper.multiAddress.enabled", "true");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String line; (line = in.readLine()) != null; ) {
            String text = unquote(line);
            String answer;
            try {
                Properties p = new Properties();
                p.load(new StringReader(text));
                answer = args[0].equals("config") ? config(p) : properties(p);
            } catch (Exception e) {
                answer = "null";
            }
            out.println("[" + quote(text) + ", " + answer + "]");
        }
    }

    static String properties(Properties p) {
        StringBuilder b = new StringBuilder("[");
        for (Map.Entry<Object, Object> e : new TreeMap<>(p).entrySet()) {
            b.append(b.length() > 1 ? ", " : "").append(quote((String) e.getKey())).append(", ");
            b.append(quote((String) e.getValue()));
        }
        return b.append("]").toString();
    }

    static String config(Properties p) throws Exception {
        return quote(QuorumPeerConfig.parseDynamicConfig(p, 3, false, false, null).toString());
    }

    static String unquote(String s) {
        StringBuilder b = new StringBuilder();
        for (int i = 1; i < s.length() - 1; i++) {
            char c = s.charAt(i);
            if (c != '\\') {
                b.append(c);
                continue;
            }
            c = s.charAt(++i);
            switch (c) {
                case 'n': b.append('\n'); break;
                case 'r': b.append('\r'); break;
                case 't': b.append('\t'); break;
                case 'f': b.append('\f'); break;
                case 'u': b.append((char) Integer.parseInt(s.substring(i + 1, i + 5), 16)); i += 4; break;
                default: b.append(c);
            }
        }
        return b.toString();
    }

    static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }
}
