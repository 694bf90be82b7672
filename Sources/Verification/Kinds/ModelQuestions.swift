import Checkpoints
import Evaluation
import Faults
import JSON
import Models
import Sessions

/// What a model is asked in a case of its family: tokens, or rows of a data file for a head.
struct ModelQuestions {
  /// What logits are of.
  let shown: TokenBatch
  /// Its positions that they are of; nil where every sequence has one.
  let positions: [Int]?
  /// What the loss is of.
  let answered: TokenBatch
  /// What is continued token by token; empty where the model does not write.
  let opening: [Int32]
  /// How many texts of the data have other tokens than the case says.
  let differingTexts: Int

  init(_ context: CaseContext, _ session: BaseSession) throws(Fault) {
    let parameters = context.golden.parameters
    if let data = context.optionalPath("data") {
      let examples = try session.tokenized(try DataSet(path: data))
      var batch = TokenBatch()
      for example in examples { batch.append(example) }
      (shown, positions, answered, opening) = (batch, nil, batch, [])
      differingTexts = try ModelQuestions.differences(examples, parameters["tokens"])
      return
    }
    differingTexts = 0
    let vocabulary = session.configuration.vocabularySize
    let prompt = try Numbers.tokens(parameters["prompt"], below: vocabulary)
    let places = try Numbers.integers(parameters["positions"])
    guard !prompt.isEmpty, places.allSatisfy(prompt.indices.contains) else {
      throw parameters["positions"].fault("outside the prompt")
    }
    var (whole, batch) = (TokenBatch(), TokenBatch())
    whole.append(all: prompt)
    for field in try parameters["examples"].array() {
      let (start, end) = (
        try Numbers.tokens(field["prompt"], below: vocabulary),
        try Numbers.tokens(field["completion"], below: vocabulary)
      )
      guard !start.isEmpty, !end.isEmpty else {
        throw field.fault("prompt or completion is empty")
      }
      batch.append(prompt: start, completion: end)
    }
    (shown, positions, answered) = (whole, places, batch)
    opening = Array(prompt.prefix(12))
  }

  /// Images have no tokens; types are those of models that tell the second text of a pair from the first.
  private static func differences(
    _ examples: [TokenizedExample], _ field: JSONField
  ) throws(Fault) -> Int {
    guard field.isPresent else { return 0 }
    let expected = try field.array()
    guard expected.count == examples.count else { return max(expected.count, examples.count) }
    var count = 0
    for (example, tokens) in zip(examples, expected) {
      let found = example.whole?.types ?? []
      let types = try Numbers.tokens(tokens["types"])
      let areSame =
        try example.prompt == Numbers.tokens(tokens["ids"]) && (found.isEmpty || found == types)
      count += areSame ? 0 : 1
    }
    return count
  }
}
