import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams: Processor API, memory store with a write cache, changelog on, one thread, a commit
 * a second. The state is read back from the changelog, and the commit is waited for.
 */
public final class KafkaStreamsPeer {
  private static final String STORE = "preferences";

  private static final class User {
    long asOf;
    final float[] weights = new float[DecayedWeights.CATEGORIES];
  }

  private static final class UserSerde implements Serde<User>, Serializer<User>, Deserializer<User> {
    public Serializer<User> serializer() {
      return this;
    }

    public Deserializer<User> deserializer() {
      return this;
    }

    public void configure(Map<String, ?> settings, boolean isKey) {}

    public void close() {}

    public byte[] serialize(String topic, User user) {
      return user == null ? null : DecayedWeights.toBytes(user.asOf, user.weights);
    }

    public User deserialize(String topic, byte[] content) {
      if (content == null) return null;
      User user = new User();
      user.asOf = DecayedWeights.fromBytes(content, user.weights);
      return user;
    }
  }

  private static final class Fold implements Processor<byte[], byte[], Void, Void> {
    private final BehaviorDecoder event;
    private final double lambda;
    private final AtomicLong counter = Progress.counter();
    private KeyValueStore<Bytes, User> users;

    Fold(Arguments job) {
      event = job.decoder();
      lambda = DecayedWeights.lambda(job.halfLifeMs());
    }

    public void init(ProcessorContext<Void, Void> context) {
      users = context.getStateStore(STORE);
    }

    public void process(Record<byte[], byte[]> record) {
      event.decode(record.value());
      Bytes key = Bytes.wrap(record.key());
      User user = users.get(key);
      if (user == null) {
        user = new User();
        user.asOf = event.instant;
      }
      user.asOf =
          DecayedWeights.add(
              user.weights, user.asOf, event.instant, event.column, event.weight, lambda);
      users.put(key, user);
      Progress.add(counter);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Arguments job = Arguments.of(arguments);
    var store =
        Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(STORE), Serdes.Bytes(), new UserSerde())
            .withLoggingEnabled(Map.of())
            .withCachingEnabled();
    Topology topology =
        new Topology()
            .addSource(
                "events",
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                job.text("topic"))
            .addProcessor("fold", () -> new Fold(job), "events")
            .addStateStore(store, "fold");
    Progress progress = new Progress(job.number("n_events"));
    KafkaStreams streams = new KafkaStreams(topology, settings(job));
    streams.start();
    progress.watch();
    long end = System.nanoTime();
    waitForCommit(job);
    double durable = (System.nanoTime() - end) / 1e9;
    Map<Bytes, byte[]> changelog = readBack(job);
    User user = new User();
    double total = 0;
    for (byte[] content : changelog.values()) {
      DecayedWeights.fromBytes(content, user.weights);
      total += DecayedWeights.sum(user.weights);
    }
    progress.report(changelog.size(), total, durable);
  }

  private static Properties settings(Arguments job) {
    Properties settings = new Properties();
    settings.put("application.id", job.text("group"));
    settings.put("bootstrap.servers", job.text("bootstrap"));
    settings.put("state.dir", job.text("folder"));
    settings.put("num.stream.threads", "1");
    settings.put("commit.interval.ms", job.text("checkpoint_ms"));
    settings.put("processing.guarantee", "at_least_once");
    settings.put("auto.offset.reset", "earliest");
    settings.put("replication.factor", "1");
    settings.put("statestore.cache.max.bytes", String.valueOf(64 << 20));
    settings.put("enable.metrics.push", "false");
    settings.put("buffered.records.per.partition", "2000");
    settings.put("consumer.max.poll.records", "2000");
    settings.put("consumer.fetch.max.bytes", "52428800");
    settings.put("consumer.max.partition.fetch.bytes", "4194304");
    settings.put("consumer.receive.buffer.bytes", "1048576");
    settings.put("producer.batch.size", "524288");
    settings.put("producer.linger.ms", "5");
    settings.put("producer.buffer.memory", "134217728");
    return settings;
  }

  private static void waitForCommit(Arguments job) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", job.text("bootstrap")))) {
      for (int attempt = 0; attempt < 500; attempt++) {
        Collection<OffsetAndMetadata> offsets =
            admin
                .listConsumerGroupOffsets(job.text("group"))
                .partitionsToOffsetAndMetadata()
                .get()
                .values();
        long committed = offsets.stream().mapToLong(at -> at == null ? 0 : at.offset()).sum();
        if (committed >= job.number("n_events")) return;
        Thread.sleep(20);
      }
    }
    throw new IllegalStateException("the last events were not committed within 10 s");
  }

  private static Map<Bytes, byte[]> readBack(Arguments job) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", job.text("bootstrap"));
    settings.put("max.poll.records", "20000");
    settings.put("enable.auto.commit", "false");
    String topic = job.text("group") + "-" + STORE + "-changelog";
    List<TopicPartition> partitions =
        IntStream.range(0, (int) job.number("n_partitions"))
            .mapToObj(number -> new TopicPartition(topic, number))
            .toList();
    Map<Bytes, byte[]> latest = new HashMap<>();
    try (var consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(at -> consumer.position(at) < ends.get(at)))
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(java.time.Duration.ofMillis(200)))
          latest.put(Bytes.wrap(record.key()), record.value());
    }
    return latest;
  }
}
