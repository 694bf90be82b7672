import ArgumentParser
import Checkpoints
import Evaluation
import Faults
import Foundation
import JSON
import LinearAlgebra
import Models
import Tensors
import Threads
import Training

/// One piece of work, recorded on one thread and replayed on simulated cores.
///
/// Real runs on one and on two threads stand beside it: they say how far the simulation is to be believed.
struct CoresCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cores", abstract: "A step, calibration, evaluation or bases on simulated cores.")

  enum Piece: String, ExpressibleByArgument {
    case step, calibration, evaluation, bases
  }

  @Argument var piece: Piece
  @OptionGroup var model: BenchModel
  @Option(help: "What `tokens` wrote; all of it is one batch. Bases need none.")
  var tokens: String?
  @Option var rank = 16
  @Option(help: "float32 or bfloat16.") var precision = ProductPrecision.float32
  @Option(help: "Cores to replay on.") var cores = [1, 2, 4, 8, 16, 64]

  func run() throws {
    let (checkpoint, weights) = try model.open()
    guard tokens != nil || piece == .bases else {
      throw ValidationError("--tokens is missing")
    }
    let examples = try tokens.map { try TokensCommand.read($0) } ?? []
    let (bases, latents) = SeededFactors.all(
      piece == .bases ? [] : checkpoint.linearModules, rank: rank)
    func pass(threads: Int) -> () throws(Fault) -> Void {
      func student() -> StudentModel {
        StudentModel(
          weights: weights, modules: checkpoint.linearModules, bases: bases, latents: latents,
          threads: threads, trainingPrecision: precision)
      }
      switch piece {
      case .step:
        let student = student()
        var settings = TuningOptions()
        settings.objective = .ce
        settings.steps = 1
        settings.batchSize = examples.count
        settings.warmup = 0
        let data = TuningData(training: examples, validation: [], teacher: nil)
        return { () throws(Fault) in
          let tuner = Tuner(
            student: student, data: data, options: settings,
            trainables: [LatentTraining(latents)])
          try tuner.run()
        }
      case .calibration:
        let pool = student().pool
        return { () throws(Fault) in
          _ = try Calibration.curvature(
            of: pool, examples: examples, seed: 0, scratch: NSTemporaryDirectory())
        }
      case .evaluation:
        let student = student()
        let data = TuningData(training: [], validation: examples, teacher: nil)
        return { () throws(Fault) in _ = try data.validationLoss(of: student, objective: .ce) }
      case .bases:
        return { [rank] () throws(Fault) in
          _ = try FactorsCommand.bases(checkpoint, rank: rank, cache: nil, threads: threads)
        }
      }
    }
    let real = try [1, 2].map { threads in
      let work = pass(threads: threads)
      try work()
      return try Measurement.time { () throws(Fault) in try work() }
    }
    let work = pass(threads: 64)
    try work()
    let recorded = try Work.recorded { () throws(Fault) in try work() }
    // What cutting costs counts too: beside the time of one thread, undivided.
    let (whole, alone) = (recorded.seconds, real[0].seconds)
    let replayed = cores.map { (cores: $0, seconds: CoreSimulation.seconds(recorded, cores: $0)) }
    Measurement(
      what: "cores/\(piece.rawValue)", timing: real[0],
      fields: [
        "tokens": .integer(examples.reduce(0) { $0 + $1.tokenCount }),
        "precision": .string(precision.rawValue), "recorded_seconds": .number(whole),
        "two_threads_seconds": .number(real[1].seconds),
        "cores": .array(
          replayed.map {
            .object(
              JSONObject([
                ("cores", .integer($0.cores)), ("seconds", .number($0.seconds)),
                ("efficiency", .number(alone / Double($0.cores) / $0.seconds)),
              ]))
          }),
        "serial": .array(
          SerialParts.largest(recorded).map {
            .object(
              JSONObject([("seconds", .number($0.seconds)), ("where", .string($0.place))]))
          }),
      ]
    ).print()
  }
}

/// What nothing shares, by where it stands: the work to cut next.
enum SerialParts {
  /// Seconds of serial parts by depth, and of the longest items of fork-joins that have no fork-join inside.
  static func largest(_ work: Work) -> [(place: String, seconds: Double)] {
    var sums: [Int: Double] = [:]
    var longest: [Int: Double] = [:]
    func add(_ work: Work, depth: Int) {
      for part in work.parts {
        switch part {
        case .serial(let seconds):
          sums[depth, default: 0] += seconds
          longest[depth] = max(longest[depth] ?? 0, seconds)
        case .fork(let items): for item in items { add(item, depth: depth + 1) }
        }
      }
    }
    add(work, depth: 0)
    return sums.keys.sorted().map { depth in
      ("depth \(depth), longest \(longest[depth] ?? 0)", sums[depth] ?? 0)
    }
  }
}
