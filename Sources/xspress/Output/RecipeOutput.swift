import Faults
import JSON
import Recipes
import Reports

/// A recipe as `--dry-run` shows it.
enum RecipeOutput {
  static func write(_ recipe: Recipe, json: Bool) throws(Fault) {
    if json { return try StandardOutput.write(recipe.json) }
    try StandardOutput.write(
      TextTable.text(["option", ""], recipe.settings.map { [$0.key, $0.value] }))
  }
}
