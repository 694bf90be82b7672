import Faults
import Yams

/// An adapter's own options over the manifest's defaults.
struct OptionLayers {
  /// The options at the adapter.
  let own: YAMLFields
  /// The options under `defaults`, if any.
  let defaults: YAMLFields?

  /// The layer that decides `key`: the adapter's own, else the defaults; `nil` when neither has it or
  /// the deciding one says null.
  func deciding(_ key: String) -> YAMLFields? {
    if own.node(key) != nil { return own.isNull(key) ? nil : own }
    guard let defaults, defaults.node(key) != nil, !defaults.isNull(key) else { return nil }
    return defaults
  }

  /// The value `read` finds in the layer that decides `key`.
  func value<T>(
    _ key: String, _ read: (YAMLFields) throws(Fault) -> T?
  ) throws(Fault) -> T? {
    guard let fields = deciding(key) else { return nil }
    return try read(fields)
  }

  /// The mapping under `key`, the adapter's fields over the defaults', field by field.
  func mapping(_ key: String, allowed: [String]) throws(Fault) -> OptionLayers? {
    guard deciding(key) != nil else { return nil }
    func fields(_ layer: YAMLFields?) throws(Fault) -> YAMLFields? {
      guard let layer, let node = layer.node(key), !layer.isNull(key) else { return nil }
      let place = layer.place.isEmpty ? key : "\(layer.place).\(key)"
      return try YAMLFields(node, place: place, allowed: allowed)
    }
    let below = try fields(defaults)
    guard let above = try fields(own) else {
      return below.map { OptionLayers(own: $0, defaults: nil) }
    }
    return OptionLayers(own: above, defaults: below)
  }
}

extension OptionLayers {
  /// One of a few words.
  func word(_ key: String, _ words: [String]) throws(Fault) -> String? {
    try value(key) { fields throws(Fault) in try fields.word(key, of: words) }
  }

  /// A whole number.
  func integer(_ key: String, _ range: ClosedRange<Int>) throws(Fault) -> Int? {
    try value(key) { fields throws(Fault) in try fields.integer(key, in: range) }
  }

  /// A number.
  func number(_ key: String, _ range: ClosedRange<Double>) throws(Fault) -> Double? {
    try value(key) { fields throws(Fault) in try fields.number(key, in: range) }
  }
}
