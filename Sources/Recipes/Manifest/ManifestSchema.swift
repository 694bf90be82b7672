package import JSON

/// The JSON Schema of manifests, made from the fields (`formats/manifest.schema.json`).
package enum ManifestSchema {
  /// The document.
  package static var document: JSONValue {
    .object([
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "$id": "manifest.schema.json",
      "title": "XSPress manifest",
      "$comment": "Made from the table of fields in Sources/Recipes by `make documents`.",
      "type": "object",
      "properties": [
        "schema": ["const": .string(Manifest.schema)],
        "bases": bases,
        "defaults": object(options),
        "presets": [
          "type": "object",
          "additionalProperties": object([("bases", bases), ("defaults", object(options))]),
        ],
        "adapters": ["type": "array", "minItems": 1, "items": adapter],
      ],
      "required": ["schema", "bases", "adapters"],
      "additionalProperties": false,
      "$defs": .object(JSONObject(definitions)),
    ])
  }

  private static var bases: JSONValue {
    [
      "type": "object", "minProperties": 1,
      "additionalProperties": [
        "type": "object", "properties": ["path": path], "required": ["path"],
        "additionalProperties": false,
      ],
    ]
  }

  private static let path: JSONValue = ["type": "string", "minLength": 1]

  /// An adapter: its place, and any options.
  private static var adapter: JSONValue {
    let name: JSONValue = ["type": "string", "pattern": "^[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,199}$"]
    let places: [(String, JSONValue)] = [("path", path), ("glob", path), ("name", name)]
    var members = object(places + options).objectValue?.members.map { ($0.key, $0.value) } ?? []
    let scratch: JSONValue = [
      "required": ["scratch"], "properties": ["scratch": ["type": "object"]],
    ]
    let nameless: JSONValue = ["not": ["required": ["name"]]]
    members.append(("oneOf", [["required": ["path"]], ["required": ["glob"]], scratch]))
    members.append(
      ("not", ["anyOf": [["required": ["glob", "name"]], ["allOf": [scratch, nameless]]]]))
    return .object(JSONObject(members))
  }

  /// Options of §4 by key, each a reference to its definition.
  private static var options: [(String, JSONValue)] {
    (["base"] + Field.topLevelKeys).map { key in
      (key, ["$ref": .string("#/$defs/\(key)")])
    }
  }

  /// Null takes a default away, everywhere.
  private static var definitions: [(String, JSONValue)] {
    var values: [(String, JSONValue)] = [("base", optional(path))]
    for field in Field.all where field.section == nil {
      values.append((field.key, optional(described(field))))
    }
    for section in Field.sections {
      let fields = Field.all.filter { $0.section == section }
      values.append(
        (section, optional(object(fields.map { ($0.name, optional(described($0))) }))))
    }
    return values
  }

  private static func described(_ field: Field) -> JSONValue {
    let members = field.form.schema.objectValue?.members.map { ($0.key, $0.value) } ?? []
    return .object(
      JSONObject(members + [("description", .string(field.help.replacing("`", with: "")))]))
  }

  private static func optional(_ schema: JSONValue) -> JSONValue {
    ["anyOf": [schema, ["type": "null"]]]
  }

  private static func object(_ properties: [(String, JSONValue)]) -> JSONValue {
    .object([
      "type": "object", "properties": .object(JSONObject(properties)),
      "additionalProperties": false,
    ])
  }
}
