import Projection

/// One option of a recipe: its names, its values, what it means and where in the recipe it stands.
///
/// Command line, manifest, refusals, digest, schema, page and help are made from `Field.all`.
package struct Field: Sendable {
  /// What a change of the value changes.
  package enum Effect: Sendable, Hashable {
    /// The latents, so also a checkpoint that may be continued.
    case latents
    /// What is measured and noted beside them.
    case measurements
    /// Nothing but time and memory.
    case nothing
  }

  /// A command that has the option.
  package enum Command: String, Sendable, Hashable, CaseIterable {
    /// Without training.
    case convert
    /// With training.
    case tune
  }

  /// Its place in a manifest: `store`, or `tune.steps` for a key of a section.
  package let key: String
  /// Its name on the command line, without the dashes.
  package let flag: String
  /// Where it stands in help.
  package let group: FieldGroup
  /// The commands that have it; a manifest has every option.
  package let commands: [Command]
  /// What is allowed.
  package let form: Form
  /// What it is, as a sentence.
  package let help: String
  /// What holds where nobody says, in words where no one value does.
  package let standard: String
  /// What a change of it changes.
  package let effect: Effect
  /// Puts the value that texts stand for into a recipe; false where they are none.
  package let set: @Sendable (_ texts: [String], _ recipe: inout Recipe) -> Bool
  /// The value in a recipe as text, nil where it has none or an empty list.
  package let text: @Sendable (Recipe) -> String?

  /// The part of the key before the point: the section, if any.
  package var section: String? {
    key.firstIndex(of: ".").map { String(key[..<$0]) }
  }

  /// The part of the key after the point.
  package var name: String {
    key.firstIndex(of: ".").map { String(key[key.index(after: $0)...]) } ?? key
  }

  /// The file that a recipe's value names, if any.
  package func path(in recipe: Recipe) -> String? {
    guard form.namesFile, let text = text(recipe), !isSelf(text), !isShare(text) else { return nil }
    return text
  }

  /// The value with the name of a file left out: moving it makes no other job, its contents count on their own.
  package func canonicalText(in recipe: Recipe) -> String? {
    path(in: recipe) == nil ? text(recipe) : "file"
  }

  private func isSelf(_ text: String) -> Bool { form == .examples && text == "self" }

  private func isShare(_ text: String) -> Bool {
    if case .share = form { Double(text) != nil } else { false }
  }
}

extension Field {
  /// A field at a place that `get` reads and `set` writes.
  package init<Value>(
    _ key: String, _ notation: Notation<Value>, _ group: FieldGroup, flag: String? = nil,
    commands: [Command] = Command.allCases, standard: String? = nil, effect: Effect = .latents,
    _ help: String, get: @escaping @Sendable (Recipe) -> Value?,
    set: @escaping @Sendable (inout Recipe, Value) -> Void
  ) {
    self.key = key
    self.flag = flag ?? String(key.split(separator: ".").last ?? "").replacing("_", with: "-")
    self.group = group
    self.commands = commands
    self.help = help
    self.effect = effect
    form = notation.form
    self.set = { texts, recipe in
      guard let value = notation.read(texts) else { return false }
      set(&recipe, value)
      return true
    }
    text = { get($0).map(notation.write).flatMap { $0.isEmpty ? nil : $0 } }
    self.standard = standard ?? text(.standard) ?? Field.absent
  }

  /// A field that is a value of the recipe.
  package init<Value>(
    _ key: String, _ path: any WritableKeyPath<Recipe, Value> & Sendable,
    _ notation: Notation<Value>, _ group: FieldGroup, flag: String? = nil,
    commands: [Command] = Command.allCases, standard: String? = nil, effect: Effect = .latents,
    _ help: String
  ) {
    self.init(
      key, notation, group, flag: flag, commands: commands, standard: standard, effect: effect,
      help, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
  }

  /// A field of tuning.
  package static func tuning<Value>(
    _ name: String, _ path: any WritableKeyPath<Recipe.Tuning, Value> & Sendable,
    _ notation: Notation<Value>, flag: String? = nil, standard: String? = nil,
    effect: Effect = .latents, _ help: String
  ) -> Field {
    Field(
      "tune." + name, notation, .tuning, flag: flag, commands: [.tune], standard: standard,
      effect: effect, help, get: { $0.tuning?[keyPath: path] },
      set: { $0.tuning?[keyPath: path] = $1 })
  }

  /// A field of the model's own texts.
  package static func ownTexts<Value>(
    _ name: String, _ path: any WritableKeyPath<Recipe.OwnTexts, Value> & Sendable,
    _ notation: Notation<Value>, _ help: String
  ) -> Field {
    Field(
      "self." + name, notation, .ownTexts, flag: "self-" + name.replacing("_", with: "-"),
      standard: notation.write(Recipe.OwnTexts()[keyPath: path]), help,
      get: { $0.usesOwnTexts ? $0.ownTexts[keyPath: path] : nil },
      set: { $0.ownTexts[keyPath: path] = $1 })
  }
}

extension Recipe {
  /// What a field's default is read from: a tuned one.
  fileprivate static var standard: Recipe {
    var recipe = Recipe(target: .own, method: .kfac)
    recipe.tuning = Tuning(data: .own(limit: nil))
    return recipe
  }
}
