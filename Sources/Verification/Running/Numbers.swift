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

  /// Token ids, each in 0..<2³¹.
  static func tokens(_ field: JSONField) throws(Fault) -> [Int32] {
    var tokens: [Int32] = []
    for element in try field.array() {
      guard let token = Int32(exactly: try element.int()), token >= 0 else {
        throw element.fault("expected a token id")
      }
      tokens.append(token)
    }
    return tokens
  }
}
