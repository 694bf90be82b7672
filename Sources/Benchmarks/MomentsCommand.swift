import Adapters
import ArgumentParser
import Bases
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import LinearAlgebra
import Models
import Projection
import Tensors
import Threads
import Training

/// What fewer rows of second moments, or fewer candidate directions, cost: energies captured by what they choose and fit,
/// weighed by a row for every token.
struct MomentsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moments",
    abstract: "Captured weighted energy by rows of second moments and by candidates.")

  @OptionGroup var model: BenchModel
  @Option(help: "The adapter of the LoRA model.") var adapter: String
  @Option(help: "What `tokens` wrote.") var tokens: String
  @Option(help: "Output and input directions of every module.") var outputRank = 64
  @Option var inputRank = 4
  @Option(help: "Rows of second moments, comma-separated; 0 for one a token.") var rows = "0"
  @Option(help: "Candidate directions, comma-separated; 0 for all.") var candidates = "0"
  @Option(help: "Every so manieth module alone.") var every = 1
  @Option(help: "Directory of cached bases.") var cache: String?
  @OptionGroup var options: BenchOptions

  func run() throws {
    let (checkpoint, weights) = try model.open()
    let examples = try TokensCommand.read(tokens)
    let pool = try SeededFactors.teacher(adapter, checkpoint, weights, threads: options.threads)
    func moments(_ limit: Int) throws(Fault) -> CurvatureRows {
      try Calibration.curvature(
        of: pool, examples: examples, seed: 0, scratch: NSTemporaryDirectory(),
        rowLimit: limit == 0 ? .max : limit)
    }
    let exact = try moments(0)
    let store = try BasisStore(
      base: checkpoint, cache: cache.map { CacheDirectory($0) }, threads: options.threads)
    let updates = try Adapter.open(adapter).updates
    let modules = checkpoint.linearModules.enumerated().filter { $0.offset % every == 0 }
      .map(\.element)
    for limit in rows.split(separator: ",").compactMap({ Int($0) }) {
      let found = limit == 0 ? exact : try moments(limit)
      for count in candidates.split(separator: ",").compactMap({ Int($0) }) {
        let start = ProcessInfo.processInfo.systemUptime
        let parts = try parallelMap(modules.count, threads: options.threads) {
          (index) throws(Fault) -> Part? in
          guard let update = updates.first(where: { $0.moduleName == modules[index].name }) else {
            return nil
          }
          return try part(
            modules[index], update, store, found, exact, candidates: count == 0 ? nil : count)
        }.compactMap { $0 }
        let total = parts.reduce(0) { $0 + $1.total }
        let captured = parts.reduce(0) { $0 + $1.captured }
        let mean = parts.reduce(0) { $0 + $1.captured / $1.total } / Double(parts.count)
        print(
          JSONValue.object([
            "rows": .integer(Int64(limit)), "candidates": .integer(Int64(count)),
            "output_rank": .integer(Int64(outputRank)), "input_rank": .integer(Int64(inputRank)),
            "modules": .integer(Int64(parts.count)), "tokens": .integer(Int64(exact.tokenCount)),
            "captured": .number(captured / total), "captured_mean": .number(mean),
            "seconds": .number(ProcessInfo.processInfo.systemUptime - start),
          ]).text())
      }
    }
  }

  /// Weighted energies of one module.
  private struct Part {
    let captured: Double
    let total: Double
  }

  private func part(
    _ module: LinearModule, _ update: LowRankUpdate, _ store: BasisStore, _ found: CurvatureRows,
    _ exact: CurvatureRows, candidates: Int?
  ) throws(Fault) -> Part {
    func curvature(_ rows: CurvatureRows) throws(Fault) -> Curvature {
      Curvature(
        input: try rows.inputRows(module).map(SecondMoment.init(rows:)),
        output: try rows.outputRows(module).map(SecondMoment.init(rows:)))
    }
    let basis = try store.basis(of: module, leading: candidates)
    let near = try curvature(found)
    let choice = try Projection.select(
      update: update, basis: basis, curvature: near,
      rank: LatentRank(output: outputRank, input: inputRank), candidates: candidates)
    let moduleBasis = try basis.moduleBasis(for: choice)
    let fit = try Projection.fit(
      update: update, basis: moduleBasis, curvature: near, method: .kfac)
    let truth = try curvature(exact)
    let weighted = try Projection.capturedEnergy(
      of: fit.latent, update: update, basis: moduleBasis, curvature: truth
    ).weighted
    let total = try WeightedPairs(of: update, curvature: truth, ridge: 0).values
      .reduce(0) { $0 + $1 * $1 }
    return Part(captured: (weighted ?? 0) * total, total: total)
  }
}
