import Adapters
import ArgumentParser
import Bases
import Checkpoints
import Faults
import Files
import JSON
import LinearAlgebra
import Projection
import Tensors
import Threads

/// Writes the `top` factors of every module of a base, for both sides of `projection`.
struct FactorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "factors", abstract: "Writes the top directions of every module.")

  @Option var base: String
  @Option var rank = 16
  @Option(help: "Directory of cached bases.") var cache: String?
  @Option(name: .shortAndLong, help: "Safetensors, NAME.output and NAME.input, Float32.")
  var output: String
  @OptionGroup var options: BenchOptions

  func run() throws {
    let bases = try FactorsCommand.bases(
      BaseCheckpoint.open(base), rank: rank, cache: cache, threads: options.threads)
    var writer = SafeTensorsWriter()
    for basis in bases {
      for (side, factor) in [("output", basis.outputBasis), ("input", basis.inputBasis)] {
        try writer.add("\(basis.moduleName).\(side)", matrix: factor)
      }
    }
    _ = try writer.write(to: output)
  }

  static func bases(
    _ base: BaseCheckpoint, rank: Int, cache: String?, threads: Int
  ) throws(Fault) -> [ModuleBasis] {
    let store = try BasisStore(
      base: base, cache: cache.map { CacheDirectory($0) }, threads: threads)
    try store.prepare(modules: base.linearModules)
    return try parallelMap(base.linearModules.count, threads: threads) {
      (index) throws(Fault) -> ModuleBasis in
      let basis = try store.basis(of: base.linearModules[index])
      return try basis.moduleBasis(
        for: .top(rank: basis.admissibleRank(rank), omegaSeed: 0)
      ).keepingGrams
    }
  }
}

/// Many adapters projected onto one base, each on one thread, as a batch does it.
struct ProjectionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "projection", abstract: "Projects every adapter of a directory.")

  @Option var base: String
  @Option(help: "A directory of adapter directories.") var adapters: String
  @Option(help: "The first so many of them.") var count: Int
  @Option var rank = 16
  @Option(help: "Directory of cached bases.") var cache: String?
  @Option(help: "Where the latents of the first and the last adapter go, Float32.")
  var latents: String
  @OptionGroup var options: BenchOptions

  func run() throws {
    let checkpoint = try BaseCheckpoint.open(base)
    let bases = try FactorsCommand.bases(
      checkpoint, rank: rank, cache: cache, threads: options.threads)
    let paths = try Paths.entries(of: adapters).sorted().prefix(count).map {
      Paths.join(adapters, $0)
    }
    guard paths.count == count else {
      throw Fault(
        .missingInput, "BENCH-ADAPTERS", "\(paths.count) of \(count) adapters", path: adapters)
    }
    _ = try project(paths[0], bases)
    var results: [(bytes: Int, latents: [Float])] = []
    let timing = try Measurement.time(atLeast: 0) { () throws(Fault) in
      results = try parallelMap(paths.count, threads: options.threads) {
        [last = paths.count - 1] (index) throws(Fault) in
        let (size, projected) = try project(paths[index], bases)
        let isKept = index == 0 || index == last
        return (size, isKept ? projected.flatMap { $0.latent.inFloat.elements } : [])
      }
    }
    let bytes = results.reduce(0) { $0 + $1.bytes }
    try RawFloats.write(results.flatMap(\.latents), to: latents)
    Measurement(
      what: "projection", timing: timing, bytes: bytes,
      fields: [
        "adapters": .integer(paths.count), "rank": .integer(rank),
        "threads": .integer(options.threads),
      ]
    ).print()
  }

  /// Reads one adapter and fits every module; its size in bytes, and its latents in model order.
  private func project(
    _ path: String, _ bases: [ModuleBasis]
  ) throws(Fault) -> (bytes: Int, modules: [ProjectedModule]) {
    let adapter = try Adapter.open(path, threads: 1)
    var places: [String: Int] = [:]
    for (index, update) in adapter.updates.enumerated() { places[update.moduleName] = index }
    let fitted = try bases.map { (basis) throws(Fault) -> ProjectedModule in
      guard let place = places[basis.moduleName] else {
        throw Fault(
          .badData, "BENCH-ADAPTERS", "no update of the module", tensor: basis.moduleName)
      }
      return try Projection.fit(update: adapter.updates[place], basis: basis, method: .projected)
    }
    return (adapter.byteCount, fitted)
  }
}
