import ArgumentParser
import Checkpoints
import JSON
import LinearAlgebra

/// The rate of single-precision products on a tuning step's own shapes: the ceiling of `step`.
///
/// The frozen weights' products alone, forward and backward, as the decoder makes them (q, k, v stacked; gate,
/// up stacked), each layer with its own memory, so that weights stream as they do in a step.
struct ShapesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shapes", abstract: "The rate of products on a step's own shapes.")

  @Option var base: String
  @Option(help: "Tokens in all.") var tokens: Int
  @Flag(help: "One product over all threads; else each thread has its share of the tokens.")
  var together = false
  @OptionGroup var options: BenchOptions

  func run() throws {
    let model = try BaseCheckpoint.open(base).configuration
    let (d, f) = (model.hiddenSize, model.feedForwardSize)
    let (q, qkv) = (model.queryWidth, model.queryWidth + 2 * model.keyValueWidth)
    // Weights [rows, columns], in the order of a block.
    let shapes = [(qkv, d), (d, q), (2 * f, d), (d, f)]
    let layerSize = shapes.reduce(0) { $0 + $1.0 * $1.1 }
    let widest = 2 * f + qkv
    let workers = together ? 1 : options.threads
    let share = tokens / workers
    let weights = ShapesCommand.filled(layerSize * model.layerCount)
    let activations = ShapesCommand.filled(workers * share * widest * 2)
    defer {
      weights.deallocate()
      activations.deallocate()
    }
    let places = (Int(bitPattern: weights), Int(bitPattern: activations))
    let layers = model.layerCount
    BLASThreads.set(options.threads)
    let work = { @Sendable (worker: Int) in
      guard let weights = UnsafeMutablePointer<Float>(bitPattern: places.0),
        let own = UnsafeMutablePointer<Float>(bitPattern: places.1)
      else { return }
      let input = own + worker * share * widest * 2
      let output = input + share * widest
      for layer in 0..<layers {
        var weight = weights + layer * layerSize
        for (rows, columns) in shapes {
          BLAS.gemm(
            transposeB: true, rows: share, columns: rows, inner: columns, input, weight, output)
          BLAS.gemm(rows: share, columns: columns, inner: rows, output, weight, input)
          weight += rows * columns
        }
      }
    }
    let pass = {
      if workers == 1 { work(0) } else { parallelTasks(workers, threads: workers, work) }
    }
    pass()
    let (seconds, runs) = Measurement.time { pass() }
    Measurement(
      what: "shapes", seconds: seconds, runs: runs,
      operations: 4 * Double(workers * share) * Double(layerSize * layers),
      fields: ["threads": .integer(options.threads), "together": .bool(together)]
    ).print()
  }

  /// Small enough numbers that sixty products in a row neither overflow nor reach subnormals.
  private static func filled(_ count: Int) -> UnsafeMutablePointer<Float> {
    let buffer = UnsafeMutablePointer<Float>.allocate(capacity: count)
    for index in 0..<count { buffer[index] = Float(index % 7 - 3) * 0x1p-10 }
    return buffer
  }
}
