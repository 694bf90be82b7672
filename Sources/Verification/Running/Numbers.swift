import Faults
import JSON

/// Lists of numbers in a case.
enum Numbers {
  static func integers(_ field: JSONField) throws(Fault) -> [Int] {
    var numbers: [Int] = []
    for element in try field.array() { numbers.append(try element.int()) }
    return numbers
  }

  static func doubles(_ field: JSONField) throws(Fault) -> [Double] {
    var numbers: [Double] = []
    for element in try field.array() { numbers.append(try element.double()) }
    return numbers
  }

  static func strings(_ field: JSONField) throws(Fault) -> [String] {
    var texts: [String] = []
    for element in try field.array() { texts.append(try element.string()) }
    return texts
  }

  /// Token ids, each below the size of a vocabulary.
  static func tokens(
    _ field: JSONField, below vocabulary: Int = Int(Int32.max)
  ) throws(Fault) -> [Int32] {
    var tokens: [Int32] = []
    for element in try field.array() {
      tokens.append(Int32(try element.int(in: 0...vocabulary - 1)))
    }
    return tokens
  }
}
