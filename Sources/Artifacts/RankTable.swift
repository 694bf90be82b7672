import Faults

/// Rows, then columns of all modules' latents in byte planes, low bytes first (`formats/loraxs.md` §4.3).
enum RankTable {
  static func encode(_ ranks: [[Int]]) -> [UInt8] {
    let numbers = ranks.map { $0[0] } + ranks.map { $0[1] }
    return numbers.map { UInt8(truncatingIfNeeded: $0) }
      + numbers.map { UInt8(truncatingIfNeeded: $0 >> 8) }
  }

  /// - Precondition: `bytes` are four for each of `count` modules.
  static func decode(_ bytes: [UInt8], count: Int) -> [[Int]] {
    func number(_ place: Int) -> Int { Int(bytes[place]) | Int(bytes[2 * count + place]) << 8 }
    return (0..<count).map { [number($0), number(count + $0)] }
  }
}
