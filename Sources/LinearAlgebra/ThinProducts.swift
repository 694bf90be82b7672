import CKernels
public import Tensors
import Threads

/// Products of a Float32 matrix with sixteen vectors or fewer at a time, bound by reading it.
///
/// A general product packs the matrix at every call, which for so few vectors takes three times as long as multiplying.
/// Vectors are rows, as everywhere; inside they lie side by side. Rows are cut by their number alone, so that sums do not depend
/// on threads.
public enum ThinProducts {
  /// Vectors of one pass over the matrix.
  public static let width = Int(THIN_WIDTH)

  /// `Y ← alpha · X·WᵀW + beta · Y`, or `X·WWᵀ` where `ofRows`, for `W` `[rows, columns]`.
  ///
  /// - Parameters:
  ///   - x: `[count, size]`, `size` being `columns`, or `rows` where `ofRows`.
  public static func addGram(
    _ weight: Matrix<Float>, ofRows: Bool, _ x: [Float], count: Int, alpha: Float, beta: Float,
    into y: inout [Float]
  ) {
    let size = ofRows ? weight.rows : weight.columns
    forEachPass(x, count: count, size: size, alpha: alpha, beta: beta, into: &y) { x, z in
      if ofRows { wide(weight, x, z) } else { tall(weight, x, z) }
    }
  }

  /// `Y ← alpha · X·A + beta · Y` for a symmetric `A` `[size, size]`.
  public static func add(
    symmetric a: [Float], size: Int, _ x: [Float], count: Int, alpha: Float, beta: Float,
    into y: inout [Float]
  ) {
    forEachPass(x, count: count, size: size, alpha: alpha, beta: beta, into: &y) { x, z in
      a.withUnsafeBufferPointer { a in
        guard let a = a.baseAddress else { return }
        images(rows: size, columns: size, a, x, z)
      }
    }
  }

  /// Rows that add to sums of their own, at least; and the most such parts.
  private static let (partRows, mostParts) = (256, 16)

  /// `Z += Wᵀ(W X)`: each part reads its rows once and adds to sums of its own.
  private static func tall(_ weight: Matrix<Float>, _ x: Vectors, _ z: Vectors) {
    let (rows, columns) = (weight.rows, weight.columns)
    let parts = max(1, min(mostParts, rows / partRows))
    let sums = [z] + (1..<parts).map { _ in zeros(columns) }
    weight.elements.withUnsafeBufferPointer { w in
      guard let w = w.baseAddress else { return }
      shareOut(parts, grain: 1, over: w) { range, w in
        for part in range {
          let (start, end) = (rows * part / parts, rows * (part + 1) / parts)
          thin_add_gram(
            end - start, columns, w + start * columns, columns, x.pointer, sums[part].pointer)
        }
      }
    }
    for sum in sums.dropFirst() {
      for index in 0..<columns * width { z.pointer[index] += sum.pointer[index] }
    }
  }

  /// `Z = W (Wᵀ X)`: columns are shared out for the first product, rows for the second.
  private static func wide(_ weight: Matrix<Float>, _ x: Vectors, _ z: Vectors) {
    let (rows, columns) = (weight.rows, weight.columns)
    let middle = zeros(columns)
    weight.elements.withUnsafeBufferPointer { w in
      guard let w = w.baseAddress else { return }
      shareOut(columns, grain: 128, over: w) { range, w in
        thin_add_transposed(
          rows, range.count, w + range.lowerBound, columns, x.pointer,
          middle.pointer + range.lowerBound * width)
      }
      images(rows: rows, columns: columns, w, middle, z)
    }
  }

  /// `P = W X`.
  private static func images(
    rows: Int, columns: Int, _ w: UnsafePointer<Float>, _ x: Vectors, _ p: Vectors
  ) {
    shareOut(rows, grain: 128, over: w) { range, w in
      thin_images(
        range.count, columns, w + range.lowerBound * columns, columns, x.pointer,
        p.pointer + range.lowerBound * width)
    }
  }

  /// Sixteen rows of `x` at a time, laid side by side; `body` adds their images to zeros.
  private static func forEachPass(
    _ x: [Float], count: Int, size: Int, alpha: Float, beta: Float, into y: inout [Float],
    _ body: (Vectors, Vectors) -> Void
  ) {
    for first in stride(from: 0, to: count, by: width) {
      let (vectors, images) = (zeros(size), zeros(size))
      let present = min(width, count - first)
      for row in 0..<present {
        let start = (first + row) * size
        for index in 0..<size { vectors.pointer[index * width + row] = x[start + index] }
      }
      body(vectors, images)
      for row in 0..<present {
        let start = (first + row) * size
        for index in 0..<size {
          let value = alpha * images.pointer[index * width + row]
          y[start + index] = beta == 0 ? value : value + beta * y[start + index]
        }
      }
    }
  }

  /// Sixteen vectors side by side, `[count, 16]`, of zeros; threads write to disjoint parts.
  private static func zeros(_ count: Int) -> Vectors {
    let memory = Vectors(count: count * width)
    memory.pointer.initialize(repeating: 0, count: memory.count)
    return memory
  }

  private typealias Vectors = AlignedMemory<Float>
}
