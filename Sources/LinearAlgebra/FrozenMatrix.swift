import CKernels
public import Faults
import Synchronization
public import Tensors
import Threads

/// A matrix W `[rows, columns]` that many products share, laid out for the kernels of this CPU.
///
/// Each order of product and each precision has a layout of its own, made when it is first asked for (``Layouts``). The
/// values themselves are kept once in Float32, in whichever Float32 layout exists, so that a model which is only evaluated
/// holds its weights once; ``keep(_:)`` leaves bfloat16 alone.
public final class FrozenMatrix: Sendable {
  /// Which product: by `Wᵀ` (an output from an input) or by `W` (an input's gradient from an output's).
  public enum Order: Sendable, Hashable {
    /// `y = x·Wᵀ`, `x` `[n, columns]`.
    case forward
    /// `x = y·W`, `y` `[n, rows]`.
    case backward
  }

  /// Rows of W.
  public let rows: Int
  /// Columns of W.
  public let columns: Int
  let layouts: Mutex<Layouts>

  /// The rows of all `parts`, one below the other; they must agree in columns.
  public convenience init(stacking parts: [Matrix<Float>]) {
    let columns = parts.first?.columns ?? 0
    self.init(
      columns: columns, memory: AlignedMemory(count: parts.reduce(0) { $0 + $1.rows } * columns))
    var row = 0
    for part in parts { row = set(part, at: row) }
  }

  /// A matrix laid out for products of `orders` in `precision` while its rows come; for none they lie row-major.
  ///
  /// - Parameter fill: Puts all rows in place.
  /// - Throws: what `fill` throws.
  public convenience init(
    rows: Int, columns: Int, laidOutFor orders: Set<Order>, in precision: ProductPrecision,
    fill: (Filling) throws(Fault) -> Void
  ) throws(Fault) {
    self.init(rows: rows, columns: columns)
    let filled = try filled(orders, precision, fill)
    layouts.withLock { $0 = filled }
  }

  /// Layouts with all rows in place.
  private func filled(
    _ orders: Set<Order>, _ precision: ProductPrecision,
    _ fill: (Filling) throws(Fault) -> Void
  ) throws(Fault) -> Layouts {
    var layouts = Layouts()
    for order in orders {
      if precision == .bfloat16 {
        layouts.rounded[order] = AlignedMemory(
          count: packed_bfloat16_count(width(order), depth(order)))
      } else {
        layouts.packed[order] = AlignedMemory(
          count: packed_float_count(width(order), depth(order)))
      }
    }
    if orders.isEmpty { layouts.plain = AlignedMemory(count: rows * columns) }
    let filling = Filling(self, layouts)
    try fill(filling)
    precondition(filling.missing == 0, "\(filling.missing) rows are missing")
    return layouts
  }

  /// A matrix whose rows come some at a time, in any order.
  public final class Filling {
    private let matrix: FrozenMatrix
    private let layouts: Layouts
    fileprivate private(set) var missing: Int

    fileprivate init(_ matrix: FrozenMatrix, _ layouts: Layouts) {
      self.matrix = matrix
      self.layouts = layouts
      missing = matrix.rows
    }

    /// Puts rows `first...` in place.
    public func place(_ first: Int, _ rows: Matrix<Float>) {
      precondition(
        rows.columns == matrix.columns && first >= 0 && first + rows.rows <= matrix.rows)
      matrix.place(rows, at: first, in: layouts)
      missing -= rows.rows
    }
  }

