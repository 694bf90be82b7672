public import Faults

/// A place in a JSON value together with its path, so that a wrong field is named in the message.
///
/// `JSONField(value)["base"]["rank"].int()` throws `base.rank: missing` or `base.rank: expected an
/// integer, found a string`.
public struct JSONField: Sendable {
  /// Where this is, such as `layers[3].name`; empty at the root.
  public let path: String
  /// What is there; nil when missing.
  public let value: JSONValue?
  private let code: String

  /// The root of a value; `code` is the code word of the faults thrown (65).
  public init(_ value: JSONValue?, path: String = "", code: String = "JSON-FIELD") {
    self.value = value
    self.path = path
    self.code = code
  }

  /// The member `key`; missing when this is not an object.
  public subscript(key: String) -> JSONField {
    JSONField(value?[key], path: path.isEmpty ? key : "\(path).\(key)", code: code)
  }

  /// Whether there is something other than `null`.
  public var isPresent: Bool { value.map { !$0.isNull } ?? false }

  /// The text; throws when missing or another kind.
  public func string() throws(Fault) -> String {
    guard let text = value?.stringValue else { throw unexpected("a string") }
    return text
  }

  /// The integer, which must have been written as one (`1.0` is not) and fit Int.
  public func int() throws(Fault) -> Int {
    guard let number = value?.intValue else { throw unexpected("an integer") }
    return number
  }

  /// The integer in a range.
  public func int(in range: ClosedRange<Int>) throws(Fault) -> Int {
    let number = try int()
    guard range.contains(number) else {
      throw fault("\(number) is not in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  /// Any number as Float64.
  public func double() throws(Fault) -> Double {
    guard let number = value?.doubleValue else { throw unexpected("a number") }
    return number
  }

  /// The truth value.
  public func bool() throws(Fault) -> Bool {
    guard let flag = value?.boolValue else { throw unexpected("true or false") }
    return flag
  }

  /// The elements, each with its own path.
  public func array() throws(Fault) -> [JSONField] {
    guard let elements = value?.arrayValue else { throw unexpected("an array") }
    return elements.enumerated().map {
      JSONField($0.element, path: "\(path)[\($0.offset)]", code: code)
    }
  }

  /// The members.
  public func object() throws(Fault) -> JSONObject {
    guard let object = value?.objectValue else { throw unexpected("an object") }
    return object
  }

  /// The members, each with its own path, in file order.
  public func fields() throws(Fault) -> [(key: String, field: JSONField)] {
    try object().members.map { ($0.key, self[$0.key]) }
  }

  /// A fault about this place.
  public func fault(_ reason: String, _ kind: Fault.Kind = .badData) -> Fault {
    Fault(kind, code, path.isEmpty ? reason : "\(path): \(reason)")
  }

  private func unexpected(_ expected: String) -> Fault {
    guard let value else { return fault("missing, expected \(expected)") }
    return fault("expected \(expected), found \(value.kindName)")
  }
}
