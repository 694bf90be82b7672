extension HeadPermutation {
  /// The rows of a row-major matrix, moved from Hugging Face order to GGUF order.
  ///
  /// `values` must hold whole rows of `columns`, in whole heads; a remainder is left where it is.
  public func ggufOrder(of values: [Float], columns: Int) -> [Float] {
    guard columns > 0 else { return values }
    let rows = values.count / columns / group * group
    var result = values
    for row in 0..<rows {
      let (target, source) = (row * columns, huggingFaceRow(ofGGUF: row) * columns)
      for column in 0..<columns { result[target + column] = values[source + column] }
    }
    return result
  }

  /// The elements of a vector, such as a bias, moved from GGUF order to Hugging Face order.
  ///
  /// `values` must hold whole heads; a remainder is left where it is.
  func huggingFaceOrder(of values: [Float]) -> [Float] {
    var result = values
    for row in 0..<values.count / group * group {
      result[huggingFaceRow(ofGGUF: row)] = values[row]
    }
    return result
  }
}
