import Faults
import JSON

extension JSONField {
  /// The root of a record; faults carry the code `RECORD`.
  init(record value: JSONValue) { self.init(value, code: "RECORD") }

  /// A number, or NaN where the writer had one: null with a reason beside it (`formats/record.md` §2).
  func figure(in parent: JSONField, _ key: String) throws(Fault) -> Double {
    if !isPresent, parent[key + reasonSuffix].isPresent { return .nan }
    return try double()
  }

  /// The value `read` gives, `nil` when the field is missing or null.
  func optional<T>(_ read: (JSONField) throws(Fault) -> T) throws(Fault) -> T? {
    isPresent ? try read(self) : nil
  }

  /// A number that may be missing, null, or null with a reason.
  func optionalFigure(in parent: JSONField, _ key: String) throws(Fault) -> Double? {
    if !isPresent { return parent[key + reasonSuffix].isPresent ? .nan : nil }
    return try double()
  }

  /// Two numbers in order.
  func interval() throws(Fault) -> ClosedRange<Double> {
    let ends = try array()
    guard ends.count == 2 else { throw fault("expected two numbers, found \(ends.count)") }
    let low = try ends[0].double()
    let high = try ends[1].double()
    guard low <= high else { throw fault("[\(low), \(high)] is not in order") }
    return low...high
  }

  /// Every element by `read`.
  func list<T>(_ read: (JSONField) throws(Fault) -> T) throws(Fault) -> [T] {
    var out: [T] = []
    for element in try array() { out.append(try read(element)) }
    return out
  }

  /// An object of texts, in its order.
  func settings() throws(Fault) -> [Setting] {
    var out: [Setting] = []
    for (key, field) in try fields() { out.append(Setting(key, try field.string())) }
    return out
  }

  /// A count.
  func count() throws(Fault) -> Int { try int(in: 0...Int.max) }
}

private let reasonSuffix = "_reason"
