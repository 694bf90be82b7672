import Adapters
import Checkpoints
import Evaluation
import Faults
import Files
import Models
import PipelineSupport
import Progress
import Sessions
import Tensors
import TestSupport
import Testing

/// A base opened once: what is shared, what an adapter's changes make another model of, and what they leave alone.
@Suite struct BaseSessionTests {
  private func session(_ folder: String, memory: Int? = nil) throws -> BaseSession {
    let path = Paths.join(folder, "base.gguf")
    if Paths.kind(of: path) == .missing {
      try AtomicFile.write(path, bytes: try TinyRows.base())
    }
    return try BaseSession(
      path: path, cacheDirectory: nil, threads: 2, memory: memory, log: ProgressLog(style: .none))
  }

  private func logits(_ session: BaseSession) throws -> [Float] {
    var batch = TokenBatch()
    batch.append(whole: [1, 4, 5, 3], position: 0, target: 0)
    let decoder = Decoder(weights: try session.weights(), threads: 1)
    return decoder.head.logits(try decoder.forward(batch)).elements
  }

  /// The final norm twice as large.
  private func doubledNorm(_ session: BaseSession) throws -> AdapterPart {
    let values = try session.base.vector("model.norm.weight")
    return AdapterPart(
      module: "model.norm", leaf: "weight", shape: [values.count],
      change: .replaced(values.map { 2 * $0 }))
  }

  @Test func weightsAreDecodedOnceUntilTheyAreLetGoOf() throws {
    try withTemporaryDirectory { folder in
      let session = try session(folder)
      let first = try session.weights()
      #expect(try session.weights() === first)
      let before = try logits(session)
      session.dropWeights()
      #expect(try session.weights() !== first)
      #expect(try logits(session) == before)
    }
  }

  @Test func changesMakeAnotherModelAndLeaveTheBaseAlone() throws {
    try withTemporaryDirectory { folder in
      let session = try session(folder)
      let before = try logits(session)
      let changed = session.changed(by: [try doubledNorm(session)])
      let after = try logits(changed)
      // The head is linear: twice the norm's weight is twice every logit.
      #expect(relativeError(after, before.map { Double(2 * $0) }) < 1e-6)
      #expect(try logits(session) == before)
      #expect(changed.unchanged === session && session.unchanged === session)
      #expect(session.changed(by: []) === session)
      #expect(changed.changed(by: changed.changes) === changed)
      #expect(changed.changed(by: []) === session)
    }
  }

  /// A language model with an adapter's head for classes: that answers for the base too, whose own predicts tokens.
  @Test func aLanguageModelBorrowsAHeadForClasses() throws {
    try withTemporaryDirectory { folder in
      let session = try session(folder)
      let name = try #require(session.configuration.classModules.last)
      let hidden = session.configuration.hiddenSize
      let head = AdapterPart(
        module: name, leaf: "weight", shape: [3, hidden],
        change: .replaced((0..<3 * hidden).map { Float($0 % 7) / 7 }))
      let changed = session.changed(by: [head, try doubledNorm(session)])
      #expect(session.configuration.hasLanguageHead && session.configuration.classHead == nil)
      #expect(changed.configuration.classHead?.count == 3)
      let base = changed.asBase
      #expect(base.configuration.classHead?.count == 3 && base.changes == [head])
      #expect(try logits(base).count == 3 && logits(changed) != logits(base))
      #expect(session.asBase === session)
      #expect(session.changed(by: [try doubledNorm(session)]).asBase === session)
    }
  }

