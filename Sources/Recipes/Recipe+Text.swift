package import JSON

extension Recipe {
  /// What values mean, as a number.
  ///
  /// Raise it when the same values begin to give other bytes: every job is then a changed one.
  package static let meaning = 6

  /// The schema word of ``json``.
  package static let schema = "xspress.recipe/1"

  /// One `key value` line for each value in force, defaults included, in the order of `Field.all`.
  ///
  /// Files appear as `file`: their contents count on their own, and a moved tree resumes.
  ///
  /// - Parameter effects: Fields that change nothing else are left out.
  package func canonicalText(_ effects: Set<Field.Effect> = [.latents, .measurements]) -> String {
    var lines = ["recipe \(Recipe.meaning)"]
    for field in Field.all where effects.contains(field.effect) {
      guard let text = field.canonicalText(in: self) else { continue }
      lines.append("\(field.key) \(text)")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Every value in force by key, files by their names.
  package var settings: [(key: String, value: String)] {
    Field.all.compactMap { field in field.text(self).map { (field.key, $0) } }
  }

  /// `xspress.recipe/1`: the settings by the keys of a manifest, all of them texts.
  package var json: JSONValue {
    .object([
      "schema": .string(Recipe.schema), "meaning": .integer(Recipe.meaning),
      "settings": .object(JSONObject(settings.map { ($0.key, .string($0.value)) })),
    ])
  }

  /// Every data file and artifact that is read, by the key of the field that names it.
  public var inputs: [(role: String, path: String)] {
    Field.all.compactMap { field in field.path(in: self).map { (field.key, $0) } }
  }
}
