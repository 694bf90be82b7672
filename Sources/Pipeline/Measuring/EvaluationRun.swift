import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
public import Faults
import Files
import LinearAlgebra
import Models
import Progress
public import Recipes
public import Reports
public import Sessions
import Training

/// `evaluate`: the base, adapters and artifacts on the same examples.
public struct EvaluationRun {
  private let session: BaseSession

  /// A run on an open base.
  public init(session: BaseSession) {
    self.session = session
  }

  /// Measures every variant; the first adapter is the teacher.
  public func run(
    data: JobRequest.Data, adapters: [String], artifacts: [String], seed: UInt64 = 0
  ) throws(Fault) -> EvaluationRecord {
    var demand = MemoryPlan.Demand()
    demand.runsModel = true
    demand.roundsProducts = data.precision == .bfloat16
    session.log.warn(Warning.ofProducts(in: [data.precision]))
    // What is wrong with the data is said in its turn.
    if let set = try? DataSet(path: data.path, limit: data.limit, skip: data.skip),
      let examples = try? session.tokenized(set)
    {
      demand.add(forward: examples)
    }
    try session.expect(demand)
    // Everything is opened before the first long pass: a bad last path must not cost the first ones.
    var decoders: [(VariantResult.Kind, String, String, Int, DecoderPool)] = []
    // What the first variant makes of the base says which head answers, where the base has none.
    var first: BaseSession?
    for path in adapters {
      let adapter = try Adapter.open(path, memory: session.memory)
      let matched = try MatchedAdapter(
        adapter, base: session.base, magnitudes: .keep, threads: session.threads)
      session.log.warn(matched.adapter.warnings, about: path)
      try matched.checkAnswers()
      let changed = session.changed(by: matched.parts)
      first = first ?? changed
      decoders.append(
        (
          .lora, adapter.name, path, adapter.byteCount,
          DecoderPool(
            weights: try changed.weights(),
            updates: matched.decoderUpdates(layerCount: session.base.configuration.layerCount),
            threads: session.threads)
        ))
    }
    for path in artifacts {
      let loaded = try ArtifactLoader(session: session).load(path)
      try TaskType.checkAnswers(
        loaded.artifact.metadata.adapter?.taskType, loaded.parts, path: path)
      first = first ?? session.changed(by: loaded.parts)
      decoders.append(
        (
          .stored, Paths.name(of: path), path, try InputFile(path).byteCount,
          try loaded.student(session: session).pool
        ))
    }
    let base = (first ?? session).asBase
    let weights = try base.weights()
    let measurement = try Measurement(session: base, request: data, seed: seed)
    for (kind, name, path, bytes, pool) in decoders where kind == .lora {
      try measurement.measure(kind, name: name, source: path, bytes: bytes, pool: pool)
    }
    try measurement.measure(
      .base, name: "base", source: session.base.path,
      pool: DecoderPool(weights: weights, threads: session.threads))
    for (kind, name, path, bytes, pool) in decoders where kind != .lora {
      try measurement.measure(kind, name: name, source: path, bytes: bytes, pool: pool)
    }
    return measurement.record()
  }
}
