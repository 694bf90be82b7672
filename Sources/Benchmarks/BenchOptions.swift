public import ArgumentParser
import Checkpoints
import Faults
import Files
import Foundation
public import LinearAlgebra
import Models

extension ProductPrecision: ExpressibleByArgument {}

/// Options of every subcommand.
struct BenchOptions: ParsableArguments {
  @Option(help: "Threads for products and parallel work.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
}

/// The base model of a measurement, and where its blocks stay.
struct BenchModel: ParsableArguments {
  @Option var base: String
  @Flag(help: "Leaves blocks on disk and decodes them at every pass.") var streams = false

  func open() throws(Fault) -> (checkpoint: BaseCheckpoint, weights: DecoderWeights) {
    let checkpoint = try BaseCheckpoint.open(base)
    return (
      checkpoint,
      try streams ? DecoderWeights(streaming: checkpoint) : DecoderWeights(base: checkpoint)
    )
  }
}

/// Plain little-endian Float32 files, the common ground with the peers.
enum RawFloats {
  /// All numbers of a file, which must be `count`.
  static func read(_ path: String, count: Int) throws(Fault) -> [Float] {
    let file = try InputFile(path)
    guard file.byteCount == count * 4 else {
      throw Fault(
        .badData, "BENCH-SIZE", "\(file.byteCount) bytes, \(count) numbers expected", path: path)
    }
    var values = [Float](repeating: 0, count: count)
    var failure: Fault?
    values.withUnsafeMutableBytes { target in
      do throws(Fault) { try file.read(at: 0, into: target) } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }

  /// Writes `values`, replacing what is there.
  static func write(_ values: [Float], to path: String) throws {
    try values.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
  }
}
