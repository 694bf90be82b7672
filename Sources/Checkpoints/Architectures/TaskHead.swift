/// Heads that a task puts upon a language model and that the model's own files lack; an adapter trained for the task
/// holds them whole (`formats/peft.md` §8).
public enum TaskHead {
  /// What Transformers' classes call them: classes of a text or of its tokens with the layer before them, answers found in a
  /// text.
  private static let names: Set<String> = ["score", "classifier", "pooler", "qa_outputs"]

  /// The layer of those that may lie in the model itself, as BERT's does, and be missing there.
  private static let pooler = "pooler"

  /// Whether a module, such as `score`, `classifier.out_proj` or `bert.pooler.dense`, is one or lies in one.
  public static func contains(_ module: String) -> Bool {
    let components = module.split(separator: ".")
    guard let first = components.first else { return false }
    return names.contains(String(first)) || components.dropFirst().first ?? "" == pooler
  }
}
