package import JSON

/// The JSON Schema of recipes as `--dry-run --json` prints them (`formats/recipe.schema.json`).
package enum RecipeSchema {
  /// The document.
  package static var document: JSONValue {
    let text: JSONValue = ["type": "string", "minLength": 1]
    return .object([
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "recipe.schema.json",
      "title": "XSPress recipe",
      "$comment": "Made from the table of fields in Sources/Recipes by `make documents`.",
      "type": "object",
      "properties": [
        "schema": ["const": .string(Recipe.schema)],
        "meaning": ["type": "integer", "minimum": 1],
        "settings": [
          "type": "object",
          "properties": .object(JSONObject(Field.all.map { ($0.key, text) })),
          "additionalProperties": false,
        ],
      ],
      "required": ["schema", "meaning", "settings"],
    ])
  }
}
