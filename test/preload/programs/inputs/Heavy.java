import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Work of many kinds for the virtual machine; prints digests that depend on nothing but the rounds asked for. */
public class Heavy {
    static String digest(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 8);
    }

    static String digest(Object value) throws Exception {
        return digest(value.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Objects on the collected heap: enough of them for several collections. */
    static String objects() throws Exception {
        Map<String, List<Integer>> table = new HashMap<>();
        for (int i = 0; i < 100_000; i++) {
            table.computeIfAbsent("key" + i % 5_003, key -> new ArrayList<>()).add(i);
        }
        Matcher matcher = Pattern.compile("(\\w)(\\d+)").matcher(new TreeMap<>(table).toString());
        int found = 0;
        while (matcher.find()) {
            found += matcher.group(2).length();
        }
        return digest(new TreeMap<>(table)) + " " + found;
    }

    /** Direct buffers, which malloc gives. */
    static String buffers() throws Exception {
        MessageDigest sum = MessageDigest.getInstance("SHA-256");
        List<ByteBuffer> kept = new ArrayList<>();
        for (int i = 0; i < 3_000; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(1_000 + i * 7_919 % 30_000);
            buffer.putInt(0, i);
            kept.add(buffer);
            if (kept.size() > 200) {
                sum.update(kept.remove(i % 190).limit(64));
            }
        }
        return HexFormat.of().formatHex(sum.digest(), 0, 8);
    }

    /** zlib's streams, made and ended a few thousand times. */
    static String packing(int seed) throws Exception {
        byte[] text = IntStream.range(0, 3_000).mapToObj(i -> "line " + i * seed % 977)
            .collect(Collectors.joining("\n")).getBytes(StandardCharsets.UTF_8);
        byte[] packed = new byte[text.length];
        int size = 0;
        for (int i = 0; i < 60; i++) {
            Deflater deflater = new Deflater(1 + i % 9);
            deflater.setInput(text);
            deflater.finish();
            size = deflater.deflate(packed);
            deflater.end();
            Inflater inflater = new Inflater();
            inflater.setInput(packed, 0, size);
            if (inflater.inflate(new byte[text.length]) != text.length) {
                throw new IllegalStateException("not what was packed");
            }
            inflater.end();
        }
        return size + digest(new String(packed, 0, size, StandardCharsets.ISO_8859_1));
    }

    /** Threads that come and go, each with native allocations of its own. */
    static String inThreads() throws Exception {
        List<String> results = new ArrayList<>();
        for (int round = 0; round < 5; round++) {
            ExecutorService pool = Executors.newFixedThreadPool(6);
            List<Callable<String>> jobs = new ArrayList<>();
            for (int i = 1; i <= 12; i++) {
                int seed = i;
                jobs.add(() -> packing(seed));
            }
            for (Future<String> result : pool.invokeAll(jobs)) {
                results.add(result.get());
            }
            pool.shutdown();
        }
        return digest(results);
    }

    /** A child by the virtual machine's own way to spawn. */
    static String inChild() throws Exception {
        Process child = new ProcessBuilder("/usr/bin/seq", "5000").start();
        byte[] output = child.getInputStream().readAllBytes();
        return digest(output) + " " + child.waitFor();
    }

    public static void main(String[] arguments) throws Exception {
        for (int round = 0; round < Integer.parseInt(arguments[0]); round++) {
            System.out.println("objects " + objects());
            System.out.println("buffers " + buffers());
            System.out.println("packing " + packing(31));
            System.out.println("threads " + inThreads());
            System.out.println("child " + inChild());
        }
    }
}
