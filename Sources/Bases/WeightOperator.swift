import LinearAlgebra
import Tensors
import Threads

/// The symmetric operator `A = SᵀS` of a weight, `S` being the weight or its transpose, whichever is taller,
/// `[long, short]`: `A` acts on the shorter side.
///
/// Blocks hold one vector per row, `[count, short]`. The weight stays as it is, in Float32; a product in Float64
/// converts a slice of it at a time, and both factors of `A` use that slice while it is at hand. The longer side is cut into
/// parts by its length alone, which idle threads share: sums do not depend on threads.
struct WeightOperator {
  private let weight: Matrix<Float>
  /// Whether rows are the longer side.
  private let isTall: Bool
  /// Features of the shorter side.
  let short: Int
  /// Features of the longer side.
  let long: Int
  /// Features of the longer side in a part of it, at least, and the most parts.
  private static let (partFeatures, mostParts) = (512, 16)
  private var parts: Int {
    max(1, min(WeightOperator.mostParts, long / WeightOperator.partFeatures))
  }

  /// Bytes of a converted slice: it stays in a cache.
  private static let sliceByteCount = 2 << 20

  init(_ weight: Matrix<Float>) {
    self.weight = weight
    isTall = weight.rows >= weight.columns
    short = min(weight.rows, weight.columns)
    long = max(weight.rows, weight.columns)
  }

  /// `P = X·Sᵀ` `[count, long]` and `Y ← alpha · P·S + beta · Y` `[count, short]`, for `X` `[count, short]`.
  func apply<Scalar: BLASScalar>(
    _ x: [Scalar], count: Int, alpha: Scalar = 1, beta: Scalar = 0, images p: inout [Scalar],
    into y: inout [Scalar]
  ) {
    // Every part of the longer side adds to sums of its own; the first one's are Y.
    var sums = [Scalar](repeating: 0, count: (parts - 1) * y.count)
    let size = y.count
    x.withUnsafeBufferPointer { x in
      p.withUnsafeMutableBufferPointer { p in
        y.withUnsafeMutableBufferPointer { y in
          sums.withUnsafeMutableBufferPointer { sums in
            guard let x = x.baseAddress, let p = p.baseAddress, let y = y.baseAddress else {
              return
            }
            forEachSlice(over: (x, p, y, sums.baseAddress ?? y)) {
              (slice: Slice<Scalar>, memory) in
              let (x, p, y, sums) = memory
              slice.images(of: x, count: count, into: p + slice.range.lowerBound, stride: long)
              let target = slice.part == 0 ? y : sums + (slice.part - 1) * size
              slice.combine(
                p + slice.range.lowerBound, stride: long, count: count, alpha: alpha,
                beta: slice.isFirst ? (slice.part == 0 ? beta : 0) : 1, into: target)
            }
            for part in 0..<sums.count / max(size, 1) {
              for index in 0..<size { y[index] += sums[part * size + index] }
            }
          }
        }
      }
    }
  }

  /// `Y ← alpha · X·A + beta · Y` for few vectors in Float32, both `[count, short]`.
  func applyThin(_ x: [Float], count: Int, alpha: Float, beta: Float, into y: inout [Float]) {
    ThinProducts.addGram(
      weight, ofRows: !isTall, x, count: count, alpha: alpha, beta: beta, into: &y)
  }

  /// `X·Sᵀ` in Float64, `[count, long]`, for `X` `[count, short]`.
  func images(of x: Matrix<Double>) -> Matrix<Double> {
    precondition(x.columns == short, "\(x.columns) columns for \(short) features")
    var result = Matrix<Double>(rows: x.rows, columns: long)
    x.elements.withUnsafeBufferPointer { elements in
      result.elements.withUnsafeMutableBufferPointer { result in
        guard let elements = elements.baseAddress, let result = result.baseAddress else { return }
        let (count, long) = (x.rows, long)
        forEachSlice(over: (elements, result)) { (slice: Slice<Double>, memory) in
          slice.images(
            of: memory.0, count: count, into: memory.1 + slice.range.lowerBound, stride: long)
        }
      }
    }
    return result
  }

