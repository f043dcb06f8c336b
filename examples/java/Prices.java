// Live prices in Java 17, with nothing but its standard library: `java Prices.java [URL] [BOARD]`.
// It reads server-sent events, which carry the same messages as the websocket. A real program would read them with its
// JSON library; here two regular expressions do, for rows are flat.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Prices {
    static final Pattern ROW = Pattern.compile("\\{[^{}]*\"symbol\":[^{}]*\\}");
    static final Pattern FIELD = Pattern.compile("\"(\\w+)\":(null|\"((?:[^\"\\\\]|\\\\.)*)\"|[^,}]+)");
    static final long SILENCE_NS = TimeUnit.SECONDS.toNanos(30); // a live server says something every 10 s
    static final HttpClient HTTP = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    static final ScheduledExecutorService CLOCK = Executors.newScheduledThreadPool(1, task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    });

    public static void main(String[] args) throws InterruptedException {
        String url = args.length > 0 ? args[0] : "http://127.0.0.1:8080";
        String board = args.length > 1 ? args[1] : "krw";
        for (int failures = 0; ; failures++) {
            Subscription subscription = new Subscription();
            try {
                subscription.read(URI.create(url + "/v1/events/" + board));
            } catch (IOException lost) {
                System.err.println(lost.getMessage());
            }
            if (subscription.refused) System.exit(1);
            if (subscription.worked) failures = 0;
            long most = Math.min(60_000, 10_000L << Math.min(failures, 3)); // doubling to a minute, a random part of it
            Thread.sleep(subscription.pause + ThreadLocalRandom.current().nextLong(most));
        }
    }

    /** One connection, from its opening to its end. */
    static class Subscription {
        final Map<String, Map<String, String>> rows = new LinkedHashMap<>();
        volatile long heard = System.nanoTime();
        boolean worked;
        boolean refused;
        long pause;
        long seq;

        void read(URI address) throws IOException, InterruptedException {
            HttpResponse<InputStream> answer =
                    HTTP.send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofInputStream());
            var watchdog = CLOCK.scheduleWithFixedDelay(() -> closeWhenSilent(answer.body()), 1, 1, TimeUnit.SECONDS);
            try (var lines = new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
                if (answer.statusCode() != 200) {
                    pause = 1000 * answer.headers().firstValueAsLong("Retry-After").orElse(0);
                    refused = answer.statusCode() < 500 && answer.statusCode() != 429;
                    throw new IOException("HTTP " + answer.statusCode() + " " + lines.readLine());
                }
                for (String line; (line = lines.readLine()) != null; ) {
                    heard = System.nanoTime();
                    if (line.startsWith("data: ")) take(line.substring(6));
                }
            } finally {
                watchdog.cancel(false);
            }
        }

        void closeWhenSilent(InputStream body) {
            if (System.nanoTime() - heard < SILENCE_NS) return;
            try {
                body.close();
            } catch (IOException ignored) {
                // it is over anyway
            }
        }

        void take(String message) throws IOException {
            Map<String, String> head = fields(ROW.matcher(message).replaceAll("0"));
            switch (head.getOrDefault("type", "")) {
                case "bye" -> {
                    pause = Long.parseLong(head.getOrDefault("retry_ms", "0"));
                    throw new IOException("the server said bye");
                }
                case "snapshot" -> {
                    rows.clear();
                    seq = Long.parseLong(head.get("seq"));
                    worked = true;
                }
                case "update", "heartbeat" -> {
                    // A new connection begins with a snapshot, which is how what is missing comes back.
                    if (Long.parseLong(head.get("seq")) != ++seq) throw new IOException("a message is missing");
                }
                default -> {
                    return; // types may be added some day
                }
            }
            Matcher found = ROW.matcher(message);
            while (found.find()) {
                Map<String, String> change = fields(found.group());
                Map<String, String> row = rows.computeIfAbsent(change.get("symbol"), symbol -> new LinkedHashMap<>());
                row.putAll(change); // an absent field stays as it is, null is now unknown
                System.out.printf("%-6s %14s %8s %% %s%n", row.get("symbol"), row.get("price"), row.get("change_pct"),
                        row.get("state"));
            }
        }

        static Map<String, String> fields(String object) {
            Map<String, String> found = new LinkedHashMap<>();
            Matcher field = FIELD.matcher(object);
            while (field.find()) {
                String value = field.group(3) != null ? field.group(3) : field.group(2);
                found.put(field.group(1), value.equals("null") ? null : value);
            }
            return found;
        }
    }
}
