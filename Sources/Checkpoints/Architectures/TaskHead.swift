/// Heads that a task puts upon a language model and that the model's own files lack; an adapter trained for the task
/// holds them whole (`formats/peft.md` §8).
public enum TaskHead {
  /// What Transformers' classes call them: classes of a text or of its tokens with the layer before them, answers found in a
  /// text.
  private static let names: Set<String> = ["score", "classifier", "pooler", "qa_outputs"]

  /// Whether a module, such as `score` or `classifier.out_proj`, is one or lies in one.
  public static func contains(_ module: String) -> Bool {
    module.split(separator: ".").first.map { names.contains(String($0)) } ?? false
  }
}
