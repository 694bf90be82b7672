import Faults
import JSON

/// Which modules PEFT gives an adapter, and so whose tensors it applies (`formats/peft.md` §2.4).
struct PEFTTargets: Sendable {
  /// What the configuration says of a module.
  enum Decision { case covered, outside, unknown }

  /// A list of names, or an expression; an expression that cannot be evaluated is nil.
  private enum Names: Sendable {
    case list([String])
    case pattern(ModulePattern?)

    /// Whether it covers a module: entries of a list by the end of its path.
    func covers(_ module: String) -> Bool? {
      switch self {
      case .list(let names): names.contains { PEFTTargets.isEnding($0, of: module) }
      case .pattern(let pattern): pattern?.matches(module)
      }
    }
  }

  /// `target_modules`; nil where the model's defaults are meant.
  private let targets: Names?
  /// Whether `target_modules` is `all-linear`.
  private let takesAllLinear: Bool
  private let excluded: Names
  /// `modules_to_save`, whose modules get no adapter.
  private let saved: [ModulePattern?]
  /// `layers_to_transform`, nil for all layers.
  private let layers: [Int]?
  /// `layers_pattern`, which says where a layer's number is.
  private let layerPatterns: [ModulePattern?]
  /// What could not be evaluated, and the members whose default is the model's.
  let warnings: [Warning]

  init(_ root: JSONField) throws(Fault) {
    var warnings: [Warning] = []
    /// An expression, nil with a warning where it is not understood.
    func pattern(_ text: String, _ form: ModulePattern.Form, _ member: String) -> ModulePattern? {
      do throws(Fault) {
        return try ModulePattern(text, form)
      } catch {
        warnings.append(
          Warning(
            "AD-PATTERN",
            "\(member) cannot be evaluated, so the tensors decide (\(error.reason))", subject: text)
        )
        return nil
      }
    }
    func names(_ member: String) throws(Fault) -> Names? {
      let field = root[member]
      guard field.isPresent else { return nil }
      if let text = field.value?.stringValue { return .pattern(pattern(text, .whole, member)) }
      return .list(try field.strings())
    }
    takesAllLinear = root["target_modules"].value?.stringValue == "all-linear"
    targets = takesAllLinear ? nil : try names("target_modules")
    // "" excludes nothing, and so does [].
    let excludes = root["exclude_modules"].value?.stringValue != ""
    excluded = excludes ? try names("exclude_modules") ?? .list([]) : .list([])
    saved = try root["modules_to_save"].strings().map {
      pattern($0, .component, "modules_to_save")
    }
    var layers: [Int]?
    if root["layers_to_transform"].isPresent {
      if let number = root["layers_to_transform"].value?.intValue {
        layers = [number]
      } else {
        let numbers = try root["layers_to_transform"].array().map { (field) throws(Fault) in
          try field.int()
        }
        layers = numbers.isEmpty ? nil : numbers
      }
    }
    self.layers = layers
    let own = try root["layers_pattern"].strings().filter { !$0.isEmpty }
    layerPatterns =
      own.isEmpty
      ? [pattern("", .anyLayer, "layers_pattern")]
      : own.map { pattern($0, .layer, "layers_pattern") }
    if targets == nil, !takesAllLinear, !root["target_parameters"].isPresent {
      warnings.append(
        Warning(
          "AD-TARGET",
          "target_modules is missing: PEFT takes the model's defaults, here the tensors decide"))
    }
    self.warnings = warnings
  }

  /// Whether PEFT applies the factors of a module.
  ///
  /// - Parameter isEmbedding: Whether they are an embedding's.
  func decision(on module: String, isEmbedding: Bool) -> Decision {
    var isUnknown = false
    func isTrue(_ answer: Bool?) -> Bool {
      if answer == nil { isUnknown = true }
      return answer ?? false
    }
    if isTrue(excluded.covers(module)) { return .outside }
    if saved.contains(where: { isTrue($0?.matches(module)) }) { return .outside }
    if takesAllLinear {
      // All but the output layer, which has one of these names.
      let last = module.split(separator: ".").last.map(String.init) ?? ""
      if isEmbedding || ["lm_head", "score", "classifier"].contains(last) { return .outside }
      return isUnknown ? .unknown : .covered
    }
    if let targets, !isTrue(targets.covers(module)) { return isUnknown ? .unknown : .outside }
    // A path that the list gives whole is meant in whatever layer it is.
    if let layers, let names = listed, !names.contains(module) {
      guard let number = layer(of: module) else { return .unknown }
      guard let number, layers.contains(number) else { return .outside }
    }
    return isUnknown || targets == nil ? .unknown : .covered
  }

  /// The names that layers limit: a list's, and none of the model's defaults, which are a list; nil for an expression.
  private var listed: [String]? {
    switch targets {
    case .list(let names)?: names
    case .pattern?: nil
    case nil: []
    }
  }

  /// The number of a module's layer, `.some(nil)` where it has none; nil where that cannot be told.
  private func layer(of module: String) -> Int?? {
    for pattern in layerPatterns {
      guard let pattern, let number = pattern.layer(in: module) else { return .none }
      if let number { return .some(number) }
    }
    return .some(nil)
  }

  /// Entries of `target_modules`, or the expression, that name none of the modules.
  func unmatched(_ modules: [String]) -> [String] {
    switch targets {
    case .list(let names):
      names.filter { name in !modules.contains { PEFTTargets.isEnding(name, of: $0) } }
    case .pattern(let pattern?):
      modules.contains { pattern.matches($0) ?? true } ? [] : [pattern.text]
    case .pattern(nil), nil: []
    }
  }

  /// Whether a name is a path's last components, all of it included.
  static func isEnding(_ name: String, of path: String) -> Bool {
    let (name, path) = (Array(name.utf8), Array(path.utf8))
    guard path.count > name.count else { return path == name }
    let start = path.count - name.count
    return path[start...].elementsEqual(name) && path[start - 1] == UInt8(ascii: ".")
  }
}

extension JSONField {
  /// The strings of a list, or one string; none where the field is missing.
  func strings() throws(Fault) -> [String] {
    guard isPresent else { return [] }
    if let text = value?.stringValue { return text.isEmpty ? [] : [text] }
    return try array().map { (field) throws(Fault) in try field.string() }
  }
}
