import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.DoubleAdder;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Flink in one process: heap state, one slot, exactly-once checkpoints a second to local disk. When
 * the events are done and two more checkpoints are complete, the job is drained and its keyed state
 * is summed.
 */
public final class FlinkPeer {
  /** User, instant, column, weight. */
  private static final TypeInformation<Tuple4<String, Long, Integer, Float>> EVENT =
      Types.TUPLE(Types.STRING, Types.LONG, Types.INT, Types.FLOAT);

  private static final ValueStateDescriptor<Tuple2<Long, float[]>> STATE =
      new ValueStateDescriptor<>(
          "preferences",
          Types.TUPLE(Types.LONG, PrimitiveArrayTypeInfo.FLOAT_PRIMITIVE_ARRAY_TYPE_INFO));

  private static final DoubleAdder TOTAL = new DoubleAdder();
  private static final AtomicLong USERS = new AtomicLong();
  private static final AtomicLong CHECKPOINTS = new AtomicLong();

  public static final class Decode
      implements KafkaRecordDeserializationSchema<Tuple4<String, Long, Integer, Float>> {
    private final BehaviorDecoder event;

    Decode(BehaviorDecoder event) {
      this.event = event;
    }

    public void deserialize(
        ConsumerRecord<byte[], byte[]> record,
        Collector<Tuple4<String, Long, Integer, Float>> out) {
      event.decode(record.value());
      out.collect(Tuple4.of(event.user(), event.instant, event.column, event.weight));
    }

    public TypeInformation<Tuple4<String, Long, Integer, Float>> getProducedType() {
      return EVENT;
    }
  }

  public static final class Fold
      extends KeyedProcessFunction<String, Tuple4<String, Long, Integer, Float>, Long> {
    private final double lambda;
    private transient ValueState<Tuple2<Long, float[]>> users;
    private transient AtomicLong counter;

    Fold(double lambda) {
      this.lambda = lambda;
    }

    public void open(OpenContext context) {
      users = getRuntimeContext().getState(STATE);
      counter = Progress.counter();
    }

    public void processElement(
        Tuple4<String, Long, Integer, Float> event, Context context, Collector<Long> out)
        throws Exception {
      Tuple2<Long, float[]> user = users.value();
      if (user == null) user = Tuple2.of(event.f1, new float[DecayedWeights.CATEGORIES]);
      user.f0 = DecayedWeights.add(user.f1, user.f0, event.f1, event.f2, event.f3, lambda);
      users.update(user);
      Progress.add(counter);
    }
  }

  /** The ordinary operator; it counts checkpoints, and sums the state when it is drained. */
  public static final class FoldOperator
      extends KeyedProcessOperator<String, Tuple4<String, Long, Integer, Float>, Long>
      implements BoundedOneInput {
    FoldOperator(Fold fold) {
      super(fold);
    }

    public void notifyCheckpointComplete(long id) throws Exception {
      super.notifyCheckpointComplete(id);
      CHECKPOINTS.incrementAndGet();
    }

    public void endInput() throws Exception {
      this.<String>getKeyedStateBackend()
          .<VoidNamespace, ValueState<Tuple2<Long, float[]>>, Tuple2<Long, float[]>>applyToAllKeys(
              VoidNamespace.INSTANCE,
              VoidNamespaceSerializer.INSTANCE,
              STATE,
              (user, state) -> {
                TOTAL.add(DecayedWeights.sum(state.value().f1));
                USERS.incrementAndGet();
              });
    }
  }

  public static void main(String[] arguments) throws Exception {
    Arguments job = Arguments.of(arguments);
    makeOffsetsTopic(job);
    String folder = job.text("folder");
    var environment = StreamExecutionEnvironment.createLocalEnvironment(1, settings(job));
    var source =
        KafkaSource.<Tuple4<String, Long, Integer, Float>>builder()
            .setBootstrapServers(job.text("bootstrap"))
            .setTopics(job.text("topic"))
            .setGroupId(job.text("group"))
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Decode(job.decoder()))
            .setProperty("max.poll.records", "10000")
            .setProperty("fetch.max.bytes", "52428800")
            .setProperty("max.partition.fetch.bytes", "4194304")
            .setProperty("receive.buffer.bytes", "1048576")
            .build();
    KeySelector<Tuple4<String, Long, Integer, Float>, String> byUser = event -> event.f0;
    environment
        .fromSource(source, WatermarkStrategy.noWatermarks(), "events", EVENT)
        .keyBy(byUser, Types.STRING)
        .transform(
            "fold",
            Types.LONG,
            new FoldOperator(new Fold(DecayedWeights.lambda(job.halfLifeMs()))))
        .sinkTo(new DiscardingSink<>());
    Progress progress = new Progress(job.number("n_events"));
    JobClient running = environment.executeAsync("preferences");
    running
        .getJobExecutionResult()
        .whenComplete(
            (result, error) -> {
              if (error == null) return;
              error.printStackTrace();
              Runtime.getRuntime().halt(1);
            });
    progress.watch();
    double durable = waitForCheckpoints();
    running
        .stopWithSavepoint(true, "file://" + folder + "/savepoint", SavepointFormatType.CANONICAL)
        .get();
    running.getJobExecutionResult().get();
    progress.report(USERS.get(), TOTAL.sum(), durable);
  }

  private static Configuration settings(Arguments job) {
    String folder = job.text("folder");
    Configuration settings = new Configuration();
    settings.setString("execution.runtime-mode", "STREAMING");
    settings.setString("execution.checkpointing.interval", job.text("checkpoint_ms") + " ms");
    settings.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", "file://" + folder + "/checkpoints");
    settings.setString("execution.checkpointing.incremental", "true");
    settings.setString("state.backend.type", "hashmap");
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("pipeline.generic-types", "false");
    settings.setString("io.tmp.dirs", folder);
    return settings;
  }

  /** A new broker has no offsets topic, and the connector does not try a commit again. */
  private static void makeOffsetsTopic(Arguments job) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", job.text("bootstrap")))) {
      admin.listConsumerGroupOffsets(job.text("group")).partitionsToOffsetAndMetadata().get();
    }
  }

  /** Waits for two checkpoints: the second one began after the last event. */
  private static double waitForCheckpoints() throws InterruptedException {
    long before = CHECKPOINTS.get();
    long start = System.nanoTime();
    while (CHECKPOINTS.get() < before + 2) {
      if (System.nanoTime() - start > 60e9) throw new IllegalStateException("no checkpoint");
      Thread.sleep(20);
    }
    return (System.nanoTime() - start) / 1e9;
  }
}
