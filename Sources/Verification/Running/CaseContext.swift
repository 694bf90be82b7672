import Faults

/// What a recomputation works with: the case, its inputs on this machine, and what earlier cases
/// have already opened.
struct CaseContext {
  /// The case.
  let golden: GoldenCase
  /// Where each input is, digests checked.
  private let paths: [String: String]
  private let answer: GoldenTensors?
  /// What cases share.
  let workshop: Workshop

  init(
    golden: GoldenCase, paths: [String: String], tensors: GoldenTensors?, workshop: Workshop
  ) {
    self.golden = golden
    self.paths = paths
    answer = tensors
    self.workshop = workshop
  }

  /// The path of an input that the kind cannot do without.
  ///
  /// - Throws: 65 `GV-FIELD` when the case does not list it.
  func path(_ name: String) throws(Fault) -> String {
    if let path = paths[name] { return path }
    throw Fault(.badData, "GV-FIELD", "inputs.\(name): missing, cases of this kind need it")
  }

  /// The path of an input that the case may have.
  func optionalPath(_ name: String) -> String? { paths[name] }

  /// The tensors of the answer.
  ///
  /// - Throws: 65 `GV-FIELD` when the case has none.
  func tensors() throws(Fault) -> GoldenTensors {
    if let answer { return answer }
    throw Fault(.badData, "GV-FIELD", "tensors: missing, cases of this kind need it")
  }
}
