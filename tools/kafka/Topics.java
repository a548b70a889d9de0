// What Kafka's own scripts do a topic at a time, for all of a list: lines of name, partitions, milliseconds of retention.
//
//   java -cp 'jars/*' Topics.java create 127.0.0.1:9092 <components/kafka/topics.txt
//   java -cp 'jars/*' Topics.java keys 127.0.0.1:9092 <components/kafka/topics.txt    exit 1: a key is in two partitions
import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

class Topics {
    public static void main(String[] args) throws Exception {
        List<String[]> topics = new Scanner(System.in).useDelimiter("\n").tokens().map(line -> line.split(" ")).toList();
        Map<String, Object> settings = Map.of("bootstrap.servers", args[1]);
        if (args[0].equals("create")) {
            create(topics, settings);
        } else if (topics.stream().filter(topic -> !isKept(topic[0], settings)).count() > 0) {
            System.exit(1);
        }
    }

    static void create(List<String[]> topics, Map<String, Object> settings) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            Set<String> there = admin.listTopics().names().get();
            List<NewTopic> missing = topics.stream().filter(topic -> !there.contains(topic[0])).map(topic ->
                new NewTopic(topic[0], Optional.of(Integer.parseInt(topic[1])), Optional.empty())
                    .configs(Map.of("retention.ms", topic[2]))).toList();
            admin.createTopics(missing).all().get();
        }
    }

    /** Whether each key of the topic has one partition. */
    static boolean isKept(String topic, Map<String, Object> settings) {
        Map<String, Set<Integer>> partitions = new HashMap<>();
        int records = 0;
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            var all = consumer.partitionsFor(topic).stream().map(it -> new TopicPartition(topic, it.partition())).toList();
            long left = consumer.endOffsets(all).values().stream().mapToLong(Long::longValue).sum();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            while (records < left) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    records++;
                    partitions.computeIfAbsent(String.valueOf(record.key()), key -> new HashSet<>()).add(record.partition());
                }
            }
        }
        long used = partitions.values().stream().flatMap(Set::stream).distinct().count();
        long split = partitions.values().stream().filter(of -> of.size() > 1).count();
        if (records > 0) {
            System.out.printf("%s: %d events, %d keys in %d partitions, %d keys in more than one%n", topic, records, partitions.size(), used, split);
        }
        return split == 0 && !partitions.containsKey("null");
    }
}
