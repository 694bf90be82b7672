import JSON

/// The members of one object of a record, in the order in which they are added.
struct RecordMembers {
  private(set) var pairs: [(String, JSONValue)] = []

  /// The object.
  var json: JSONValue { .object(JSONObject(pairs)) }

  mutating func add(_ key: String, _ value: JSONValue) { pairs.append((key, value)) }
  mutating func add(_ key: String, _ text: String?) { add(key, text.map { .string($0) } ?? .null) }
  mutating func add(_ key: String, _ count: Int?) {
    add(key, count.map { .integer(Int64($0)) } ?? .null)
  }

  /// A figure; one that is not finite becomes null with the reason beside it.
  mutating func add(_ key: String, figure: Double?) {
    guard let figure else { return add(key, .null) }
    add(key, figure.isFinite ? .number(figure) : .null)
    if !figure.isFinite { add(key + "_reason", "not finite: \(figure)") }
  }

  mutating func add(_ key: String, interval: ClosedRange<Double>?) {
    add(key, interval.map { .array([.number($0.lowerBound), .number($0.upperBound)]) } ?? .null)
  }

  /// Names and values as one object; a name given twice keeps its last value.
  mutating func add(_ key: String, settings: [Setting]) {
    var members = JSONObject()
    for setting in settings { members[setting.name] = .string(setting.value) }
    add(key, .object(members))
  }

  mutating func add<T>(_ key: String, list: [T], _ json: (T) -> JSONValue) {
    add(key, .array(list.map(json)))
  }
}
