import ArgumentParser
import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Tensors
import Threads

/// The rate of products on a tuning step's own shapes: the ceiling of `step`.
///
/// The frozen weights' products alone, forward and backward, as the decoder makes them (q, k, v stacked; gate,
/// up stacked), each layer with its own memory, so that weights stream as they do in a step; every thread has its
/// share of the tokens.
struct ShapesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shapes", abstract: "The rate of products on a step's own shapes.")

  @Option var base: String
  @Option(help: "Tokens in all.") var tokens: Int
  @Option(help: "float32, bfloat16, or openblas: Float32 by OpenBLAS.") var kernel = "float32"
  @OptionGroup var options: BenchOptions

  func run() throws {
    let model = try BaseCheckpoint.open(base).configuration
    let (d, f) = (model.hiddenSize, model.feedForwardSize)
    let (q, qkv) = (model.queryWidth, model.queryWidth + 2 * model.keyValueWidth)
    // Weights [rows, columns], in the order of a block.
    let shapes = [(qkv, d), (d, q), (2 * f, d), (d, f)]
    let weights = (0..<model.layerCount).flatMap { _ in
      shapes.map { rows, columns in
        let values = (0..<rows * columns).map { Float($0 % 7 - 3) * 0x1p-10 }
        return Weight(Matrix(rows: rows, columns: columns, elements: values), kernel: kernel)
      }
    }
    let (workers, share, widest) = (options.threads, tokens / options.threads, 2 * f)
    let pass = { [kernel] () throws(Fault) in
      _ = try parallelMap(workers, threads: workers) { _ in
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: 3 * share * (widest + 2))
        defer { memory.deallocate() }
        memory.initialize(repeating: 0x1p-10, count: 3 * share * (widest + 2))
        let (input, output) = (memory, memory + share * (widest + 2))
        let rounded = UnsafeMutableRawPointer(output + share * (widest + 2))
          .assumingMemoryBound(to: UInt16.self)
        for weight in weights {
          weight.multiply(input, .forward, into: output, count: share, rounded, kernel)
          weight.multiply(output, .backward, into: input, count: share, rounded, kernel)
        }
      }
    }
    try pass()
    let timing = try Measurement.time { () throws(Fault) in try pass() }
    let size = shapes.reduce(0) { $0 + $1.0 * $1.1 } * model.layerCount
    Measurement(
      what: "shapes", timing: timing,
      operations: 4 * Double(workers * share) * Double(size),
      fields: ["threads": .integer(options.threads), "kernel": .string(kernel)]
    ).print()
  }
}

/// A weight for the product's kernels, or as it is for OpenBLAS.
private struct Weight: Sendable {
  let frozen: FrozenMatrix
  let plain: [Float]

  init(_ matrix: Matrix<Float>, kernel: String) {
    frozen = FrozenMatrix(stacking: [matrix])
    plain = kernel == "openblas" ? matrix.elements : []
  }

  func multiply(
    _ x: UnsafePointer<Float>, _ order: FrozenMatrix.Order,
    into y: UnsafeMutablePointer<Float>, count: Int, _ rounded: UnsafeMutablePointer<UInt16>,
    _ kernel: String
  ) {
    let (width, depth) =
      order == .forward ? (frozen.rows, frozen.columns) : (frozen.columns, frozen.rows)
    if kernel == "openblas" {
      plain.withUnsafeBufferPointer { plain in
        guard let plain = plain.baseAddress else { return }
        BLAS.gemm(
          transposeB: order == .forward, rows: count, columns: width, inner: depth, x, plain, y)
      }
      return
    }
    let rows =
      kernel == "bfloat16"
      ? ActivationRows(x, rows: count, columns: depth, stride: depth, roundedInto: rounded)
      : ActivationRows(x, stride: depth)
    frozen.multiply(rows, count: count, order, into: y, stride: width)
  }
}
