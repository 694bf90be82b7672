/// A text as code points with their kinds and their places in its bytes.
struct ScalarBuffer {
  private(set) var values: [UInt32] = []
  private(set) var kinds: [CharacterKind] = []
  /// Byte offset of each code point, and the byte count at the end.
  private(set) var offsets: [Int] = [0]
  /// The bytes that the offsets are of.
  private(set) var bytes: [UInt8]

  /// The code points of valid UTF-8.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    values.reserveCapacity(bytes.count)
    kinds.reserveCapacity(bytes.count)
    offsets.reserveCapacity(bytes.count + 1)
    var offset = 0
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      values.append(scalar.value)
      kinds.append(CharacterKind.of(scalar))
      offset += UTF8.width(scalar)
      offsets.append(offset)
    }
    // Only invalid UTF-8 is as long no more: its repaired form is then what is split.
    if offset != bytes.count {
      self.bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
    }
  }

  /// Each byte as the code point that spells it (``ByteAlphabet``).
  init(spelling bytes: [UInt8]) {
    self.bytes = bytes
    let spelled = bytes.map(ByteAlphabet.scalar(of:))
    values = spelled.map(\.value)
    kinds = spelled.map(CharacterKind.of)
    offsets = Array(0...bytes.count)
  }

  /// Number of code points.
  var count: Int { values.count }

  /// Whether code point `index` is a carriage return or line feed.
  func isLineEnd(_ index: Int) -> Bool { values[index] == 0x0a || values[index] == 0x0d }

  /// The first index from `start` to `limit` whose kind is not `kind`.
  func endOfRun(_ kind: CharacterKind, from start: Int, limit: Int) -> Int {
    var index = start
    while index < limit, kinds[index] == kind { index += 1 }
    return index
  }

  /// The bytes of code points.
  func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
    bytes[offsets[range.lowerBound]..<offsets[range.upperBound]]
  }
}
