import LinearAlgebra
import Tensors

/// The symmetric operator `A = SᵀS` of a weight, `S` being the weight or its transpose, whichever is taller,
/// `[long, short]`: `A` acts on the shorter side and is never formed.
///
/// Blocks hold one vector per row, `[count, short]`. The weight stays as it is, in Float32; a product in Float64
/// converts a slice of it at a time, and both factors of `A` use that slice while it is at hand.
struct WeightOperator {
  private let weight: Matrix<Float>
  /// Whether rows are the longer side.
  let isTall: Bool
  /// Features of the shorter side.
  let short: Int
  /// Features of the longer side.
  let long: Int

  /// Bytes of a converted slice.
  private static let sliceByteCount = 64 << 20

  init(_ weight: Matrix<Float>) {
    self.weight = weight
    isTall = weight.rows >= weight.columns
    short = min(weight.rows, weight.columns)
    long = max(weight.rows, weight.columns)
  }

  /// `Y ← alpha · X·A + beta · Y`, both `[count, short]`.
  ///
  /// - Parameter images: receives the images `X·Sᵀ` `[count, long]`, slice by slice: the range of the longer
  ///   side and the slice `[count, range.count]`.
  func apply<Scalar: BLASScalar>(
    _ x: [Scalar], count: Int, alpha: Scalar = 1, beta: Scalar = 0, into y: inout [Scalar],
    images: (Range<Int>, UnsafePointer<Scalar>) -> Void = { _, _ in }
  ) {
    let memory = UnsafeMutablePointer<Scalar>.allocate(
      capacity: count * sliceLength(of: Scalar.self))
    defer { memory.deallocate() }
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        forEachSlice { (range, part: UnsafePointer<Scalar>, stride) in
          Scalar.gemm(
            transposeA: false, transposeB: isTall, rows: count, columns: range.count, inner: short,
            alpha: 1, x, strideA: short, part, strideB: stride, beta: 0, memory,
            strideC: range.count)
          images(range, memory)
          Scalar.gemm(
            transposeA: false, transposeB: !isTall, rows: count, columns: short,
            inner: range.count, alpha: alpha, memory, strideA: range.count, part, strideB: stride,
            beta: range.lowerBound == 0 ? beta : 1, y, strideC: short)
        }
      }
    }
  }

  /// `X·Sᵀ` in Float64, `[count, long]`, for `X` `[count, short]`.
  func images(of x: Matrix<Double>) -> Matrix<Double> {
    precondition(x.columns == short, "\(x.columns) columns for \(short) features")
    var result = Matrix<Double>(rows: x.rows, columns: long)
    x.elements.withUnsafeBufferPointer { elements in
      result.elements.withUnsafeMutableBufferPointer { result in
        guard let elements = elements.baseAddress, let result = result.baseAddress else { return }
        forEachSlice { (range, part: UnsafePointer<Double>, stride) in
          Double.gemm(
            transposeA: false, transposeB: isTall, rows: x.rows, columns: range.count,
            inner: short, alpha: 1, elements, strideA: short, part, strideB: stride, beta: 0,
            result + range.lowerBound, strideC: long)
        }
      }
    }
    return result
  }

  /// `A` itself, `[short, short]`: the sum of the slices' own Gram matrices.
  func formed<Scalar: BLASScalar>(as type: Scalar.Type = Scalar.self) -> [Scalar] {
    var result = [Scalar](repeating: 0, count: short * short)
    result.withUnsafeMutableBufferPointer { result in
      guard let result = result.baseAddress else { return }
      forEachSlice { (range, part: UnsafePointer<Scalar>, stride) in
        Scalar.gram(
          ofRows: !isTall, size: short, inner: range.count, part, stride: stride, into: result)
      }
      for row in 0..<short {
        for column in 0..<row { result[row * short + column] = result[column * short + row] }
      }
    }
    return result
  }

  /// Calls `body` with every slice of the longer side in turn: its range, and S there `[range.count, short]`, or its
  /// transpose where the weight is wide.
  private func forEachSlice<Scalar: BLASScalar>(
    _ body: (_ range: Range<Int>, _ part: UnsafePointer<Scalar>, _ stride: Int) -> Void
  ) {
    let slice = sliceLength(of: Scalar.self)
    // In Float32 the one slice is the weight itself, and nothing is converted.
    let converted = UnsafeMutablePointer<Scalar>.allocate(
      capacity: Scalar.self == Float.self ? 1 : slice * short)
    defer { converted.deallocate() }
    weight.elements.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      for start in stride(from: 0, to: long, by: slice) {
        let width = min(slice, long - start)
        let part = part(source, start, width, converted)
        body(start..<start + width, part.pointer, part.stride)
      }
    }
  }

  private func sliceLength<Scalar: BLASScalar>(of scalar: Scalar.Type) -> Int {
    if Scalar.self == Float.self { return long }
    return max(min(long, WeightOperator.sliceByteCount / (MemoryLayout<Scalar>.size * short)), 1)
  }

  /// Features `start..<start + width` of the longer side: where they lie, or converted into `memory`.
  private func part<Scalar: BLASScalar>(
    _ source: UnsafePointer<Float>, _ start: Int, _ width: Int,
    _ memory: UnsafeMutablePointer<Scalar>
  ) -> (pointer: UnsafePointer<Scalar>, stride: Int) {
    let first = source + (isTall ? start * short : start)
    if let exact = first as? UnsafePointer<Scalar> { return (exact, weight.columns) }
    convert(first, width: width, to: memory)
    return (UnsafePointer(memory), isTall ? short : width)
  }

  /// Copies `width` features of the longer side, `[width, short]` or its transpose, packed.
  private func convert<Scalar: BLASScalar>(
    _ first: UnsafePointer<Float>, width: Int, to target: UnsafeMutablePointer<Scalar>
  ) {
    let (rows, columns) = isTall ? (width, short) : (short, width)
    for row in 0..<rows {
      let (from, to) = (first + row * weight.columns, target + row * columns)
      for column in 0..<columns { to[column] = Scalar(from[column]) }
    }
  }
}
