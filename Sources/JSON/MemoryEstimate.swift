import Faults

/// What the values of a text will take in memory, counted before any of them is built.
///
/// Each figure is reckoned from the layout of its kind, not measured. The bytes of a text say little: an empty object
/// is two of them and takes as much as a number of ten digits.
struct MemoryEstimate {
  /// Bytes of the values and of what the lexical pass holds of the objects that are open.
  private var byteCount = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Strings up to this length lie inside the value.
  private static let inlineLength = 15
  /// A place in an array, with the room that growing leaves.
  private static let value = 40
  /// The memory block of an array or of the members of an object.
  private static let container = 64
  /// A member, its place in the table of keys, and its share of the block.
  private static let member = 96
  /// A key in the lexical pass until its object ends.
  private static let openKey = 80

  mutating func addValue() throws(Fault) { try add(MemoryEstimate.value) }

  mutating func addContainer() throws(Fault) { try add(MemoryEstimate.container) }

  mutating func addString(length: Int) throws(Fault) {
    if length > MemoryEstimate.inlineLength { try add(48 + length) }
  }

  mutating func addKey(length: Int) throws(Fault) {
    try addString(length: length)
    try add(MemoryEstimate.member + MemoryEstimate.openKey + length)
  }

  /// The lexical pass lets go of the keys of an object.
  mutating func endObject(keyCount: Int, keyByteCount: Int) {
    byteCount -= keyCount * MemoryEstimate.openKey + keyByteCount
  }

  private mutating func add(_ bytes: Int) throws(Fault) {
    byteCount += bytes
    guard byteCount <= limit else {
      throw Fault(
        .resources, "JSON-MEMORY", "its values take more than \(limit) bytes of memory")
    }
  }
}
