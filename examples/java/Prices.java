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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
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

    public static void main(String[] args) {
        String url = args.length > 0 ? args[0] : "http://127.0.0.1:8080";
        String board = args.length > 1 ? args[1] : "krw";
        URI address = URI.create(url + "/v1/events/" + board);
        for (Subscription here = arrive(address, 0, false); ; ) {
            try (Subscription current = here) {
                current.follow(address);
            } catch (IOException lost) {
                complain(address, lost);
            }
            here = here.next == null ? arrive(address, 0, true) : here.next.join();
        }
    }

    /** The next subscription with its snapshot; after the end of another, as late as is asked and fair. */
    static Subscription arrive(URI address, long pause, boolean again) {
        for (long most = 10_000; ; again = true) { // doubling to a minute, and a random part of it
            if (again) {
                sleep(pause + ThreadLocalRandom.current().nextLong(most));
                most = Math.min(60_000, 2 * most);
            }
            Subscription found = new Subscription();
            try {
                found.open(address);
                return found;
            } catch (IOException lost) {
                complain(address, lost);
                found.close();
            }
            if (found.refused) System.exit(1);
            pause = found.pause;
        }
    }

    /** Some exceptions have no message, such as that of a connection nobody takes. */
    static void complain(URI address, IOException lost) {
        System.err.println(address + ": " + (lost.getMessage() == null ? lost : lost.getMessage()));
    }

    static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException asked) {
            System.exit(1);
        }
    }

    /** One connection, from its opening to its end. */
    static class Subscription implements AutoCloseable {
        final Map<String, Map<String, String>> rows = new LinkedHashMap<>();
        volatile long heard = System.nanoTime();
        InputStream body = InputStream.nullInputStream();
        BufferedReader lines;
        ScheduledFuture<?> watchdog;
        String snapshot;
        CompletableFuture<Subscription> next; // on its way since this one's server said bye
        boolean refused;
        long pause;
        long seq;

        void open(URI address) throws IOException {
            HttpResponse<InputStream> answer;
            try {
                answer = HTTP.send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofInputStream());
            } catch (InterruptedException asked) {
                throw new IOException(asked);
            }
            body = answer.body();
            lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
            watchdog = CLOCK.scheduleWithFixedDelay(this::closeWhenSilent, 1, 1, TimeUnit.SECONDS);
            if (answer.statusCode() != 200) {
                pause = 1000 * answer.headers().firstValueAsLong("Retry-After").orElse(0);
                refused = answer.statusCode() < 500 && answer.statusCode() != 429;
                String said = lines.readLine(); // a proxy says nothing, or something else than a server
                String why = fields(said == null ? "" : said).get("message");
                throw new IOException("HTTP " + answer.statusCode() + (why == null ? "" : " " + why));
            }
            do {
                snapshot = message();
            } while (!"snapshot".equals(fields(ROW.matcher(snapshot).replaceAll("0")).get("type")));
        }

        /** Waits for the next message. */
        String message() throws IOException {
            for (String line; (line = lines.readLine()) != null; ) {
                heard = System.nanoTime();
                if (line.startsWith("data: ")) return line.substring(6);
            }
            throw new IOException("the connection ended");
        }

        void follow(URI address) throws IOException {
            for (String message = snapshot; ; message = message()) take(message, address);
        }

        @Override
        public void close() {
            if (watchdog != null) watchdog.cancel(false);
            try {
                body.close();
            } catch (IOException ignored) {
                // it is over anyway
            }
        }

        void closeWhenSilent() {
            if (System.nanoTime() - heard >= SILENCE_NS) close();
        }

        void take(String message, URI address) throws IOException {
            Map<String, String> head = fields(ROW.matcher(message).replaceAll("0"));
            switch (head.getOrDefault("type", "")) {
                case "bye" -> {
                    if (next != null) return;
                    long wait = Long.parseLong(head.getOrDefault("retry_ms", "0"));
                    // This connection goes on bringing news until the next one has told everything.
                    next = CompletableFuture.supplyAsync(() -> arrive(address, wait, true));
                    next.thenRun(this::close);
                    return;
                }
                case "snapshot" -> {
                    rows.clear();
                    seq = Long.parseLong(head.get("seq"));
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
