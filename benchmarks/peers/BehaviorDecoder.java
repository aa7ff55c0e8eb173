import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads what the job needs of a framed Behavior record and stops there: user, kind, instant and
 * category. Nothing is allocated; the result is in the fields. One thread only.
 */
final class BehaviorDecoder implements Serializable {
  private static final int FRAME = 5;
  private static final int SLOTS = 1024;

  private final byte[][] names = new byte[SLOTS][];
  private final int[] columns = new int[SLOTS];
  private final float[] kindWeights;

  private transient byte[] bytes;
  private transient int at;

  int userStart;
  int userLength;
  long instant;
  int column;
  float weight;

  BehaviorDecoder(String[] categories, float[] kindWeights) {
    this.kindWeights = kindWeights;
    for (int i = 0; i < categories.length; i++) {
      byte[] name = categories[i].getBytes(StandardCharsets.UTF_8);
      int slot = slotOf(name, 0, name.length);
      while (names[slot] != null) slot = slot + 1 & SLOTS - 1;
      names[slot] = name;
      columns[slot] = i;
    }
  }

  void decode(byte[] message) {
    bytes = message;
    at = FRAME;
    skipText(); // event_id
    userLength = (int) number();
    userStart = at;
    at += userLength;
    weight = kindWeights[(int) number()];
    instant = number();
    skipOptionalText(); // creative_id
    skipOptionalText(); // impression_id
    skipOptionalText(); // placement
    if (number() == 1) number(); // surface
    if (number() != 1) throw new IllegalArgumentException("an event without a category");
    int length = (int) number();
    column = columnOf(at, length);
  }

  String user() {
    return new String(bytes, userStart, userLength, StandardCharsets.ISO_8859_1);
  }

  private void skipText() {
    int length = (int) number(); // not at += number(): Java would read `at` first
    at += length;
  }

  private void skipOptionalText() {
    if (number() == 1) skipText();
  }

  /** Reads a zigzag varint. */
  private long number() {
    long raw = 0;
    int shift = 0;
    byte next;
    do {
      next = bytes[at++];
      raw |= (long) (next & 127) << shift;
      shift += 7;
    } while (next < 0);
    return raw >>> 1 ^ -(raw & 1);
  }

  private int columnOf(int start, int length) {
    int slot = slotOf(bytes, start, length);
    while (names[slot] != null) {
      byte[] name = names[slot];
      if (Arrays.equals(name, 0, name.length, bytes, start, start + length)) return columns[slot];
      slot = slot + 1 & SLOTS - 1;
    }
    throw new IllegalArgumentException("a category of no taxonomy");
  }

  private static int slotOf(byte[] text, int start, int length) {
    int hash = length;
    for (int i = start; i < start + Math.min(length, 8); i++) hash = hash * 31 + text[i];
    return (hash ^ hash >>> 10) & SLOTS - 1;
  }
}
