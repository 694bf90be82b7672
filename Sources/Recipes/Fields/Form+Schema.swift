package import JSON

extension Form {
  /// The JSON Schema of a value.
  ///
  /// JSON has no quotes of YAML and no difference of `16` and `16.0`; what it lets pass that the reader refuses is listed
  /// in `golden/documents/README.md`.
  package var schema: JSONValue {
    switch self {
    case .word(let words): Form.choice(words)
    case .words(let words):
      .object(["type": "array", "items": Form.choice(words), "uniqueItems": true])
    case .modules:
      .object(["type": "array", "items": Form.text, "minItems": 1, "uniqueItems": true])
    case .integer(let range): Form.integer(range)
    case .number(let range):
      .object([
        "type": "number", "minimum": .number(range.lowerBound),
        "maximum": .number(range.upperBound),
      ])
    case .truth: .object(["type": "boolean"])
    case .size: .object(["anyOf": [Form.integer(1...Int.max), Form.size(unit: "?")]])
    case .rank:
      .object([
        "anyOf": [
          Form.integer(0...1_000_000),
          ["type": "string", "pattern": "^[1-9][0-9]{0,6}x[1-9][0-9]{0,6}$"],
        ]
      ])
    case .pairs(let range): .object(["anyOf": [Form.integer(range), Form.size(unit: "")]])
    case .examples, .file: Form.text
    case .share(let range):
      .object(["anyOf": [Form.number(range).schema, Form.text]])
    }
  }

  private static let text: JSONValue = ["type": "string", "minLength": 1]

  private static func choice(_ words: [String]) -> JSONValue {
    .object(["enum": .array(words.map { .string($0) })])
  }

  private static func integer(_ range: ClosedRange<Int>) -> JSONValue {
    .object([
      "type": "integer", "minimum": .integer(range.lowerBound),
      "maximum": .integer(range.upperBound),
    ])
  }

  /// A size; `unit` says how often it has one, as in a regular expression.
  private static func size(unit: String) -> JSONValue {
    .object([
      "type": "string",
      "pattern": .string("^[0-9]+([.][0-9]{1,3})?([KkMmGg][Ii]?[Bb]|[Bb])\(unit)$"),
    ])
  }
}
