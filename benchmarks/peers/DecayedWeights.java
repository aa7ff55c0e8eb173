import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Explicit decay of one user's weights, correct in whatever order the events come. */
final class DecayedWeights {
  static final int CATEGORIES = 64;
  static final int BYTES = 8 + 4 * CATEGORIES;

  private DecayedWeights() {}

  /** Adds an event to weights that are as of an instant; returns the newest instant. */
  static long add(
      float[] weights, long asOf, long instant, int column, float weight, double lambda) {
    if (instant > asOf) {
      float decay = (float) Math.exp((asOf - instant) * lambda);
      for (int i = 0; i < weights.length; i++) weights[i] *= decay;
      weights[column] += weight;
      return instant;
    }
    weights[column] += weight * (float) Math.exp((instant - asOf) * lambda);
    return asOf;
  }

  static double lambda(double halfLifeMs) {
    return Math.log(2) / halfLifeMs;
  }

  static double sum(float[] weights) {
    double total = 0;
    for (float weight : weights) total += weight;
    return total;
  }

  static byte[] toBytes(long asOf, float[] weights) {
    byte[] out = new byte[BYTES];
    ByteBuffer buffer = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(asOf);
    buffer.asFloatBuffer().put(weights);
    return out;
  }

  static long fromBytes(byte[] content, float[] weights) {
    ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
    long asOf = buffer.getLong();
    buffer.asFloatBuffer().get(weights);
    return asOf;
  }
}
