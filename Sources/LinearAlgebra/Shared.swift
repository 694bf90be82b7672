/// A pointer, or a body that uses some, handed to parallel kernels, which touch disjoint ranges through it.
///
/// `@unchecked Sendable`: the kernel that wraps a pointer guarantees disjoint writes.
public struct Shared<Pointer>: @unchecked Sendable {
  /// The pointer itself.
  public let pointer: Pointer

  /// Wraps a pointer.
  public init(_ pointer: Pointer) {
    self.pointer = pointer
  }
}
