#if canImport(Glibc)
  import Glibc
#endif

/// A string compared, hashed and ordered by its UTF-8 bytes.
///
/// Swift's own `String ==` is canonical equivalence: it takes two different tensor names or vocabulary
/// entries for one. Every table keyed by a name from a file is keyed by this.
public struct UTF8Key: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The text.
  public let string: String

  /// A key for `string`.
  public init(_ string: String) {
    var native = string
    native.makeContiguousUTF8()
    self.string = native
  }

  /// Whether both hold the same bytes.
  public static func == (left: UTF8Key, right: UTF8Key) -> Bool {
    equalBytes(left.string, right.string)
  }

  /// Feeds the bytes.
  public func hash(into hasher: inout Hasher) { UTF8Key.hashBytes(of: string, into: &hasher) }

  /// Byte order.
  public static func < (left: UTF8Key, right: UTF8Key) -> Bool {
    left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
  }

  /// The text.
  public var description: String { string }

  /// Whether two strings hold the same UTF-8 bytes.
  public static func equalBytes(_ left: String, _ right: String) -> Bool {
    let fast = left.utf8.withContiguousStorageIfAvailable { a in
      right.utf8.withContiguousStorageIfAvailable { b -> Bool in
        guard a.count == b.count, let first = a.baseAddress, let second = b.baseAddress else {
          return a.count == b.count
        }
        return memcmp(first, second, a.count) == 0
      }
    }
    if let fast, let fast { return fast }
    return left.utf8.elementsEqual(right.utf8)
  }

  static func hashBytes(of string: String, into hasher: inout Hasher) {
    let done: Void? = string.utf8.withContiguousStorageIfAvailable {
      hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if done == nil { for byte in string.utf8 { hasher.combine(byte) } }
    hasher.combine(UInt8(0xff))
  }
}
