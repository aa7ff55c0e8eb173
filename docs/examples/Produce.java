// A click, from Java: kafka-clients and avro on the class path, then
//   java -cp 'jars/*' docs/examples/Produce.java 127.0.0.1:9092 ads.behavior.v1 schemas
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class Produce {
    static final int SCHEMA_ID = 1; // Behavior's newest id in schemas/schemas.lock

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[2], "behavior.avsc"));
        GenericRecord click = new GenericRecordBuilder(schema)
            .set("event_id", UUID.randomUUID().toString())
            .set("user_id", "u_abcdefghijklmnopqrstuvwxyz") // a pseudonym, never a raw id
            .set("kind", new GenericData.EnumSymbol(schema.getField("kind").schema(), "click"))
            .set("occurred_at", System.currentTimeMillis())
            .set("category", "travel")
            .set("consent", true)
            .build();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream frame = new DataOutputStream(bytes);
        frame.writeByte(0);
        frame.writeInt(SCHEMA_ID);
        var encoder = EncoderFactory.get().directBinaryEncoder(frame, null);
        new GenericDatumWriter<GenericRecord>(schema).write(click, encoder);
        Map<String, Object> config = Map.of("bootstrap.servers", args[0], "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer())) {
            String key = click.get("user_id").toString();
            producer.send(new ProducerRecord<>(args[1], key, bytes.toByteArray())).get();
        }
    }
}
