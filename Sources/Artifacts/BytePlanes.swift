/// Runs of 16-bit numbers as differences, low bytes first and then high bytes.
///
/// Ascending indices and descending singular values have small differences; apart from each other, low
/// and high bytes compress to about their entropy (`formats/loraxs.md` §4.3).
enum BytePlanes {
  /// Each run begins anew with its first number itself.
  static func encode(_ runs: [[Int]]) -> [UInt8] {
    var low: [UInt8] = []
    var high: [UInt8] = []
    for run in runs {
      var previous = 0
      for number in run {
        let difference = UInt16(truncatingIfNeeded: number - previous)
        low.append(UInt8(truncatingIfNeeded: difference))
        high.append(UInt8(difference >> 8))
        previous = number
      }
    }
    return low + high
  }

  /// The numbers modulo 2¹⁶.
  ///
  /// - Parameter counts: The lengths of the runs, whose sum must be half the bytes.
  static func decode(_ bytes: [UInt8], counts: [Int]) -> [[UInt16]] {
    let total = bytes.count / 2
    var runs: [[UInt16]] = []
    var place = 0
    for count in counts {
      var run: [UInt16] = []
      var previous: UInt16 = 0
      for index in place..<place + count {
        previous &+= UInt16(bytes[index]) | UInt16(bytes[total + index]) << 8
        run.append(previous)
      }
      place += count
      runs.append(run)
    }
    return runs
  }
}