  /// What stands for the weights in caches differs as they do, and not by who opened them.
  @Test func identityIsThatOfTheWeights() throws {
    try withTemporaryDirectory { folder in
      let (one, other) = (try session(folder), try session(folder))
      #expect(try one.identity() == other.identity())
      let changed = one.changed(by: [try doubledNorm(one)])
      #expect(try changed.identity() != one.identity())
      #expect(
        try changed.identity() == other.changed(by: [try doubledNorm(other)]).identity())
    }
  }

  /// Caches, checkpoints and ranks are other processes: nothing may stand in the order of a set, of which every one that is
  /// made has its own.
  @Test(arguments: ["qwen2", "bert", "starcoder2"])
  func identityIsTheSameWheneverAModelIsOpened(model: String) throws {
    let found = try (0..<8).map { _ in
      try BaseSession(
        path: Checkout.path("golden/models/\(model)"), cacheDirectory: nil, threads: 1,
        log: ProgressLog(style: .none)
      ).textIdentity()
    }
    #expect(Set(found).count == 1)
  }

  @Test func digestsAreOfDecodedValues() throws {
    try withTemporaryDirectory { folder in
      let session = try session(folder)
      let modules = Array(session.base.linearModules.prefix(3))
      let expected = try modules.map {
        SHA256Digest.of(try session.base.matrix($0.weightName).elements)
      }
      #expect(try session.moduleDigests(modules) == expected)
      // They are the base's, whatever an adapter replaces.
      let changed = session.changed(by: [try doubledNorm(session)])
      #expect(try changed.moduleDigests(modules) == expected)
    }
  }

  @Test func aBudgetIsCheckedBeforeWorkAndNamesWhatIsNeeded() throws {
    try withTemporaryDirectory { folder in
      var demand = MemoryPlan.Demand()
      demand.runsModel = true
      let small = try session(folder, memory: 1 << 20)
      let found = fault { () throws(Fault) in try small.expect(demand) }
      #expect(found?.code == "MEM-BUDGET" && found?.exitCode == 71)
      #expect(fault { () throws(Fault) in try small.weights() }?.code == "MEM-BUDGET")
      try session(folder, memory: 4 << 30).expect(demand)
      try session(folder).expect(demand)
    }
  }

  /// What one job was refused for does not fail the next, and a new budget holds from then on.
  @Test func aRefusedDemandLeavesNothing() throws {
    try withTemporaryDirectory { folder in
      var (small, large) = (MemoryPlan.Demand(), MemoryPlan.Demand())
      (small.runsModel, large.runsModel) = (true, true)
      large.add(
        forward: [TokenizedExample(prompt: [Int32](repeating: 1, count: 40_000), completion: [3])])
      let session = try session(folder, memory: 1 << 30)
      #expect(fault { () throws(Fault) in try session.expect(large) }?.code == "MEM-BUDGET")
      try session.expect(small)
      session.begin(memory: 64 << 30)
      try session.expect(large)
      // Weights that are held then are not what the next budget has room for.
      _ = try session.weights()
      session.begin(memory: 1 << 30)
      try session.expect(small)
      #expect(session.memory == 1 << 30)
    }
  }

  /// Demands of several jobs are the larger of each part, whatever their order.
  @Test func demandsUnite() {
    let short = [TokenizedExample(prompt: [1, 2], completion: [3])]
    let long = [TokenizedExample(prompt: Array(1...300), completion: [3])]
    var (first, second, both) = (
      MemoryPlan.Demand(), MemoryPlan.Demand(), MemoryPlan.Demand()
    )
    first.factors = 7
    first.add(forward: long)
    second.roundsProducts = true
    second.add(recorded: short, together: true)
    both.factors = 7
    both.roundsProducts = true
    both.add(forward: long)
    both.add(recorded: short, together: true)
    #expect(first.union(second) == both && second.union(first) == both)
    #expect(first.union(first) == first && first != second)
  }

  /// Texts are written by what predicts tokens, and by nothing else.
  @Test func onlyLanguageModelsWrite() throws {
    try withTemporaryDirectory { folder in try session(folder).checkWrites() }
    let encoder = try BaseSession(
      path: Checkout.path("golden/models/roberta-masked"), cacheDirectory: nil, threads: 1,
      log: ProgressLog(style: .none))
    #expect(fault { () throws(Fault) in try encoder.checkWrites() }?.code == "DATA-HEAD")
  }
}
