import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** Counts events of all threads, and notes time and CPU at 10 %, 50 % and 100 % of them. */
final class Progress {
  private static final double[] MARKS = {0.1, 0.5, 1.0};
  private static final long LIMIT_NS = 600_000_000_000L;
  private static final List<AtomicLong> COUNTERS = new CopyOnWriteArrayList<>();

  private final long events;
  private final double[] at = new double[MARKS.length];
  private final double[] cpu = new double[MARKS.length];
  private final long[] count = new long[MARKS.length];

  Progress(long events) {
    this.events = events;
  }

  /** A counter of one thread: increments without a lock. */
  static AtomicLong counter() {
    AtomicLong counter = new AtomicLong();
    COUNTERS.add(counter);
    return counter;
  }

  static void add(AtomicLong counter) {
    counter.lazySet(counter.getPlain() + 1);
  }

  static long total() {
    long total = 0;
    for (AtomicLong counter : COUNTERS) total += counter.get();
    return total;
  }

  /** Waits until all events are counted. */
  void watch() throws InterruptedException {
    long deadline = System.nanoTime() + LIMIT_NS;
    for (int mark = 0; mark < MARKS.length; ) {
      long now = total();
      if (now >= MARKS[mark] * events) {
        at[mark] = System.nanoTime() / 1e9;
        cpu[mark] = cpuSeconds();
        count[mark++] = now;
      } else {
        if (System.nanoTime() > deadline) throw new IllegalStateException("stuck at " + now);
        Thread.sleep(2);
      }
    }
  }

  /** Prints the result as one line of JSON and ends the process. */
  void report(long users, double total, double durableS) throws Exception {
    System.out.printf(
        Locale.ROOT,
        "%n{\"events_s\": %.1f, \"cpu_per_million\": %.4f, \"warm_events_s\": %.1f,"
            + " \"warm_cpu_per_million\": %.4f, \"n_users\": %d, \"total\": %.5f,"
            + " \"durable_s\": %.3f, \"peak_mb\": %.0f}%n",
        rate(0), cost(0), rate(1), cost(1), users, total, durableS, peakMegabytes());
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private double rate(int from) {
    return (count[2] - count[from]) / (at[2] - at[from]);
  }

  private double cost(int from) {
    return (cpu[2] - cpu[from]) / (count[2] - count[from]) * 1e6;
  }

  private static double cpuSeconds() {
    var system = ManagementFactory.getOperatingSystemMXBean();
    return ((com.sun.management.OperatingSystemMXBean) system).getProcessCpuTime() / 1e9;
  }

  private static double peakMegabytes() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status")))
      if (line.startsWith("VmHWM")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
    return 0;
  }
}
