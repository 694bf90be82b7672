import Adapters
import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Models
import Sessions
import Tensors

/// `model`: a small model of a family in each of its forms, its weights held and read a block at a time
/// (`formats/golden.md` §4.17).
enum ModelCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let base = try context.path("base")
    let answering = try context.workshop.session(base).configuration.answers
    var errors = LargestErrors()
    for path in [base, context.optionalPath("file")].compactMap({ $0 }) {
      let session = try context.workshop.session(path)
      try compareModules(session.base, context, &errors)
      guard answering else { continue }
      guard session.configuration.answers else {
        try compareStates(context, file: session.base, &errors)
        continue
      }
      let questions = try ModelQuestions(context, session)
      errors.see("tokens", Double(questions.differingTexts))
      for isStreamed in [false, true] {
        let weights =
          try isStreamed
          ? DecoderWeights(streaming: session.base) : DecoderWeights(base: session.base)
        try ModelComparison(context, questions, weights, recomputes: isStreamed).run(&errors)
      }
    }
    if let adapter = context.optionalPath("adapter") {
      try compareAdapter(adapter, context, try context.workshop.session(base), &errors)
    }
    return .measured(try errors.measurements(context.golden))
  }

  private static func compareModules(
    _ base: BaseCheckpoint, _ context: CaseContext, _ errors: inout LargestErrors
  ) throws(Fault) {
    let expected = try Numbers.strings(context.golden.parameters["modules"])
    errors.see(
      "modules", Double(Comparison.differences(base.linearModules.map(\.name), expected)))
  }

  /// A file whose head is not whole: what stands before the head, in both forms.
  private static func compareStates(
    _ context: CaseContext, file: BaseCheckpoint, _ errors: inout LargestErrors
  ) throws(Fault) {
    let session = try context.workshop.session(try context.path("base"))
    let batch = try ModelQuestions(context, session).shown
    var states: [[Float]] = []
    for base in [session.base, file] {
      let decoder = Decoder(
        weights: try DecoderWeights(base: base), threads: context.workshop.options.threads)
      states.append(try decoder.forward(batch).elements)
    }
    errors.see("states", Comparison.relative(states[1], states[0]))
  }

  /// The logits of the model with a PEFT adapter and its head.
  private static func compareAdapter(
    _ path: String, _ context: CaseContext, _ session: BaseSession, _ errors: inout LargestErrors
  ) throws(Fault) {
    let matched = try MatchedAdapter(try Adapter.open(path), base: session.base)
    let changed = session.changed(by: matched.parts)
    let questions = try ModelQuestions(context, changed)
    let decoder = Decoder(
      weights: try changed.weights(),
      updates: matched.decoderUpdates(layerCount: changed.configuration.layerCount),
      threads: context.workshop.options.threads)
    let logits = decoder.head.logits(try decoder.forward(questions.shown))
    errors.see(
      "adapter",
      Comparison.relative(logits.elements, try context.tensors().doubles("adapter.logits")))
  }
}

/// The largest error of each kind, in the order in which the kinds were first seen.
struct LargestErrors {
  private var errors: [(name: String, error: Double)] = []

  mutating func see(_ name: String, _ error: Double) {
    let error = error.isNaN ? .infinity : error
    if let index = errors.firstIndex(where: { $0.name == name }) {
      errors[index].error = max(errors[index].error, error)
    } else {
      errors.append((name, error))
    }
  }

  /// Each with the case's tolerance, which is 0 where it states none.
  func measurements(_ golden: GoldenCase) throws(Fault) -> [Measurement] {
    var found: [Measurement] = []
    for (name, error) in errors {
      found.append(
        Measurement(name, error: error, tolerance: try golden.tolerance(name, default: 0)))
    }
    return found
  }
}
