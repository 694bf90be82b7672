import CKernels
import Synchronization
import Tensors

extension FrozenMatrix {
  /// The values as they lie in memory.
  struct Layouts {
    /// Row-major; gone once a packed Float32 layout exists.
    var plain: AlignedMemory<Float>?
    var packed: [Order: AlignedMemory<Float>] = [:]
    var rounded: [Order: AlignedMemory<UInt16>] = [:]

    var hasFloats: Bool { plain != nil || !packed.isEmpty }
  }

  /// Whether products in `precision` can be made without ``fill(_:)``.
  public func serves(_ precision: ProductPrecision) -> Bool {
    layouts.withLock {
      $0.hasFloats || precision == .bfloat16 && $0.rounded.count == 2
    }
  }

  /// Bytes of all layouts.
  public var byteCount: Int {
    layouts.withLock { layouts in
      let floats = layouts.packed.values.reduce(layouts.plain?.count ?? 0) { $0 + $1.count }
      let halves = layouts.rounded.values.reduce(0) { $0 + $1.count }
      return floats * MemoryLayout<Float>.size + halves * MemoryLayout<UInt16>.size
    }
  }

  /// Makes the layouts for `orders` now.
  ///
  /// Values that lie row-major are then dropped, except beside bfloat16, which does not hold them.
  public func prepare(_ orders: [Order], precision: ProductPrecision) {
    layouts.withLock { prepare(&$0, orders, precision) }
  }

  private func prepare(_ layouts: inout Layouts, _ orders: [Order], _ precision: ProductPrecision) {
    let missing = orders.filter {
      precision == .bfloat16 ? layouts.rounded[$0] == nil : layouts.packed[$0] == nil
    }
    guard !missing.isEmpty else { return }
    let known = layouts
    withRowMajor(known) { values in
      for order in missing {
        if precision == .bfloat16 {
          layouts.rounded[order] = rounded(values, order)
        } else {
          layouts.packed[order] = packed(values, order)
        }
      }
    }
    if !layouts.packed.isEmpty { layouts.plain = nil }
  }

  /// Holds the layouts of one precision alone: of bfloat16 in both orders, without the values in Float32, with which nothing
  /// is multiplied then until ``fill(_:)`` gives them again.
  public func keep(_ precision: ProductPrecision) {
    layouts.withLock { layouts in
      if precision == .bfloat16 {
        prepare(&layouts, [.forward, .backward], .bfloat16)
        layouts.plain = nil
        layouts.packed = [:]
      } else {
        layouts.rounded = [:]
      }
    }
  }

  /// Drops the values and all Float32 layouts, until ``fill(_:)`` gives them again.
  public func dropFloats() {
    layouts.withLock { layouts in
      layouts.plain = nil
      layouts.packed = [:]
    }
  }

  /// Drops the Float32 layout of one order, where another one holds the values; it is made again when needed.
  public func drop(_ order: Order) {
    layouts.withLock { layouts in
      if layouts.plain != nil || layouts.packed.count > 1 { layouts.packed[order] = nil }
    }
  }

  // MARK: - Layouts in products

  func hasPacked(_ order: Order) -> Bool { layouts.withLock { $0.packed[order] != nil } }

  func packedLayout(_ order: Order) -> AlignedMemory<Float> {
    layouts.withLock { layouts in
      if let memory = layouts.packed[order] { return memory }
      let memory = withRowMajor(layouts) { packed($0, order) }
      layouts.packed[order] = memory
      layouts.plain = nil
      return memory
    }
  }

  func roundedLayout(_ order: Order) -> AlignedMemory<UInt16> {
    layouts.withLock { layouts in
      if let memory = layouts.rounded[order] { return memory }
      let memory = withRowMajor(layouts) { rounded($0, order) }
      layouts.rounded[order] = memory
      return memory
    }
  }

  /// The Float32 layout of `order` from row-major values.
  private func packed(_ source: UnsafePointer<Float>, _ order: Order) -> AlignedMemory<Float> {
    let memory = AlignedMemory<Float>(count: packed_float_count(width(order), depth(order)))
    packed_float_pack(
      source, width(order), depth(order), order == .forward ? columns : 1,
      order == .forward ? 1 : columns, memory.pointer)
    return memory
  }

