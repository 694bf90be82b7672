import Faults
import Yams

/// An adapter's own options over the manifest's defaults.
struct OptionLayers {
  /// The options at the adapter.
  let own: YAMLFields
  /// The options under `defaults`, those of a preset above the manifest's own.
  let defaults: [YAMLFields]

  private var layers: [YAMLFields] { [own] + defaults }

  /// The layer that decides `key`: the adapter's own, else the nearest default; `nil` when none has it or
  /// the deciding one says null.
  func deciding(_ key: String) -> YAMLFields? { OptionLayers.deciding(key, layers) }

  private static func deciding(_ key: String, _ layers: [YAMLFields]) -> YAMLFields? {
    let layer = layers.first { $0.node(key) != nil }
    return layer.flatMap { $0.isNull(key) ? nil : $0 }
  }

  /// The mapping under `key`, the adapter's fields over the defaults', field by field.
  func mapping(_ key: String, allowed: [String]) throws(Fault) -> OptionLayers? {
    var found: [YAMLFields] = []
    for layer in layers {
      guard let node = layer.node(key) else { continue }
      // What lies below a null is taken away.
      guard !layer.isNull(key) else { break }
      let place = layer.place.isEmpty ? key : "\(layer.place).\(key)"
      found.append(try YAMLFields(node, place: place, allowed: allowed))
    }
    return found.first.map { OptionLayers(own: $0, defaults: Array(found.dropFirst())) }
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
    let sizeLayers = sizeLayers(hasOwnDirections: directions == Recipe.Directions.own.rawValue)
    for field in Field.all where field.section == nil {
      let isSize = OptionLayers.sizes.contains(field.key)
      let layers = isSize ? sizeLayers : layers
      guard let layer = OptionLayers.deciding(field.key, layers) else { continue }
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

  /// The layers whose sizes count: a size in the defaults is for those that have none of their own, nor the adapter's, and
  /// one of a preset stands in for those below.
  private func sizeLayers(hasOwnDirections: Bool) -> [YAMLFields] {
    if hasOwnDirections { return [own] }
    let first = layers.firstIndex { layer in
      OptionLayers.sizes.contains { layer.node($0) != nil && !layer.isNull($0) }
    }
    return first.map { Array(layers[...$0]) } ?? layers
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
