import CKernels

/// Rows of activations as the left factor of products with frozen matrices: a view, valid as long as the memory
/// it was made over.
public struct ActivationRows {
  /// Row `i` starts at `values + i · stride`.
  public let values: UnsafePointer<Float>
  /// Elements from one row to the next.
  public let stride: Int
  /// The same rounded to bfloat16, if products are to be in that precision.
  let rounded: UnsafePointer<UInt16>?
  let roundedStride: Int

  /// Rows as they are.
  public init(_ values: UnsafePointer<Float>, stride: Int) {
    self.values = values
    self.stride = stride
    rounded = nil
    roundedStride = 0
  }

  /// Rows rounded into `memory`, which holds at least ``roundedCount(rows:columns:)`` elements.
  public init(
    _ values: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    roundedInto memory: UnsafeMutablePointer<UInt16>
  ) {
    self.values = values
    self.stride = stride
    roundedStride = (columns + 1) / 2 * 2
    packed_round_rows(values, rows, columns, stride, memory, roundedStride)
    rounded = UnsafePointer(memory)
  }

  /// Elements of bfloat16 memory for `rows` of `columns`; one pair more than the rows, because a kernel reads
  /// pairs and a view may begin at any column.
  public static func roundedCount(rows: Int, columns: Int) -> Int {
    rows * ((columns + 1) / 2 * 2) + 2
  }

  /// The same rows without their first `count` columns.
  public func dropping(columns count: Int) -> ActivationRows {
    ActivationRows(
      values: values + count, stride: stride, rounded: rounded.map { $0 + count },
      roundedStride: roundedStride)
  }

  private init(
    values: UnsafePointer<Float>, stride: Int, rounded: UnsafePointer<UInt16>?, roundedStride: Int
  ) {
    self.values = values
    self.stride = stride
    self.rounded = rounded
    self.roundedStride = roundedStride
  }
}
