import CKernels
public import Faults
import Synchronization
public import Tensors
import Threads

/// A matrix W `[rows, columns]` that many products share, laid out for the kernels of this CPU.
///
/// Each order of product and each precision has a layout of its own, made when it is first asked for. The values
/// themselves are kept once in Float32, in whichever Float32 layout exists, so that a model which is only evaluated
/// holds its weights once.
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
  private let layouts: Mutex<Layouts>

  private struct Layouts {
    /// Row-major; gone once a packed Float32 layout exists.
    var plain: AlignedMemory<Float>?
    var packed: [Order: AlignedMemory<Float>] = [:]
    var rounded: [Order: AlignedMemory<UInt16>] = [:]
  }

  /// The rows of all `parts`, one below the other; they must agree in columns.
  public convenience init(stacking parts: [Matrix<Float>]) {
    let columns = parts.first?.columns ?? 0
    self.init(
      columns: columns, memory: AlignedMemory(count: parts.reduce(0) { $0 + $1.rows } * columns))
    var row = 0
    for part in parts { row = set(part, at: row) }
  }

  /// `rows.count` matrices of the given rows, one below the other, which `part` makes one at a time: beside this
  /// matrix only one of them exists.
  ///
  /// - Throws: what `part` throws; its matrices must have the rows announced, and `columns`.
  public convenience init(
    rows: [Int], columns: Int, part: (Int) throws(Fault) -> Matrix<Float>
  ) throws(Fault) {
    self.init(columns: columns, memory: AlignedMemory(count: rows.reduce(0, +) * columns))
    var row = 0
    for (index, count) in rows.enumerated() {
      let next = try part(index)
      precondition(next.rows == count, "\(next.rows) rows, \(count) announced")
      row = set(next, at: row)
    }
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
      part.elements.withUnsafeBufferPointer { source in
        guard let start = source.baseAddress, let plain = layouts.plain else { return }
        (plain.pointer + row * columns).initialize(from: start, count: source.count)
      }
    }
    return row + part.rows
  }

  /// Makes the layouts for `orders` now, while the values are there row-major; these are then dropped, except
  /// beside bfloat16, which does not hold them.
  public func prepare(_ orders: [Order], precision: ProductPrecision) {
    layouts.withLock { layouts in
      guard let plain = layouts.plain else { return }
      for order in orders {
        if precision == .bfloat16 {
          layouts.rounded[order] = layouts.rounded[order] ?? rounded(plain, order)
        } else {
          layouts.packed[order] = layouts.packed[order] ?? packed(plain, order)
        }
      }
      if !layouts.packed.isEmpty { layouts.plain = nil }
    }
  }

  /// Drops the Float32 layout of one order, where another one holds the values; it is made again when needed.
  public func drop(_ order: Order) {
    layouts.withLock { layouts in
      if layouts.plain != nil || layouts.packed.count > 1 { layouts.packed[order] = nil }
    }
  }

  /// Copies row `index`, `columns` elements, to `target`.
  public func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    let (plain, packed) = layouts.withLock { ($0.plain, $0.packed) }
    if let plain {
      target.update(from: plain.pointer + index * columns, count: columns)
    } else if let (order, memory) = packed.first {
      let at = place(order)
      for column in 0..<columns { target[column] = memory.pointer[at(index, column)] }
    }
  }

  // MARK: - Products

  /// `target` `[count, rows or columns]` = or += the product of `x` in the given order; in the precision that `x`
  /// was made for.
  ///
  /// Every number of the result is summed by itself: how tiles of it are shared out does not change it.
  public func multiply(
    _ x: ActivationRows, count: Int, _ order: Order, into target: UnsafeMutablePointer<Float>,
    stride: Int, adding: Bool = false
  ) {
    let (width, depth) = order == .forward ? (rows, columns) : (columns, rows)
    guard count > 0, width > 0 else { return }
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

  /// Columns of the result in one panel of the packed layouts.
  static let panel = packed_panel()

  // MARK: - Layouts

  private func packedLayout(_ order: Order) -> AlignedMemory<Float> {
    layouts.withLock { layouts in
      if let memory = layouts.packed[order] { return memory }
      let memory = packed(rowMajor(layouts), order)
      layouts.packed[order] = memory
      layouts.plain = nil
      return memory
    }
  }

  private func roundedLayout(_ order: Order) -> AlignedMemory<UInt16> {
    layouts.withLock { layouts in
      if let memory = layouts.rounded[order] { return memory }
      let memory = rounded(rowMajor(layouts), order)
      layouts.rounded[order] = memory
      return memory
    }
  }

  /// The Float32 layout of `order` from row-major values.
  private func packed(_ source: AlignedMemory<Float>, _ order: Order) -> AlignedMemory<Float> {
    let memory = AlignedMemory<Float>(count: packed_float_count(width(order), depth(order)))
    packed_float_pack(
      source.pointer, width(order), depth(order), order == .forward ? columns : 1,
      order == .forward ? 1 : columns, memory.pointer)
    return memory
  }

  /// The bfloat16 layout of `order` from row-major values.
  private func rounded(_ source: AlignedMemory<Float>, _ order: Order) -> AlignedMemory<UInt16> {
    let memory = AlignedMemory<UInt16>(count: packed_bfloat16_count(width(order), depth(order)))
    packed_bfloat16_pack(
      source.pointer, width(order), depth(order), order == .forward ? columns : 1,
      order == .forward ? 1 : columns, memory.pointer)
    return memory
  }

  private func width(_ order: Order) -> Int { order == .forward ? rows : columns }
  private func depth(_ order: Order) -> Int { order == .forward ? columns : rows }

  /// The values row-major, from whichever Float32 layout there is.
  private func rowMajor(_ layouts: Layouts) -> AlignedMemory<Float> {
    if let plain = layouts.plain { return plain }
    let result = AlignedMemory<Float>(count: rows * columns)
    guard let (order, memory) = layouts.packed.first else { return result }
    let at = place(order)
    for row in 0..<rows {
      for column in 0..<columns {
        result.pointer[row * columns + column] = memory.pointer[at(row, column)]
      }
    }
    return result
  }

  /// Where an element of W lies in the packed Float32 layout of `order`.
  private func place(_ order: Order) -> (_ row: Int, _ column: Int) -> Int {
    let (width, depth, panel) = (width(order), depth(order), FrozenMatrix.panel)
    return { row, column in
      let (n, k) = order == .forward ? (row, column) : (column, row)
      let start = n / panel * panel
      let panelWidth = min(panel, (width - start + 15) / 16 * 16)
      return start * depth + k * panelWidth + (n - start)
    }
  }
}