  /// A matrix without values, which ``fill(_:)`` gives.
  public init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    layouts = Mutex(Layouts())
  }

  private init(columns: Int, memory: AlignedMemory<Float>) {
    self.columns = columns
    rows = columns == 0 ? 0 : memory.count / columns
    layouts = Mutex(Layouts(plain: memory))
  }

  /// Copies `part` to rows `row...`; the row after it.
  private func set(_ part: Matrix<Float>, at row: Int) -> Int {
    precondition(part.columns == columns, "\(part.columns) columns beside \(columns)")
    layouts.withLock { layouts in
      if let plain = layouts.plain { copy(part, to: plain.pointer + row * columns) }
    }
    return row + part.rows
  }

  private func copy(_ part: Matrix<Float>, to target: UnsafeMutablePointer<Float>) {
    part.elements.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      target.initialize(from: start, count: source.count)
    }
  }

  /// Gives a matrix that has no Float32 layout its values; they must be those that it had.
  public func fill(_ matrix: Matrix<Float>) {
    precondition(matrix.rows == rows && matrix.columns == columns)
    layouts.withLock { layouts in
      guard !layouts.hasFloats else { return }
      let memory = AlignedMemory<Float>(count: rows * columns)
      copy(matrix, to: memory.pointer)
      layouts.plain = memory
    }
  }

  /// Gives a matrix that has no Float32 layout its values, laid out for products of `orders`; they must be those that it had.
  ///
  /// - Throws: what `fill` throws.
  public func fill(
    laidOutFor orders: Set<Order>, _ fill: (Filling) throws(Fault) -> Void
  ) throws(Fault) {
    guard !serves(.float32) else { return }
    let filled = try filled(orders, .float32, fill)
    layouts.withLock { layouts in
      guard !layouts.hasFloats else { return }
      layouts.packed = filled.packed
      layouts.plain = filled.plain
    }
  }

  // MARK: - Products

  /// `target` `[count, rows or columns]` = or += the product of `x` in the given order; in the precision that `x`
  /// was made for.
  ///
  /// Every number of the result is summed by itself: how tiles of it are shared out does not change it.
  ///
  /// - Parameter keepsLayout: Where false and in Float32, a backward layout that is not there is not made: its panels are, one
  ///   at a time, from the forward one. That takes as long as multiplying some ten rows, and half the memory.
  public func multiply(
    _ x: ActivationRows, count: Int, _ order: Order, into target: UnsafeMutablePointer<Float>,
    stride: Int, adding: Bool = false, keepsLayout: Bool = true
  ) {
    let (width, depth) = order == .forward ? (rows, columns) : (columns, rows)
    guard count > 0, width > 0 else { return }
    if order == .backward, !keepsLayout, x.rounded == nil, !hasPacked(.backward) {
      return multiplyTurned(x, count: count, into: target, stride: stride, adding: adding)
    }
    let tiles = ProductTiles(rows: count, columns: width, depth: depth)
    if let values = x.rounded {
      let memory = roundedLayout(order)
      let (depthUnit, rowUnit) = ((depth + 1) / 2 * 2, x.roundedStride)
      tiles.share(over: (values, memory.pointer, target)) { tile, memory in
        let (values, packed, target) = memory
        packed_bfloat16_product(
          tile.rows.count, tile.columns.count, depth,
          values + tile.rows.lowerBound * rowUnit, rowUnit,
          packed + tile.columns.lowerBound * depthUnit,
          target + tile.rows.lowerBound * stride + tile.columns.lowerBound, stride, adding ? 1 : 0)
      }
    } else {
      let (memory, rowUnit) = (packedLayout(order), x.stride)
      tiles.share(over: (x.values, memory.pointer, target)) { tile, memory in
        let (values, packed, target) = memory
        packed_float_product(
          tile.rows.count, tile.columns.count, depth, values + tile.rows.lowerBound * rowUnit,
          rowUnit, packed + tile.columns.lowerBound * depth,
          target + tile.rows.lowerBound * stride + tile.columns.lowerBound, stride, adding ? 1 : 0)
      }
    }
  }

  /// `target` `[count, columns]` = or += `x·W` by panels that are made from the forward layout.
  private func multiplyTurned(
    _ x: ActivationRows, count: Int, into target: UnsafeMutablePointer<Float>, stride: Int,
    adding: Bool
  ) {
    let (memory, rowUnit, panel) = (packedLayout(.forward), x.stride, FrozenMatrix.panel)
    let (rows, columns) = (rows, columns)
    let tiles = ProductTiles(rows: count, columns: columns, depth: rows)
    tiles.share(over: (x.values, memory.pointer, target)) { tile, memory in
      let (values, packed, target) = memory
      let block = Int(PACKED_DEPTH_BLOCK)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: block * panel) { buffer in
        guard let turned = buffer.baseAddress else { return }
        for start in Swift.stride(
          from: tile.columns.lowerBound, to: tile.columns.upperBound, by: panel)
        {
          for first in Swift.stride(from: 0, to: rows, by: block) {
            let depth = min(block, rows - first)
            packed_float_turn(packed, rows, columns, start, first, depth, turned)
            packed_float_product(
              tile.rows.count, min(panel, tile.columns.upperBound - start), depth,
              values + tile.rows.lowerBound * rowUnit + first, rowUnit, turned,
              target + tile.rows.lowerBound * stride + start, stride,
              adding || first > 0 ? 1 : 0)
          }
        }
      }
    }
  }

  /// Columns of the result in one panel of the packed layouts.
  static let panel = packed_panel()
}
