public import Tensors

/// Owned, 64-byte aligned Float32 memory for weights and activations.
///
/// `@unchecked Sendable`: weights are written once while loading and only read afterwards; activation
/// buffers belong to one ``Decoder``, whose kernels write disjoint ranges.
public final class FloatBuffer: @unchecked Sendable {
  /// The first element.
  public let pointer: UnsafeMutablePointer<Float>
  /// Number of elements.
  public let count: Int
  private let memory: UnsafeMutableRawPointer

  /// `count` zeros.
  public convenience init(count: Int) {
    self.init(uninitialized: count)
    pointer.initialize(repeating: 0, count: count)
  }

  /// `count` elements that are written before they are read.
  init(uninitialized count: Int) {
    self.count = count
    // A request for aligned memory would not fit into what an equal one has given back.
    memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4 + 64, alignment: 1)
    pointer = memory.alignedUp(toMultipleOf: 64).bindMemory(to: Float.self, capacity: max(count, 1))
  }

  /// A copy of `elements`.
  public convenience init(_ elements: [Float]) {
    self.init(count: elements.count)
    copy(elements, at: 0)
  }

  deinit { memory.deallocate() }

  /// Copies `elements` to `offset`; they must fit.
  func copy(_ elements: [Float], at offset: Int) {
    precondition(offset + elements.count <= count)
    elements.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      (pointer + offset).update(from: start, count: source.count)
    }
  }

  /// Sets the first `count` elements to zero.
  func clear(_ count: Int) {
    pointer.update(repeating: 0, count: count)
  }

  /// The first `rows · columns` elements as a matrix.
  public func matrix(rows: Int, columns: Int) -> Matrix<Float> {
    precondition(rows * columns <= count)
    return Matrix(
      rows: rows, columns: columns,
      elements: Array(UnsafeBufferPointer(start: pointer, count: rows * columns)))
  }
}
