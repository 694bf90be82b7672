import Tensors

/// Rounds columns to whole numbers so that the error that remains matters least.
///
/// For targets `T` `[features, count]` it looks for codes with small `tr(E S Eᵀ H)`, `E = T − Q diag(step)`, where `H` is
/// the metric of the features and `S` `[count, count]` how the columns are mixed later. Rounding to nearest is the
/// start; then each code in turn moves to its best value given all others, until none moves. Every move lowers the
/// error, so this ends, and it depends on nothing but its arguments.
struct ColumnCoder {
  let metric: Metric
  /// The largest code in magnitude, column by column.
  private let largestCodes: [Int]
  /// `Rᵀ` of the metric, `[features, rows]`, so that the numbers of a feature lie together; nil under the identity.
  private let loadings: Matrix<Double>?

  private static let passLimit = 4

  init(metric: Metric, largestCodes: [Int]) {
    self.metric = metric
    self.largestCodes = largestCodes
    loadings = metric.rows?.transposed
  }

  /// Codes of every column of `targets`; no column of numbers becomes one of zeros.
  func code(_ targets: Matrix<Double>, coupling: Matrix<Double>) -> CodedColumns {
    let (features, count) = (targets.rows, targets.columns)
    let columns = targets.transposed
    var codes = [Int8](repeating: 0, count: features * count)
    // E, column after column.
    var errors = columns
    var steps: [Double] = []
    for column in 0..<count {
      let range = column * features..<(column + 1) * features
      let numbers = Array(columns.elements[range])
      let step = bestStep(numbers, limit: largestCodes[column])
      steps.append(step)
      for (index, number) in numbers.enumerated() where step > 0 {
        let code = rounded(number / step, limit: largestCodes[column])
        codes[range.lowerBound + index] = Int8(code)
        errors.elements[range.lowerBound + index] = number - step * code
      }
    }
    guard !metric.isIdentity || count > 1 else {
      return CodedColumns(features: features, count: count, codes: codes)
    }
    for _ in 0..<ColumnCoder.passLimit {
      var moves = 0
      for column in 0..<count where steps[column] > 0 && coupling[column, column] > 0 {
        moves += improve(
          column, step: steps[column], columns, coupling: coupling, codes: &codes, errors: &errors)
      }
      if moves == 0 { break }
    }
    return CodedColumns(features: features, count: count, codes: codes)
  }

  /// Moves each code of one column to its best value in turn; the number of codes that moved.
  private func improve(
    _ column: Int, step: Double, _ targets: Matrix<Double>, coupling: Matrix<Double>,
    codes: inout [Int8], errors: inout Matrix<Double>
  ) -> Int {
    let (features, start) = (targets.columns, column * targets.columns)
    // What the error of this column looks like to the sum: E S over its own weight, and its image R E S.
    var mixed = Matrix<Double>(rows: features, columns: 1)
    for other in 0..<targets.rows {
      let weight = coupling[column, other] / coupling[column, column]
      for index in 0..<features {
        mixed.elements[index] += weight * errors.elements[other * features + index]
      }
    }
    var image = metric.image(of: mixed).elements
    var moves = 0
    for index in 0..<features {
      let (slope, curvature) = slope(index, mixed.elements[index], image)
      guard curvature > 0 else { continue }
      let old = Double(codes[start + index])
      let code = rounded(old + slope / (curvature * step), limit: largestCodes[column])
      guard code != old else { continue }
      codes[start + index] = Int8(code)
      let change = -step * (code - old)
      errors.elements[start + index] += change
      mixed.elements[index] += change
      add(change, of: index, to: &image)
      moves += 1
    }
    // A column that lost all its codes would be no direction: it keeps its largest number.
    if codes[start..<start + features].allSatisfy({ $0 == 0 }) {
      let run = targets.elements[start..<start + features]
      if let largest = run.indices.max(by: { abs(run[$0]) < abs(run[$1]) }), run[largest] != 0 {
        codes[largest] = run[largest] < 0 ? -1 : 1
        errors.elements[largest] = run[largest] - step * Double(codes[largest])
      }
    }
    return moves
  }

  /// `(S e)ᵢ` for the error `e` with the given number at `i` and the given image `R e`, and `Sᵢᵢ`.
  private func slope(
    _ index: Int, _ number: Double, _ image: [Double]
  ) -> (slope: Double, curvature: Double) {
    var (slope, curvature) = (metric.shift * number, metric.shift)
    guard let loadings else { return (slope, curvature) }
    loadings.elements.withUnsafeBufferPointer { loadings in
      image.withUnsafeBufferPointer { image in
        let start = index * image.count
        var sums = (product: SIMD4<Double>.zero, square: SIMD4<Double>.zero)
        var row = 0
        while row + 4 <= image.count {
          var (x, y) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
          for lane in 0..<4 {
            x[lane] = loadings[start + row + lane]
            y[lane] = image[row + lane]
          }
          sums.product += x * y
          sums.square += x * x
          row += 4
        }
        slope += sums.product.sum()
        curvature += sums.square.sum()
        while row < image.count {
          slope += loadings[start + row] * image[row]
          curvature += loadings[start + row] * loadings[start + row]
          row += 1
        }
      }
    }
    return (slope, curvature)
  }

  /// Adds what `change` at `index` does to an image.
  private func add(_ change: Double, of index: Int, to image: inout [Double]) {
    guard let loadings else { return }
    loadings.elements.withUnsafeBufferPointer { loadings in
      image.withUnsafeMutableBufferPointer { image in
        let start = index * image.count
        for row in image.indices { image[row] += change * loadings[start + row] }
      }
    }
  }

  private func rounded(_ value: Double, limit: Int) -> Double {
    max(-Double(limit), min(Double(limit), value.rounded(.toNearestOrEven)))
  }

  /// The step of least squared error among those that cut off none to half of the range.
  private func bestStep(_ numbers: [Double], limit: Int) -> Double {
    let largest = numbers.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return 0 }
    var best = (error: Double.infinity, step: 0.0)
    for candidate in 8...32 {
      let step = largest * Double(candidate) / 32 / Double(limit)
      let error = numbers.reduce(0.0) { sum, number in
        let difference = number - step * rounded(number / step, limit: limit)
        return sum + difference * difference
      }
      if error < best.error { best = (error, step) }
    }
    return best.step
  }
}
