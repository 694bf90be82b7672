import Faults
import JSON
import Recipes

/// The recipe of a recorded conversion as a case holds it: texts by the keys of a manifest, files as inputs of the case.
enum RecordedRecipe {
  /// Whether a case converts again: tuning takes too long, and a budget holds the figures of what was measured too.
  static func isRepeatable(_ recipe: Recipe) -> Bool {
    if case .budget = recipe.target, recipe.evaluation != nil { return false }
    return recipe.tuning == nil
  }

  /// What the conversion needs of a job's settings: files stand among the inputs, and what was measured beside it changes
  /// no latent.
  static func settings(_ recipe: Recipe) -> [(key: String, value: String)] {
    let files = Set(recipe.inputs.map(\.role))
    let relevant = Set(Field.all.filter { $0.effect == .latents }.map(\.key))
    return recipe.settings.filter { relevant.contains($0.key) && !files.contains($0.key) }
  }

  /// Files of the conversion by the key of the field that names them.
  static func files(_ recipe: Recipe) -> [(role: String, path: String)] {
    let relevant = Set(Field.all.filter { $0.effect == .latents }.map(\.key))
    return recipe.inputs.filter { relevant.contains($0.role) }
  }

  /// The recipe of a case, with its files where `path` finds them.
  ///
  /// - Throws: 65 `GV-FIELD` for a key or value that this version does not have.
  static func recipe(
    _ field: JSONField, files path: (String) throws(Fault) -> String
  ) throws(Fault) -> Recipe {
    var given: [String: [String]] = [:]
    for (key, value) in try field["options"].fields() {
      guard Field.byKey[key] != nil else { throw value.fault("this version has no such option") }
      given[key] = [try value.string()]
    }
    for role in try Numbers.strings(field["files"]) {
      guard Field.byKey[role] != nil else {
        throw field["files"].fault("this version has no option \(role)")
      }
      given[role] = [try path(role)]
    }
    do throws(Fault) {
      return try Recipe(GivenOptions(commandLine: given, command: .convert, isComplete: true))
    } catch {
      throw field.fault(error.reason)
    }
  }
}
