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
    let isExact = Scalar.self == Float.self
    let slice = isExact ? long : sliceLength(MemoryLayout<Scalar>.size)
    let memory = UnsafeMutablePointer<Scalar>.allocate(
      capacity: count * slice + (isExact ? 0 : slice * short))
    defer { memory.deallocate() }
    let converted = memory + count * slice
    weight.elements.withUnsafeBufferPointer { source in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let source = source.baseAddress, let x = x.baseAddress, let y = y.baseAddress
          else { return }
          for start in stride(from: 0, to: long, by: slice) {
            let width = min(slice, long - start)
            let part = part(source, start, width, converted)
            // The slice is S `[width, short]`, or its transpose where the weight is wide.
            Scalar.gemm(
              transposeA: false, transposeB: isTall, rows: count, columns: width, inner: short,
              alpha: 1, x, strideA: short, part.pointer, strideB: part.stride, beta: 0, memory,
              strideC: width)
            images(start..<start + width, memory)
            Scalar.gemm(
              transposeA: false, transposeB: !isTall, rows: count, columns: short, inner: width,
              alpha: alpha, memory, strideA: width, part.pointer, strideB: part.stride,
              beta: start == 0 ? beta : 1, y, strideC: short)
          }
        }
      }
    }
  }

  /// `X·Sᵀ` in Float64, `[count, long]`, for `X` `[count, short]`.
  func images(of x: Matrix<Double>) -> Matrix<Double> {
    precondition(x.columns == short, "\(x.columns) columns for \(short) features")
    let rows = x.rows
    var result = Matrix<Double>(rows: rows, columns: long)
    let slice = sliceLength(MemoryLayout<Double>.size)
    let memory = UnsafeMutablePointer<Double>.allocate(capacity: slice * short)
    defer { memory.deallocate() }
    weight.elements.withUnsafeBufferPointer { source in
      x.elements.withUnsafeBufferPointer { x in
        result.elements.withUnsafeMutableBufferPointer { result in
          guard let source = source.baseAddress, let x = x.baseAddress,
            let result = result.baseAddress
          else { return }
          for start in stride(from: 0, to: long, by: slice) {
            let width = min(slice, long - start)
            let part = part(source, start, width, memory)
            Double.gemm(
              transposeA: false, transposeB: isTall, rows: rows, columns: width, inner: short,
              alpha: 1, x, strideA: short, part.pointer, strideB: part.stride, beta: 0,
              result + start, strideC: long)
          }
        }
      }
    }
    return result
  }

  /// `A` itself, `[short, short]`: the sum of the slices' own Gram matrices.
  func formed<Scalar: BLASScalar>(as type: Scalar.Type = Scalar.self) -> [Scalar] {
    let isExact = Scalar.self == Float.self
    let slice = isExact ? long : sliceLength(MemoryLayout<Scalar>.size)
    var result = [Scalar](repeating: 0, count: short * short)
    let memory = UnsafeMutablePointer<Scalar>.allocate(capacity: isExact ? 1 : slice * short)
    defer { memory.deallocate() }
    weight.elements.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { result in
        guard let source = source.baseAddress, let result = result.baseAddress else { return }
        for start in stride(from: 0, to: long, by: slice) {
          let width = min(slice, long - start)
          let part = part(source, start, width, memory)
          Scalar.gram(
            ofRows: !isTall, size: short, inner: width, part.pointer, stride: part.stride,
            into: result)
        }
        for row in 0..<short {
          for column in 0..<row { result[row * short + column] = result[column * short + row] }
        }
      }
    }
    return result
  }

  private func sliceLength(_ scalarSize: Int) -> Int {
    max(min(long, WeightOperator.sliceByteCount / (scalarSize * short)), 1)
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