  /// `A` itself, `[short, short]`, in Float32: blocks of its upper half are shared out, the lower half is copied.
  func formed() -> [Float] {
    var result = [Float](repeating: 0, count: short * short)
    let bounds = (0...4).map { short * $0 / 4 }
    let blocks = (0..<4).flatMap { row in (row..<4).map { (row: row, column: $0) } }
    weight.elements.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { result in
        guard let source = source.baseAddress, let result = result.baseAddress else { return }
        let (stride, isTall, long, short) = (weight.columns, isTall, long, short)
        shareOut(blocks.count, grain: 1, over: (source, result)) { range, memory in
          let (source, result) = memory
          for index in range {
            let (row, column) = (bounds[blocks[index].row], bounds[blocks[index].column])
            let (height, width) = (
              bounds[blocks[index].row + 1] - row, bounds[blocks[index].column + 1] - column
            )
            let step = isTall ? 1 : stride
            let target = result + row * short + column
            if row == column {
              BLAS.gram(
                ofRows: !isTall, size: height, inner: long, source + row * step, stride: stride,
                into: target, strideC: short)
            } else {
              Float.gemm(
                transposeA: isTall, transposeB: !isTall, rows: height, columns: width, inner: long,
                alpha: 1, source + row * step, strideA: stride, source + column * step,
                strideB: stride, beta: 0, target, strideC: short)
            }
          }
        }
        for row in 0..<short {
          for column in 0..<row { result[row * short + column] = result[column * short + row] }
        }
      }
    }
    return result
  }

  /// Calls `body` with every slice of the longer side: slices of one part in turn, parts side by side.
  private func forEachSlice<Scalar: BLASScalar, Memory: BitwiseCopyable>(
    over memory: Memory, _ body: @Sendable (Slice<Scalar>, Memory) -> Void
  ) {
    let parts = parts
    weight.elements.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      shareOut(parts, grain: 1, over: (source, memory)) { range, lent in
        let (source, target) = lent
        for part in range {
          let whole = long * part / parts..<long * (part + 1) / parts
          // In Float32 a part's one slice lies in the weight itself, and nothing is converted.
          let isConverted = Scalar.self != Float.self
          let width =
            isConverted
            ? max(
              min(whole.count, WeightOperator.sliceByteCount / (MemoryLayout<Scalar>.size * short)),
              1)
            : whole.count
          let memory = UnsafeMutablePointer<Scalar>.allocate(
            capacity: isConverted ? width * short : 1)
          defer { memory.deallocate() }
          for start in stride(from: whole.lowerBound, to: whole.upperBound, by: width) {
            let range = start..<min(start + width, whole.upperBound)
            let (elements, stride) = self.elements(of: range, in: source, memory)
            body(
              Slice(
                part: part, isFirst: start == whole.lowerBound, range: range, isTall: isTall,
                short: short, elements: elements, stride: stride), target)
          }
        }
      }
    }
  }

  /// Features `range` of the longer side: where they lie, or converted into `memory`.
  private func elements<Scalar: BLASScalar>(
    of range: Range<Int>, in source: UnsafePointer<Float>, _ memory: UnsafeMutablePointer<Scalar>
  ) -> (UnsafePointer<Scalar>, stride: Int) {
    let first = source + (isTall ? range.lowerBound * short : range.lowerBound)
    if let exact = first as? UnsafePointer<Scalar> { return (exact, weight.columns) }
    let (rows, columns) = isTall ? (range.count, short) : (short, range.count)
    for row in 0..<rows {
      let (from, to) = (first + row * weight.columns, memory + row * columns)
      for column in 0..<columns { to[column] = Scalar(from[column]) }
    }
    return (UnsafePointer(memory), columns)
  }
}

/// Some features of a weight's longer side: S there, `[range.count, short]`, or its transpose where the weight is wide.
private struct Slice<Scalar: BLASScalar> {
  /// Which part of the longer side it belongs to.
  let part: Int
  /// Whether it is the first of its part.
  let isFirst: Bool
  let range: Range<Int>
  let isTall: Bool
  let short: Int
  let elements: UnsafePointer<Scalar>
  let stride: Int

  /// `P = X·Sᵀ` for these features, `[count, range.count]`.
  func images(
    of x: UnsafePointer<Scalar>, count: Int, into p: UnsafeMutablePointer<Scalar>, stride width: Int
  ) {
    Scalar.gemm(
      transposeA: false, transposeB: isTall, rows: count, columns: range.count, inner: short,
      alpha: 1, x, strideA: short, elements, strideB: stride, beta: 0, p, strideC: width)
  }

  /// `Y ← alpha · P·S + beta · Y` with these features, `[count, short]`.
  func combine(
    _ p: UnsafePointer<Scalar>, stride width: Int, count: Int, alpha: Scalar, beta: Scalar,
    into y: UnsafeMutablePointer<Scalar>
  ) {
    Scalar.gemm(
      transposeA: false, transposeB: !isTall, rows: count, columns: short, inner: range.count,
      alpha: alpha, p, strideA: width, elements, strideB: stride, beta: beta, y, strideC: short)
  }
}
