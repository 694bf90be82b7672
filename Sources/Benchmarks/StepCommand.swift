import Adapters
import ArgumentParser
import Bases
import Checkpoints
import Evaluation
import Faults
import Foundation
import JSON
import LinearAlgebra
import Models
import Tensors
import Training

/// One tuning step, by the product's own `Tuner`: forward, backward, AdamW on the latents.
struct StepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step", abstract: "Tuning steps by distillation on every linear module.")

  @OptionGroup var model: BenchModel
  @Option(help: "The teacher's adapter; without one the loss is cross-entropy.")
  var adapter: String?
  @Option(help: "What `tokens` wrote; all of it is the batch of every step.") var tokens: String
  @Option var rank = 16
  @Option(help: "Steps, the first of which warms up.") var steps = 4
  @Option var learningRate = 1e-3
  @Option(help: "float32 or bfloat16.") var precision = ProductPrecision.float32
  @Flag(help: "Computes activations again instead of keeping them.") var recomputes = false
  @OptionGroup var options: BenchOptions

  func run() throws {
    let (checkpoint, weights) = try model.open()
    let examples = try TokensCommand.read(tokens)
    var teacher: DecoderPool?
    if let adapter {
      teacher = try SeededFactors.teacher(adapter, checkpoint, weights, threads: options.threads)
    }
    let (bases, latents) = SeededFactors.all(checkpoint.linearModules, rank: rank)
    try weights.hold(precision, threads: options.threads)
    let student = StudentModel(
      weights: weights, modules: checkpoint.linearModules, bases: bases, latents: latents,
      threads: options.threads,
      trainingPrecision: precision,
      recomputes: recomputes)
    var settings = TuningOptions()
    settings.objective = teacher == nil ? .ce : .kd
    settings.steps = steps
    settings.batchSize = examples.count
    settings.learningRate = learningRate
    settings.warmup = 0
    let tuner = Tuner(
      student: student,
      data: TuningData(training: examples, validation: [], teacher: teacher), options: settings,
      trainables: [LatentTraining(student.latents)])
    // The first step also computes the teacher's states: it is the warm-up.
    var marks: [UInt64] = []
    var processor: [Double] = []
    try tuner.run { _ in
      marks.append(DispatchTime.now().uptimeNanoseconds)
      processor.append(Timing.processorSecondsOfProcess)
    }
    let times = zip(marks, marks.dropFirst()).map { Double($1 - $0) * 1e-9 }
    let count = StepOperations(
      checkpoint.configuration, examples: examples, rank: rank, hasTeacher: teacher != nil)
    Measurement(
      what: "step",
      timing: Timing(
        seconds: Measurement.median(times), runs: times.count,
        processorSeconds: ((processor.last ?? 0) - (processor.first ?? 0))
          / Double(max(times.count, 1))),
      operations: count.total,
      fields: [
        "threads": .integer(options.threads), "rank": .integer(rank),
        "precision": .string(precision.rawValue),
        "tokens": .integer(examples.reduce(0) { $0 + $1.tokenCount }),
        "operations_of_weights": .number(count.weights), "recomputes": .bool(recomputes),
        "streams": .bool(model.streams),
        "losses": .array(tuner.state.history.trainLoss.map { .number($0) }),
      ]
    ).print()
  }
}

/// Factors and latents from a seed, the same in `peers/step.py`; what they are does not change the work.
enum SeededFactors {
  static let seed: UInt64 = 20_261_124
  static let latentScale = 0.02

  /// The base with the adapter at `path`.
  static func teacher(
    _ path: String, _ base: BaseCheckpoint, _ weights: DecoderWeights, threads: Int
  ) throws(Fault) -> DecoderPool {
    let updates = try Adapter.open(path).updates
    var set = UpdateSet(layerCount: base.configuration.layerCount)
    for module in base.linearModules {
      guard let update = updates.first(where: { $0.moduleName == module.name }) else { continue }
      set[module.layer, module.kind] = ModuleUpdate(
        loraA: update.loraA, loraB: update.loraB, scaling: update.scaling)
    }
    return DecoderPool(weights: weights, updates: set, threads: threads)
  }

  /// `U`, `V` with columns of length about 1, and latents that change the loss a little.
  static func all(
    _ modules: [LinearModule], rank: Int
  ) -> (bases: [ModuleBasis], latents: [Matrix<Float>]) {
    var result: (bases: [ModuleBasis], latents: [Matrix<Float>]) = ([], [])
    for (index, module) in modules.enumerated() {
      func factor(_ stream: Int, _ rows: Int, _ scale: Double) -> Matrix<Float> {
        var generator = SeededGenerator(seed: seed, stream: UInt64(3 * index + stream))
        return Matrix(
          rows: rows, columns: rank,
          elements: generator.normals(rows * rank).map { Float($0 * scale) })
      }
      let (rows, columns) = (module.outFeatures, module.inFeatures)
      result.bases.append(
        ModuleBasis(
          moduleName: module.name, outputBasis: factor(1, rows, 1 / Double(rows).squareRoot()),
          inputBasis: factor(2, columns, 1 / Double(columns).squareRoot()),
          outputSingularValues: [], inputSingularValues: [],
          selection: .random(rank: LatentRank(rank), seed: seed)))
      result.latents.append(factor(3, rank, latentScale))
    }
    return result
  }
}
