// Creatives, in Java: kafka-clients and avro on the class path, then
//   java -cp 'jars/*' docs/examples/Consume.java 127.0.0.1:9092 ads.creative.v1 schemas
import java.io.File;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.*;

public class Consume {
    static final int FRAME = 5; // a zero byte and the schema id

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[2], "creative.avsc"));
        var reader = new GenericDatumReader<GenericRecord>(schema);
        Map<String, Object> config = Map.of("bootstrap.servers", args[0],
            "group.id", "ad-delivery", "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(args[1]));
            while (true) {
                for (var message : consumer.poll(Duration.ofSeconds(1))) {
                    byte[] value = message.value();
                    if (value == null) {
                        System.out.println(message.key() + " withdrawn");
                        continue;
                    }
                    var decoder = DecoderFactory.get()
                        .binaryDecoder(value, FRAME, value.length - FRAME, null);
                    GenericRecord creative = reader.read(null, decoder);
                    GenericRecord copy = (GenericRecord) creative.get("copy");
                    System.out.println(creative.get("user_id") + " "
                        + creative.get("placement") + " " + copy.get("headline"));
                }
            }
        }
    }
}
