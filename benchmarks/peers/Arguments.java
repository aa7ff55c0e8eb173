import java.util.HashMap;
import java.util.Map;

/** Arguments name=value, as benchmarks/peers/catalogue.py gives them. */
record Arguments(Map<String, String> given) {
  static Arguments of(String[] arguments) {
    Map<String, String> given = new HashMap<>();
    for (String one : arguments) {
      int at = one.indexOf('=');
      given.put(one.substring(0, at), one.substring(at + 1));
    }
    return new Arguments(given);
  }

  String text(String name) {
    String value = given.get(name);
    if (value == null) throw new IllegalArgumentException("missing " + name + "=...");
    return value;
  }

  long number(String name) {
    return Long.parseLong(text(name));
  }

  double halfLifeMs() {
    return Double.parseDouble(text("half_life_s")) * 1000;
  }

  BehaviorDecoder decoder() {
    return new BehaviorDecoder(text("categories").split(","), kindWeights());
  }

  private float[] kindWeights() {
    String[] weights = text("kind_weights").split(",");
    float[] out = new float[weights.length];
    for (int i = 0; i < out.length; i++) out[i] = Float.parseFloat(weights[i]);
    return out;
  }
}
