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
  /// Keys of which an adapter's own one replaces all of the defaults'.
  private static let sizes: Set = ["rank", "budget", "min_retained", "artifact"]

  /// What the layers ask for, field by field.
  ///
  /// - Throws: 65 `MF-TYPE` for a value of another kind than its field's, `MF-KEY` for an unknown key of a section.
  func given(_ resolver: PathResolver) throws(Fault) -> GivenOptions {
    let place = own.place
    var given = GivenOptions(name: \.key) { Fault(.badData, "MF-VALUE", "\(place): \($0)") }
    let directions = try deciding("directions")?.string("directions")
    // A size in the defaults is for those that have none of their own, nor the adapter's.
    let ignoresDefaultSizes =
      OptionLayers.sizes.contains { own.node($0) != nil && !own.isNull($0) }
      || directions == Recipe.Directions.own.rawValue
    for field in Field.all where field.section == nil {
      let isIgnored = ignoresDefaultSizes && OptionLayers.sizes.contains(field.key)
      guard let layer = isIgnored ? ownDeciding(field.key) : deciding(field.key) else { continue }
      given.values[field.key] = try layer.value(of: field, resolver)
    }
    // A default for those that have a minimum.
    if given.values["min_retained"] == nil, own.node("below_minimum") == nil {
      given.values["below_minimum"] = nil
    }
    // A default of it is for those entries that start from nothing.
    for section in Field.sections where section != "scratch" || own.startsFromNothing {
      let fields = Field.all.filter { $0.section == section }
      guard let inner = try mapping(section, allowed: fields.map(\.name)) else { continue }
      given.sections.insert(section)
      for field in fields {
        guard let layer = inner.deciding(field.name) else { continue }
        given.values[field.key] = try layer.value(of: field, resolver)
      }
    }
    return given
  }

  private func ownDeciding(_ key: String) -> YAMLFields? {
    own.node(key) != nil && !own.isNull(key) ? own : nil
  }
}

extension YAMLFields {
  /// The value of a field that is there.
  ///
  /// - Throws: 65 `MF-TYPE`; `MF-VALUE` for a path with unknown words in braces.
  fileprivate func value(
    of field: Field, _ resolver: PathResolver
  ) throws(Fault) -> GivenOptions.Value {
    let name = field.name
    return GivenOptions.Value(texts: try texts(of: field, resolver)) { reason in
      refusal(name, "MF-VALUE", reason)
    }
  }

  private func texts(of field: Field, _ resolver: PathResolver) throws(Fault) -> [String] {
    let name = field.name
    switch field.form {
    case .words, .modules:
      guard let list = try list(name) else {
        throw refusal(name, "MF-TYPE", "must be \(field.form.expectation)")
      }
      return list
    case .integer, .number, .truth:
      return [try plain(name)].compactMap(\.self)
    case .rank, .pairs:
      // Only what reads as a number could be meant as text by its quotes.
      let text = try string(name)
      return [text.flatMap { Int($0) } == nil ? text : try plain(name)].compactMap(\.self)
    case .word, .size:
      return [try string(name)].compactMap(\.self)
    case .share:
      guard let text = try string(name) else { return [] }
      if Double(text) != nil { return [try plain(name)].compactMap(\.self) }
      return [try resolver.path(text, in: self, name)]
    case .file:
      return try string(name).map { (text) throws(Fault) in
        [try resolver.path(text, in: self, name)]
      } ?? []
    case .examples:
      guard let text = try string(name), text != "self" else { return ["self"] }
      let path = try resolver.path(text, in: self, name)
      return [path == "self" ? "./self" : path]
    }
  }
}

extension Field {
  /// The sections that fields are in, in their order.
  package static let sections: [String] = all.compactMap(\.section).reduce(into: []) {
    if !$0.contains($1) { $0.append($1) }
  }

  /// The keys of an adapter's options, `base` aside.
  package static let topLevelKeys = all.filter { $0.section == nil }.map(\.key) + sections
}
