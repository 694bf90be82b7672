internal import Faults

/// Everything in a GGUF file before its data (`formats/gguf.md` §2).
struct GGUFHeader: Sendable {
  /// 2 or 3; they share one layout.
  var version: UInt32
  /// Keys and values in file order.
  var metadata: [(key: String, value: GGUFValue)]
  /// Where each entry's value type and value lie in the file, in the order of ``metadata``.
  var valueRanges: [Range<Int>]
  /// Tensors in file order, which is also the order of their data.
  var tensors: [GGUFTensor]
  /// Tensor data starts at multiples of this.
  var alignment: Int
  /// First byte of the data section.
  var dataOffset: Int
  private var places: [[UInt8]: Int]

  init(
    version: UInt32, metadata: [(key: String, value: GGUFValue)], valueRanges: [Range<Int>],
    tensors: [GGUFTensor], alignment: Int, dataOffset: Int
  ) {
    self.version = version
    self.metadata = metadata
    self.valueRanges = valueRanges
    self.tensors = tensors
    self.alignment = alignment
    self.dataOffset = dataOffset
    places = [:]
    places.reserveCapacity(metadata.count)
    for (index, entry) in metadata.enumerated() { places[Array(entry.key.utf8)] = index }
  }

  /// The value of `key`, compared byte by byte.
  subscript(key: String) -> GGUFValue? {
    places[Array(key.utf8)].map { metadata[$0].value }
  }

  /// The text of `key`; nil where absent.
  func text(_ key: String) throws(Fault) -> String? {
    guard let value = self[key] else { return nil }
    guard let text = value.text else {
      throw Fault(.badData, "GG-META", "\(key) is not a UTF-8 string")
    }
    return text
  }

  /// The integer of `key`; nil where absent.
  func integer(_ key: String) throws(Fault) -> Int? {
    guard let value = self[key] else { return nil }
    guard let integer = value.integer else {
      throw Fault(.badData, "GG-META", "\(key) is not an integer in range")
    }
    return integer
  }

  /// The number of `key`; nil where absent.
  func number(_ key: String) throws(Fault) -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.double, number.isFinite else {
      throw Fault(.badData, "GG-META", "\(key) is not a finite number")
    }
    return number
  }

  /// The truth value of `key`; nil where absent.
  func bool(_ key: String) throws(Fault) -> Bool? {
    guard let value = self[key] else { return nil }
    guard case .bool(let bool) = value else {
      throw Fault(.badData, "GG-META", "\(key) is not a bool")
    }
    return bool
  }
}
