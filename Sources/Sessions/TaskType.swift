package import Adapters
package import Checkpoints
package import Faults

/// What an adapter is for, in PEFT's words (`task_type`).
package enum TaskType {
  /// States alone.
  package static let features = "FEATURE_EXTRACTION"
  /// Heads for tokens or spans.
  private static let ofTokens: Set<String> = ["TOKEN_CLS", "QUESTION_ANS"]
  private static let classes = "SEQ_CLS"
  private static let language = "CAUSAL_LM"
  /// Words that PEFT knows; others have no meaning to keep.
  private static let known = ofTokens.union([features, classes, language, "SEQ_2_SEQ_LM"])

  /// What changes of a base are for where nobody says it: classes with a head for them, tokens of a decoder, features else; nil
  /// for images, for which PEFT has no class.
  package static func implied(by base: DecoderConfiguration, parts: [AdapterPart]) -> String? {
    if base.imageShape != nil { return nil }
    if base.classHead != nil || parts.contains(where: { TaskHead.contains($0.module) }) {
      return classes
    }
    return base.hasLanguageHead ? language : features
  }

  /// What an artifact keeps of an adapter's: nil for what is implied, and for words that PEFT does not know.
  package static func stated(
    by adapter: Adapter, base: DecoderConfiguration, parts: [AdapterPart]
  ) -> String? {
    guard let task = adapter.taskType, known.contains(task) else { return nil }
    return task == implied(by: base, parts: parts) ? nil : task
  }

  /// Refuses to run a head for tokens or spans, which looks like one for whole texts.
  ///
  /// - Throws: 69 `MD-HEAD`.
  package static func checkAnswers(
    _ task: String?, _ parts: [AdapterPart], path: String
  ) throws(Fault) {
    guard let task, ofTokens.contains(task),
      parts.contains(where: { TaskHead.contains($0.module) })
    else { return }
    throw Fault(
      .unsupported, "MD-HEAD",
      "the adapter's head is for tokens or spans (task_type \(task)): it is converted without data, carried and exported, and nothing is measured or trained with it",
      path: path)
  }
}
