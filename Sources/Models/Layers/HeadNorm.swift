import Checkpoints
import Threads

/// Norm of queries and keys before they turn: of each head, or of all heads of a token together.
///
/// Rows `[N, width]` are those of the product that gives queries, keys and values. `inverse` `[N, parts]` keeps
/// what every normed part was multiplied by. Formulas, without bias: ``RMSNorm``, ``LayerNorm``.
struct HeadNorm {
  let shape: Block.Attention
  let query: NormWeights
  let key: NormWeights

  /// Normed parts of one row.
  static func partCount(_ shape: Block.Attention) -> Int {
    switch shape.headNorm {
    case .head, .eachHead: shape.headCount + shape.keyValueHeadCount
    case .projection: 2
    case nil: 0
    }
  }

  private typealias Part = (column: Int, size: Int, weight: FloatBuffer, offset: Int)

  /// First column, columns and weights of every part.
  private var parts: [Part] {
    let (columns, dimension) = (shape.columns, shape.headDimension)
    func parts(_ norm: NormWeights, _ heads: Int, _ column: (Int) -> Int) -> [Part] {
      if shape.headNorm == .projection { return [(column(0), norm.size, norm.weight, 0)] }
      let step = shape.headNorm == .eachHead ? dimension : 0
      return (0..<heads).map { (column($0), dimension, norm.weight, $0 * step) }
    }
    return parts(query, shape.headCount, columns.query)
      + parts(key, shape.keyValueHeadCount, columns.key)
  }

  /// Whether the mean is taken away first.
  private var isCentred: Bool { query.shape.kind == .layer }

  /// The mean of a part.
  private static func mean(_ x: UnsafePointer<Float>, _ size: Int) -> Float {
    var sum: Float = 0
    for index in 0..<size { sum += x[index] }
    return sum / Float(size)
  }

  /// Norms the parts of `rows` in place.
  func forward(
    _ rows: UnsafeMutablePointer<Float>, tokens: Int, inverse: UnsafeMutablePointer<Float>
  ) {
    let (parts, width, isCentred) = (parts, shape.columns.width, isCentred)
    let epsilon = Float(query.shape.epsilon)
    shareOut(tokens, grain: rowGrain(width), over: (rows, inverse)) { range, memory in
      let (rows, inverse) = memory
      for token in range {
        for (index, part) in parts.enumerated() {
          let x = rows + token * width + part.column
          let (size, weight) = (part.size, part.weight.pointer + part.offset)
          if isCentred {
            let mean = HeadNorm.mean(x, size)
            for index in 0..<size { x[index] -= mean }
          }
          let scale = 1 / (dot(x, x, count: size) / Float(size) + epsilon).squareRoot()
          inverse[token * parts.count + index] = scale
          for index in 0..<size { x[index] = x[index] * scale * weight[index] }
        }
      }
    }
  }

  /// Turns the gradient of the normed parts `[N, width]` into that of `raw`, in place.
  func backward(
    _ raw: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    gradient: UnsafeMutablePointer<Float>, tokens: Int
  ) {
    let (parts, width, isCentred) = (parts, shape.columns.width, isCentred)
    shareOut(tokens, grain: rowGrain(width), over: (raw, inverse, gradient)) { range, memory in
      let (raw, inverse, gradient) = memory
      for token in range {
        for (index, part) in parts.enumerated() {
          let x = raw + token * width + part.column
          let d = gradient + token * width + part.column
          let (size, weight) = (part.size, part.weight.pointer + part.offset)
          let scale = inverse[token * parts.count + index]
          let mean = isCentred ? HeadNorm.mean(x, size) : 0
          var projection: Float = 0
          for index in 0..<size {
            d[index] *= weight[index]
            projection += d[index] * (x[index] - mean)
          }
          let shift = isCentred ? HeadNorm.mean(d, size) : 0
          let correction = scale * scale * scale * projection / Float(size)
          for index in 0..<size {
            d[index] = scale * (d[index] - shift) - (x[index] - mean) * correction
          }
        }
      }
    }
  }
}
