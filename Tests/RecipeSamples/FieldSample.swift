package import Recipes

/// A value that is not a field's default, and what else it needs to mean something.
package struct FieldSample: Sendable, CustomStringConvertible {
  package let field: Field
  /// The texts of the value.
  package let texts: [String]
  /// Other fields beside it.
  let companions: [String: String]

  /// Beside what a field is given; a rank and training examples where nothing is said here.
  private static let companions: [String: [String: String]] = [
    "rank": [:], "budget": [:], "min_retained": [:], "artifact": [:],
    "residual_store": ["residual": "2"], "tune.residual": ["residual": "2"],
    "evaluate.limit": ["evaluate.data": "e.jsonl"], "evaluate.skip": ["evaluate.data": "e.jsonl"],
    "evaluate.precision": ["evaluate.data": "e.jsonl"],
    "form": ["budget": "64KB"], "allocation": ["budget": "64KB"],
    "below_minimum": ["min_retained": "0.9"],
  ]
  /// Values that no rule of the form gives.
  private static let values: [String: String] = [
    // Own directions have no rank; examples calibrate where the method is not what they make it.
    "directions": "top", "method": "projected", "tune.init": "zero", "evaluate.data": "e.jsonl",
  ]

  /// A sample for one command's options; a manifest without `tune` has those of `convert`.
  init(_ field: Field, _ command: Field.Command) {
    self.field = field
    var companions = FieldSample.companions[field.key] ?? ["rank": "4"]
    if FieldSample.companions[field.key] != nil,
      field.group != .size || field.key == "residual_store"
    {
      companions["rank"] = "4"
    }
    if command == .tune { companions["tune.data"] = field.section == "self" ? "self" : "t.jsonl" }
    if command == .convert, field.key != "calibrate.data" {
      if field.section == "self" { companions["calibrate.data"] = "self" }
      if ["calibrate.limit", "calibrate.model", "method"].contains(field.key) {
        companions["calibrate.data"] = "c.jsonl"
      }
    }
    companions[field.key] = nil
    self.companions = companions
    let value = FieldSample.values[field.key] ?? FieldSample.value(field)
    switch field.form {
    case .words: texts = ["zero", "top"]
    case .modules: texts = ["q_proj", ".*v_proj"]
    default: texts = [value]
    }
  }

  private static func value(_ field: Field) -> String {
    switch field.form {
    case .word(let words), .words(let words): words.last { $0 != field.standard } ?? ""
    case .modules: "q_proj"
    case .integer(let range): "\(range.lowerBound + 2)"
    case .number(let range): "\(min(range.lowerBound + 0.125, range.upperBound))"
    case .truth: "true"
    case .size: "12KB"
    case .rank: "6x3"
    case .pairs: "3"
    case .examples, .file: "f.jsonl"
    case .share: "0.25"
    }
  }

  /// Whether it is of jobs without an adapter.
  private var isFromScratch: Bool { field.section == "scratch" }

  /// The command line, without a command and the paths of base and result.
  package func arguments() -> [String] {
    var out = isFromScratch ? [] : ["--adapter", "a"]
    for (key, text) in companions.sorted(by: { $0.key < $1.key }) {
      out += Field.byKey[key].map { ["--\($0.flag)", text] } ?? []
    }
    for text in texts {
      out += field.form == .truth ? ["--\(field.flag)"] : ["--\(field.flag)", text]
    }
    return out
  }

  /// The same by key.
  package func commandLine() -> [String: [String]] {
    var out = companions.mapValues { [$0] }
    out[field.key] = texts
    return out
  }

  /// The value as a manifest has it.
  package var written: String {
    field.form.isList ? "[\(texts.joined(separator: ", "))]" : texts[0]
  }

  /// The field's name.
  package var description: String { "\(field.key) \(written)" }

  /// The same as an entry of a manifest.
  package func entry(name: String) -> String {
    var sections: [String: [String]] = [:]
    var pairs = (isFromScratch ? [] : ["path: a"]) + ["name: \(name)"]
    var values = companions
    values[field.key] = written
    for (key, text) in values.sorted(by: { $0.key < $1.key }) {
      guard let field = Field.byKey[key] else { continue }
      let pair = "\(field.name): \(text)"
      if let section = field.section {
        sections[section, default: []].append(pair)
      } else {
        pairs.append(pair)
      }
    }
    pairs += sections.sorted { $0.key < $1.key }.map {
      "\($0.key): {\($0.value.joined(separator: ", "))}"
    }
    return "  - {\(pairs.joined(separator: ", "))}\n"
  }

  /// One sample for each field and each command that has it.
  package static let all: [(command: Field.Command, sample: FieldSample)] = Field.all.flatMap {
    field in
    field.commands.map { ($0, FieldSample(field, $0)) }
  }
}
