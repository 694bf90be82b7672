/// A text as code points with their classes and their places in its UTF-8 form.
struct ScalarBuffer {
  private(set) var values: [UInt32] = []
  private(set) var classes: [ScalarClass] = []
  /// Byte offset of each code point, and the byte count at the end.
  private(set) var offsets: [Int] = [0]

  /// The code points of valid UTF-8.
  init(_ bytes: ArraySlice<UInt8>) {
    values.reserveCapacity(bytes.count)
    classes.reserveCapacity(bytes.count)
    offsets.reserveCapacity(bytes.count + 1)
    var offset = 0
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      values.append(scalar.value)
      classes.append(ScalarClass.of(scalar))
      offset += UTF8.width(scalar)
      offsets.append(offset)
    }
  }

  /// Number of code points.
  var count: Int { values.count }

  /// Whether code point `index` is a carriage return or line feed.
  func isLineEnd(_ index: Int) -> Bool { values[index] == 0x0a || values[index] == 0x0d }

  /// The first index from `start` to `limit` whose class is not `kind`.
  func endOfRun(_ kind: ScalarClass, from start: Int, limit: Int) -> Int {
    var index = start
    while index < limit, classes[index] == kind { index += 1 }
    return index
  }
}
