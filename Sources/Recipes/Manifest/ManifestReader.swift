import Faults
import Files
import Yams

/// Turns the tree of a manifest into jobs; knows the keys and what they default to.
struct ManifestReader {
  /// The folder relative paths start from.
  let directory: String
  /// The preset that is asked for.
  let preset: String?

  private static let optionKeys = ["base"] + Field.topLevelKeys

  func jobs(of root: Node) throws(Fault) -> [JobPlan] {
    let top = try YAMLFields(
      root, place: "", allowed: ["schema", "bases", "defaults", "presets", "adapters"])
    guard try top.string("schema") == Manifest.schema else {
      throw Fault(
        .unsupported, "MF-SCHEMA",
        "schema must be \(Manifest.schema), found \"\(try top.string("schema") ?? "none")\"")
    }
    let chosen = try readPreset(top)
    var bases =
      try chosen.map { (chosen) throws(Fault) in
        chosen.node("bases") == nil ? [] : try readBases(chosen)
      } ?? []
    for base in try readBases(top) where !bases.contains(where: { $0.name == base.name }) {
      bases.append(base)
    }
    var defaults: [YAMLFields] = []
    for fields in [chosen, top] {
      guard let fields, let node = fields.node("defaults") else { continue }
      let place = fields.place.isEmpty ? "defaults" : fields.place + ".defaults"
      defaults.append(
        try YAMLFields(node, place: place, allowed: ManifestReader.optionKeys))
    }
    guard let adapters = top.node("adapters")?.sequence, !adapters.isEmpty else {
      throw top.refusal("adapters", "MF-TYPE", "must be a list of at least one adapter")
    }
    var jobs: [JobPlan] = []
    for (index, node) in adapters.enumerated() {
      let own = try YAMLFields(
        node, place: "adapters[\(index)]",
        allowed: ["path", "glob", "name"] + ManifestReader.optionKeys)
      let layers = OptionLayers(own: own, defaults: defaults)
      for (adapter, name) in try adapterPaths(own) {
        jobs.append(try job(layers, adapter: adapter, name: name, bases: bases))
      }
    }
    return jobs
  }

  /// The preset that is asked for; all of them are read, so that a wrong key is found whichever is.
  private func readPreset(_ top: YAMLFields) throws(Fault) -> YAMLFields? {
    let presets = try top.node("presets").map { (node) throws(Fault) in
      try YAMLFields(node, place: "presets", allowed: nil)
    }
    var found: YAMLFields?
    for name in presets?.keys ?? [] {
      guard let node = presets?.node(name) else { continue }
      let fields = try YAMLFields(node, place: "presets.\(name)", allowed: ["bases", "defaults"])
      if name == preset { found = fields }
    }
    guard let preset, found == nil else { return found }
    let known = presets?.keys.joined(separator: ", ") ?? "none"
    throw Fault(.usage, "MF-PRESET", "no preset \"\(preset)\"; there are: \(known)")
  }

  private func readBases(_ top: YAMLFields) throws(Fault) -> [(name: String, path: String)] {
    guard let node = top.node("bases") else {
      throw top.refusal("bases", "MF-BASE", "missing; name at least one base")
    }
    let place = top.place.isEmpty ? "bases" : top.place + ".bases"
    let fields = try YAMLFields(node, place: place, allowed: nil)
    var bases: [(name: String, path: String)] = []
    for key in fields.keys {
      guard let entry = fields.node(key) else { continue }
      let base = try YAMLFields(entry, place: "\(place).\(key)", allowed: ["path"])
      guard let path = try base.string("path") else {
        throw fields.refusal(key, "MF-BASE", "has no path")
      }
      bases.append((key, PathResolver.join(directory, path)))
    }
    return bases
  }

  /// The adapters one entry stands for, with the job's name of each; none for a start from nothing.
  private func adapterPaths(_ own: YAMLFields) throws(Fault) -> [(path: String?, name: String)] {
    let name = try own.string("name")
    if let name { try JobNames.check(name) }
    let places = (try own.string("path"), try own.string("glob"), own.startsFromNothing)
    switch places {
    case (nil, nil, true):
      guard let name else {
        throw Fault(.badData, "MF-VALUE", "\(own.place): needs a name, there is no adapter's")
      }
      return [(nil, name)]
    case (let path?, nil, false):
      let adapter = PathResolver.join(directory, path)
      return [(adapter, name ?? JobNames.derived(fromPath: adapter))]
    case (nil, let pattern?, false):
      guard name == nil else {
        throw own.refusal("name", "MF-VALUE", "cannot name the many adapters of a glob")
      }
      return try GlobPaths.matches(PathResolver.join(directory, pattern)).map {
        ($0, JobNames.derived(fromPath: $0))
      }
    default:
      throw Fault(.badData, "MF-VALUE", "\(own.place): needs either path, glob or scratch")
    }
  }

  private func job(
    _ layers: OptionLayers, adapter: String?, name: String,
    bases: [(name: String, path: String)]
  ) throws(Fault) -> JobPlan {
    let baseName = try layers.deciding("base")?.string("base")
    let base: (name: String, path: String)? =
      if let baseName {
        bases.first { $0.name.utf8.elementsEqual(baseName.utf8) }
      } else {
        bases.count == 1 ? bases.first : nil
      }
    guard let base else {
      let known = bases.map(\.name).joined(separator: ", ")
      throw Fault(
        .badData, "MF-BASE",
        "\(layers.own.place): "
          + (baseName.map { "no base \"\($0)\"; there are \(known)" } ?? "name one of \(known)"))
    }
    let resolver = PathResolver(directory: directory, adapter: adapter)
    return JobPlan(
      name: name, adapterPath: adapter, baseName: base.name, basePath: base.path,
      recipe: try Recipe(try layers.given(resolver)))
  }
}
