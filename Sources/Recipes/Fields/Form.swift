/// What kind of value a field has, whoever writes it: from it come the schema, the help and the refusals.
package enum Form: Sendable, Hashable {
  /// One of a few words.
  case word([String])
  /// A list of some of a few words, each once; on the command line the option is repeated.
  case words([String])
  /// A list of names or expressions of modules, each once; on the command line the option is repeated.
  case modules
  /// A whole number.
  case integer(ClosedRange<Int>)
  /// A finite number.
  case number(ClosedRange<Double>)
  /// `true` or `false`; on the command line the option alone.
  case truth
  /// Bytes, with a unit or without.
  case size
  /// `16`, `32x8` or `0`.
  case rank
  /// A number of pairs or a size with its unit.
  case pairs(ClosedRange<Int>)
  /// A JSONL file, or `self` for the model's own texts.
  case examples
  /// A file.
  case file
  /// A share of the training examples, or a file.
  case share(ClosedRange<Double>)

  /// Whether a value can name a file.
  package var namesFile: Bool {
    switch self {
    case .examples, .file, .share: true
    default: false
    }
  }

  /// Whether a value is a list.
  package var isList: Bool {
    switch self {
    case .words, .modules: true
    default: false
    }
  }

  /// What a value must be, to follow "is not" in a refusal.
  package var expectation: String {
    switch self {
    case .word(let words): "one of \(words.joined(separator: ", "))"
    case .words(let words): "a list of \(words.joined(separator: ", ")), each once"
    case .modules: "a list of names or expressions of modules, each once"
    case .integer(let range):
      "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .truth: "true or false"
    case .size: "a size such as 64KB, 1.5MB, 512KiB or 800"
    case .rank: "a whole number such as 16 or two such as 32x8"
    case .pairs(let range):
      "a number of pairs up to \(range.upperBound) or a size such as 64KB"
    case .examples: "a file, or self"
    case .file: "a file"
    case .share(let range): "a share from \(range.lowerBound) to \(range.upperBound) or a file"
    }
  }

  /// What stands for a value in help: `--rank RANK`.
  package var placeholder: String {
    switch self {
    case .word, .words: "word"
    case .modules: "module"
    case .integer, .number: "n"
    case .truth: ""
    case .size: "size"
    case .rank: "rank"
    case .pairs: "pairs-or-size"
    case .examples, .file: "file"
    case .share: "share-or-file"
    }
  }

  /// The values in a few words, for the page and for help.
  package var summary: String {
    switch self {
    case .word(let words), .words(let words): words.joined(separator: ", ")
    case .modules: "q_proj, .*mlp.*"
    case .integer(let range):
      range.upperBound == .max
        ? "\(range.lowerBound)…" : "\(range.lowerBound)…\(range.upperBound)"
    case .number(let range): "\(range.lowerBound)…\(range.upperBound)"
    case .truth: "true, false"
    case .size: "size"
    case .rank: "16, 32x8"
    case .pairs: "2, 64KB"
    case .examples: "file, self"
    case .file: "file"
    case .share(let range): "\(range.lowerBound)…\(range.upperBound), file"
    }
  }
}
