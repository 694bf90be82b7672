import Glibc

/// The scale of one column as one byte on a logarithmic grid: `2^((code − 224) / 8)`, 0 for a column
/// of zeros (`formats/loraxs.md` §5.3).
///
/// Steps of an eighth of an octave waste at most 9% of the code range, and the codes are chosen for
/// the scale that is stored, so nothing is lost by storing it so coarsely.
enum ColumnScale {
  /// The scale that a code stands for, 4·10⁻⁹ to 15.
  static func value(_ code: UInt8) -> Float { table[Int(code)] }

  /// The smallest code whose scale is at least `scale`; 255 when none is.
  static func code(covering scale: Float) -> UInt8 {
    var low = 1
    var high = 255
    while low < high {
      let middle = (low + high) / 2
      if table[middle] >= scale { high = middle } else { low = middle + 1 }
    }
    return UInt8(low)
  }

  private static let table: [Float] = (0..<256).map { code in
    code == 0 ? 0 : Float(exp2(Double(code - 224) / 8))
  }
}
