import Faults
import Yams

/// A mapping of a manifest, read key by key; a key that nobody asks for is refused.
struct YAMLFields {
  /// Where in the manifest this is, such as `adapters[2].tune`.
  let place: String
  private let pairs: [(key: String, node: Node)]

  /// - Throws: 65 `MF-TYPE` when `node` is no mapping, `MF-KEY` for a key that is not in `allowed`.
  init(_ node: Node, place: String, allowed: [String]?) throws(Fault) {
    self.place = place
    guard let mapping = node.mapping else {
      throw YAMLFields.refusal(node, place, "MF-TYPE", "must be a mapping of keys to values")
    }
    var pairs: [(key: String, node: Node)] = []
    for (key, value) in mapping {
      guard let name = key.scalar?.string else {
        throw YAMLFields.refusal(key, place, "MF-KEY", "a key must be a word")
      }
      if let allowed, !allowed.contains(name) {
        throw YAMLFields.refusal(
          key, place, "MF-KEY",
          "unknown key \"\(name)\"; known here: \(allowed.joined(separator: ", "))")
      }
      pairs.append((name, value))
    }
    self.pairs = pairs
  }

  /// The keys in the order of the file.
  var keys: [String] { pairs.map(\.key) }

  /// The value of `key`, explicit null included.
  func node(_ key: String) -> Node? { pairs.first { $0.key == key }?.node }

  /// Whether `key` is there with the value null, which takes a default away.
  func isNull(_ key: String) -> Bool { node(key).map(YAMLFields.isNull) ?? false }

  /// Whether an entry has no adapter but modules to train.
  var startsFromNothing: Bool { node("scratch") != nil && !isNull("scratch") }

  static func isNull(_ node: Node) -> Bool {
    guard let scalar = node.scalar, scalar.style == .plain else { return false }
    return ["", "~", "null"].contains(scalar.string)
  }

  /// Text, quoted or plain.
  func string(_ key: String) throws(Fault) -> String? {
    guard let node = node(key) else { return nil }
    guard let scalar = node.scalar, !YAMLFields.isNull(node), !scalar.string.isEmpty else {
      throw refusal(key, "MF-TYPE", "must be text")
    }
    return scalar.string
  }

  /// A list of texts; nil for anything else.
  func list(_ key: String) throws(Fault) -> [String]? {
    guard let items = node(key)?.sequence else { return nil }
    let texts = items.compactMap { YAMLFields.isNull($0) ? nil : $0.scalar?.string }
    return texts.count == items.count ? texts : nil
  }

  /// A fault that names `key` and its line.
  func refusal(_ key: String, _ code: String, _ reason: String) -> Fault {
    let line = node(key)?.mark?.line
    let field = place.isEmpty ? key : "\(place).\(key)"
    return Fault(.badData, code, "\(line.map { "line \($0): " } ?? "")\(field): \(reason)")
  }

  /// Text without quotes.
  func plain(_ key: String) throws(Fault) -> String? {
    guard let node = node(key) else { return nil }
    guard let scalar = node.scalar, scalar.style == .plain, !YAMLFields.isNull(node) else {
      throw refusal(key, "MF-TYPE", "must be a plain value without quotes")
    }
    return scalar.string
  }

  private static func refusal(
    _ node: Node, _ place: String, _ code: String, _ reason: String
  ) -> Fault {
    let line = node.mark.map { "line \($0.line): " } ?? ""
    return Fault(.badData, code, line + (place.isEmpty ? "" : place + ": ") + reason)
  }
}
