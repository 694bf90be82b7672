import JSON

/// What differs between two JSON documents, one line a value.
enum JSONDifference {
  /// `place: old -> new` for every value that is not the same; nothing for equal documents.
  static func lines(_ old: JSONValue, _ new: JSONValue) -> [String] {
    lines(old, new, at: "")
  }

  private static func lines(_ old: JSONValue?, _ new: JSONValue?, at place: String) -> [String] {
    if let left = old?.objectValue, let right = new?.objectValue {
      let keys = left.keys + right.keys.filter { !left.keys.contains($0) }
      return keys.flatMap { key in
        lines(old?[key], new?[key], at: place.isEmpty ? key : place + "." + key)
      }
    }
    let texts = (old?.text() ?? "none", new?.text() ?? "none")
    return texts.0 == texts.1 ? [] : ["\(place): \(texts.0) -> \(texts.1)"]
  }
}
