import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import JSON
import Models
import Tensors
import Training

/// Calibration: both curvature matrices of every linear module, on the LoRA model.
struct CalibrationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibration", abstract: "C and G of every linear module on the LoRA model.")

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
    _ = try Calibration.curvature(of: pool, examples: Array(examples.prefix(2)), seed: 0)
    var curvature: CurvatureSums?
    let timing = try Measurement.time {
      curvature = try Calibration.curvature(of: pool, examples: examples, seed: 0)
    }
    if let traces, let curvature {
      let values = checkpoint.linearModules.flatMap { module in
        [curvature.inputCovariance(module), curvature.outputCovariance(module)].map { matrix in
          guard let matrix else { return Float.nan }
          return (0..<matrix.rows).reduce(Float(0)) { $0 + matrix[$1, $1] }
        }
      }
      try RawFloats.write(values, to: traces)
    }
    let count = StepOperations(
      checkpoint.configuration, examples: examples, rank: 0, hasTeacher: false)
    let tokens = examples.reduce(0) { $0 + $1.tokenCount }
    Measurement(
      what: "calibration", timing: timing,
      operations: count.total + CalibrationCommand.sums(checkpoint.configuration, tokens: tokens),
      fields: [
        "threads": .integer(options.threads), "tokens": .integer(tokens),
        "examples": .integer(examples.count),
      ]
    ).print()
  }

  /// Operations of `C` and `G`, one triangle each: `N·n²`.
  ///
  /// Inputs that modules share are counted once.
  private static func sums(_ model: DecoderConfiguration, tokens: Int) -> Double {
    let inputs = [
      model.hiddenSize, model.queryWidth, model.hiddenSize, model.feedForwardSize,
    ]
    let outputs = model.linearModules.filter { $0.layer == 0 }.map(\.outFeatures)
    let squares = (inputs + outputs).reduce(0.0) { $0 + Double($1 * $1) }
    return Double(tokens * model.layerCount) * squares
  }
}