  /// The bfloat16 layout of `order` from row-major values.
  private func rounded(_ source: UnsafePointer<Float>, _ order: Order) -> AlignedMemory<UInt16> {
    let memory = AlignedMemory<UInt16>(count: packed_bfloat16_count(width(order), depth(order)))
    packed_bfloat16_pack(
      source, width(order), depth(order), order == .forward ? columns : 1,
      order == .forward ? 1 : columns, memory.pointer)
    return memory
  }

  /// Puts rows `row...` into every layout there is.
  func place(_ part: Matrix<Float>, at row: Int, in layouts: Layouts) {
    part.elements.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      layouts.plain?.pointer.advanced(by: row * columns).initialize(
        from: start, count: source.count)
      for (order, memory) in layouts.packed {
        let pack = order == .forward ? packed_float_place : packed_float_place_turned
        pack(start, part.rows, width(order), depth(order), row, memory.pointer)
      }
      for (order, memory) in layouts.rounded {
        let pack = order == .forward ? packed_bfloat16_place : packed_bfloat16_place_turned
        pack(start, part.rows, width(order), depth(order), row, memory.pointer)
      }
    }
  }

  func width(_ order: Order) -> Int { order == .forward ? rows : columns }
  func depth(_ order: Order) -> Int { order == .forward ? columns : rows }

  /// Runs `body` on the values row-major, from whichever Float32 layout there is.
  private func withRowMajor<Result>(
    _ layouts: Layouts, _ body: (UnsafePointer<Float>) -> Result
  ) -> Result {
    if let plain = layouts.plain { return body(plain.pointer) }
    guard let (order, memory) = layouts.packed.first else {
      preconditionFailure("the values in Float32 were let go of")
    }
    let values = AlignedMemory<Float>(count: rows * columns)
    unpack(memory, order, into: values.pointer)
    return body(values.pointer)
  }

  private func unpack(
    _ memory: AlignedMemory<Float>, _ order: Order, into values: UnsafeMutablePointer<Float>
  ) {
    let (width, depth) = (width(order), depth(order))
    let (across, along) = order == .forward ? (columns, 1) : (1, columns)
    var source = UnsafePointer(memory.pointer)
    for start in stride(from: 0, to: width, by: FrozenMatrix.panel) {
      let lanes = panelWidth(from: start, of: width)
      let filled = min(lanes, width - start)
      for k in 0..<depth {
        let target = values + start * across + k * along
        for lane in 0..<filled { target[lane * across] = source[lane] }
        source += lanes
      }
    }
  }

  /// Columns of the panel that begins at `start`, padding included.
  private func panelWidth(from start: Int, of width: Int) -> Int {
    min(FrozenMatrix.panel, (width - start + 15) / 16 * 16)
  }

  // MARK: - Rows

  /// Copies row `index`, `columns` elements, to `target`.
  ///
  /// - Returns: False, and nothing is copied, where the values in Float32 were let go of.
  public func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) -> Bool {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    let layouts = layouts.withLock { $0 }
    if let plain = layouts.plain {
      target.update(from: plain.pointer + index * columns, count: columns)
    } else if let (order, memory) = layouts.packed.first {
      for column in 0..<columns { target[column] = memory.pointer[place(order, index, column)] }
    } else {
      return false
    }
    return true
  }

  /// Copies row `index` as forward products in bfloat16 multiply with it.
  public func copyRoundedRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    let memory = roundedLayout(.forward)
    let start = index / FrozenMatrix.panel * FrozenMatrix.panel
    let (lanes, depth) = (panelWidth(from: start, of: rows), (columns + 1) / 2 * 2)
    let panel = memory.pointer + start * depth + 2 * (index - start)
    for column in 0..<columns {
      let bits = panel[column / 2 * 2 * lanes + column % 2]
      target[column] = Float(bitPattern: UInt32(bits) << 16)
    }
  }

  /// Where an element of W lies in the packed Float32 layout of `order`.
  private func place(_ order: Order, _ row: Int, _ column: Int) -> Int {
    let (n, k) = order == .forward ? (row, column) : (column, row)
    let start = n / FrozenMatrix.panel * FrozenMatrix.panel
    return start * depth(order) + k * panelWidth(from: start, of: width(order)) + (n - start)
  }
}
