/// A codebook of the IQ types: rows of eight or four small integers, one byte each.
struct Grid: Sendable {
  /// The rows, the first value of each in the lowest byte.
  let rows: [UInt64]

  /// Reads rows of `count` values: each is a number of `digits` hexadecimal digits that holds, from its
  /// lowest bits up, the index of each value in `values`.
  private init(_ text: StaticString, digits: Int, count: Int, values: [Int8]) {
    let bits = 4 * digits / count
    let mask = (1 << bits) - 1
    let characters = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    rows = stride(from: 0, to: characters.count, by: digits).map { start in
      var number = 0
      for character in characters[start..<start + digits] {
        number = number << 4 + Int(character & 15) + (character > 0x40 ? 9 : 0)
      }
      var row: UInt64 = 0
      for index in (0..<count).reversed() {
        row = row << 8 | UInt64(UInt8(bitPattern: values[number >> (bits * index) & mask]))
      }
      return row
    }
  }

  static let iq1 = Grid(iq1Rows, digits: 4, count: 8, values: [-1, 0, 1])
  static let iq2XXS = Grid(iq2XXSRows, digits: 4, count: 8, values: [8, 25, 43])
  static let iq2XS = Grid(iq2XSRows, digits: 4, count: 8, values: [8, 25, 43])
  static let iq2S = Grid(iq2SRows, digits: 4, count: 8, values: [8, 25, 43])
  static let iq3XXS = Grid(
    iq3XXSRows, digits: 3, count: 4, values: [4, 12, 20, 28, 36, 44, 52, 62])
  static let iq3S = Grid(iq3SRows, digits: 3, count: 4, values: [1, 3, 5, 7, 9, 11, 13, 15])
}
