import ArgumentParser
import Checkpoints
import Evaluation
import Faults
import JSON
import LinearAlgebra
import Models
import Tensors

extension BenchModel {
  /// The model for passes that multiply in `precision`.
  fileprivate func pool(
    in precision: ProductPrecision, _ options: BenchOptions
  ) throws(Fault) -> DecoderPool {
    let (_, weights) = try open()
    try weights.hold(precision, threads: options.threads)
    return DecoderPool(weights: weights, threads: options.threads, precision: precision)
  }
}

/// Scoring: −ln p of every completion, as `evaluate` does it.
struct ScoringCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scoring", abstract: "Scores the completions of examples.")

  @OptionGroup var model: BenchModel
  @Option(help: "What `tokens` wrote.") var tokens: String
  @Option(help: "float32 or bfloat16.") var precision = ProductPrecision.float32
  @OptionGroup var options: BenchOptions

  func run() throws {
    let examples = try TokensCommand.read(tokens)
    let pool = try model.pool(in: precision, options)
    let evaluator = Evaluator(plan: EvaluationPlan(examples: examples))
    var scores = try evaluator.evaluate(pool).scores
    let timing = try Measurement.time { () throws(Fault) in
      scores = try evaluator.evaluate(pool).scores
    }
    Measurement(
      what: "scoring", timing: timing,
      fields: [
        "threads": .integer(options.threads), "precision": .string(precision.rawValue),
        "tokens": .integer(examples.reduce(0) { $0 + $1.tokenCount }),
        "losses": .array(scores.examples.map { .number($0.negativeLogLikelihood) }),
      ]
    ).print()
  }
}

/// Writing: tokens after every prompt, greedily and all prompts together, as written answers are.
struct WritingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "writing", abstract: "Writes tokens after the prompts of examples.")

  @OptionGroup var model: BenchModel
  @Option(help: "What `tokens` wrote.") var tokens: String
  @Option(help: "Tokens after each prompt.") var length = 32
  @Option(help: "float32 or bfloat16.") var precision = ProductPrecision.float32
  @OptionGroup var options: BenchOptions

  func run() throws {
    let prompts = try TokensCommand.read(tokens).map(\.prompt)
    let pool = try model.pool(in: precision, options)
    let limits = Array(repeating: length, count: prompts.count)
    func write() throws(Fault) -> [[Int32]] {
      try pool.map(1) { (_, decoder) throws(Fault) in
        try GreedyDecoder(decoder).complete(prompts: prompts, limits: limits) { _, _ in false }
      }[0]
    }
    var written = try write()
    let timing = try Measurement.time { () throws(Fault) in written = try write() }
    Measurement(
      what: "writing", timing: timing,
      fields: [
        "threads": .integer(options.threads), "precision": .string(precision.rawValue),
        "tokens": .integer(prompts.count * length),
        "written": .array(written.map { .array($0.map { .integer(Int64($0)) }) }),
      ]
    ).print()
  }
}
