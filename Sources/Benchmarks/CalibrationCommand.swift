import ArgumentParser
import Checkpoints
import Evaluation
import Faults
import Foundation
import JSON
import LinearAlgebra
import Models
import Tensors
import Training

/// Calibration: rows of both second moments of every linear module, on the LoRA model.
struct CalibrationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibration",
    abstract: "Rows of C and G of every linear module on the LoRA model.")

  @OptionGroup var model: BenchModel
  @Option(help: "The adapter of the LoRA model.") var adapter: String
  @Option(help: "What `tokens` wrote.") var tokens: String
  @Option(help: "Where the traces of C and G go, Float32, two a module in model order.")
  var traces: String?
  @OptionGroup var options: BenchOptions

  func run() throws {
    let (checkpoint, weights) = try model.open()
    let examples = try TokensCommand.read(tokens)
    let pool = try SeededFactors.teacher(adapter, checkpoint, weights, threads: options.threads)
    // A row a token: traces are compared.
    func calibrate(_ examples: [TokenizedExample]) throws(Fault) -> CurvatureRows {
      try Calibration.curvature(
        of: pool, examples: examples, seed: 0, scratch: NSTemporaryDirectory(), rowLimit: .max)
    }
    _ = try calibrate(Array(examples.prefix(2)))
    var curvature: CurvatureRows?
    let timing = try Measurement.time { curvature = try calibrate(examples) }
    if let traces, let curvature {
      let values = try checkpoint.linearModules.flatMap { module in
        [try curvature.inputRows(module), try curvature.outputRows(module)].map { rows in
          rows.map { Float($0.inDouble.squaredNorm) } ?? .nan
        }
      }
      try RawFloats.write(values, to: traces)
    }
    let count = StepOperations(
      checkpoint.configuration, examples: examples, rank: 0, hasTeacher: false)
    let tokens = examples.reduce(0) { $0 + $1.tokenCount }
    Measurement(
      what: "calibration", timing: timing,
      operations: count.total,
      fields: [
        "threads": .integer(options.threads), "tokens": .integer(tokens),
        "examples": .integer(examples.count),
      ]
    ).print()
  }
}
