public import JSON

/// Places of values in a JSON document, and the document with another value at one of them.
public enum ChangedJSON {
  /// Values of every kind, and numbers at the edges.
  public static let others: [JSONValue] = [
    nil, true, -1, 0, 1e300, .integer(Int.max), "", "x", [], [:], [["a", "b"]], [nil],
  ]

  /// Paths of values in the document but those of long lists and objects.
  public static func paths(_ value: JSONValue, _ path: [String] = []) -> [[String]] {
    switch value {
    case .object(let object):
      let members = object.members.prefix(path.isEmpty ? 100 : 12)
      return (path.isEmpty ? [] : [path])
        + members.flatMap { paths($0.value, path + [$0.key]) }
    case .array(let items):
      return [path]
        + items.prefix(3).enumerated().flatMap { paths($0.element, path + ["\($0.offset)"]) }
    default: return [path]
    }
  }

  /// The document with `new` at a path.
  public static func setting(
    _ value: JSONValue, _ path: some Collection<String>, _ new: JSONValue
  ) -> JSONValue {
    guard let key = path.first else { return new }
    switch value {
    case .object(var object):
      object[key] = setting(object[key] ?? .null, Array(path.dropFirst()), new)
      return .object(object)
    case .array(var items):
      guard let index = Int(key) else { return value }
      items[index] = setting(items[index], Array(path.dropFirst()), new)
      return .array(items)
    default: return value
    }
  }
}
