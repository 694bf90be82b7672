import Adapters
package import Bases

/// How values of a type are written and read.
package struct Notation<Value: Sendable>: Sendable {
  /// What is allowed.
  package let form: Form
  /// The value that texts stand for, one unless the form is a list; nil where they are none.
  package let read: @Sendable ([String]) -> Value?
  /// The value as a text that reads back the same.
  package let write: @Sendable (Value) -> String

  private init(
    _ form: Form, one read: @escaping @Sendable (String) -> Value?,
    write: @escaping @Sendable (Value) -> String
  ) {
    self.init(form, read: { $0.count == 1 ? read($0[0]) : nil }, write: write)
  }

  private init(
    _ form: Form, read: @escaping @Sendable ([String]) -> Value?,
    write: @escaping @Sendable (Value) -> String
  ) {
    self.form = form
    self.read = read
    self.write = write
  }
}

extension Notation where Value: RawRepresentable<String> & CaseIterable {
  /// One of the type's words, or of some of them.
  package static func word(_ words: [Value] = Array(Value.allCases)) -> Notation {
    Notation(
      .word(words.map(\.rawValue)),
      one: { text in words.first { $0.rawValue == text } }, write: { $0.rawValue })
  }
}

extension Notation {
  /// A list of the type's words, each once.
  package static func words<Word>() -> Notation
  where Value == [Word], Word: RawRepresentable<String> & CaseIterable & Hashable & Sendable {
    Notation(
      .words(Word.allCases.map(\.rawValue)),
      read: { texts in
        let words = texts.compactMap(Word.init(rawValue:))
        return words.count == texts.count && Set(words).count == words.count ? words : nil
      }, write: { $0.map(\.rawValue).joined(separator: " ") })
  }
}

extension Notation<[String]> {
  /// Names or expressions of modules, without blanks, each once.
  package static let modules = Notation(
    .modules,
    read: { texts in
      let areWords = texts.allSatisfy { !$0.isEmpty && !$0.contains(where: \.isWhitespace) }
      guard !texts.isEmpty, areWords, Set(texts).count == texts.count,
        (try? TargetModules(texts)) != nil
      else { return nil }
      return texts
    }, write: { $0.joined(separator: " ") })
}

extension Notation {
  /// A value that may be absent: then it has no text.
  package static func optional<Wrapped>(_ notation: Notation<Wrapped>) -> Notation
  where Value == Wrapped? {
    Notation(
      notation.form, read: { notation.read($0).map { .some($0) } },
      write: { $0.map(notation.write) ?? "" })
  }
}

extension Notation<Int> {
  /// A whole number in digits; `16.0` and `0x10` are none.
  package static func integer(_ range: ClosedRange<Int>) -> Notation {
    Notation(.integer(range), one: { digits($0, in: range) }, write: { "\($0)" })
  }

  /// Bytes.
  package static let size = Notation(
    .size, one: { try? ByteSize.parse($0) }, write: { "\($0)" })

  fileprivate static func digits(_ text: String, in range: ClosedRange<Int>) -> Int? {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
      let value = Int(text), range.contains(value)
    else { return nil }
    return value
  }
}

extension Notation<UInt64> {
  /// A seed; what both command line and manifest can write.
  package static let seed = Notation(
    .integer(0...Int.max),
    one: { Notation<Int>.digits($0, in: 0...Int.max).map(UInt64.init) }, write: { "\($0)" })
}

extension Notation<Double> {
  /// A finite decimal number.
  package static func number(_ range: ClosedRange<Double>) -> Notation {
    Notation(.number(range), one: { decimal($0, in: range) }, write: { "\($0)" })
  }

  fileprivate static func decimal(_ text: String, in range: ClosedRange<Double>) -> Double? {
    guard text.utf8.allSatisfy({ "0123456789.+-eE".utf8.contains($0) }), let value = Double(text),
      range.contains(value)
    else { return nil }
    return value
  }
}

extension Notation<Bool> {
  /// `true` or `false`; YAML 1.1's `yes`, `on` and their kin are neither.
  package static let truth = Notation(
    .truth, one: { ["true": true, "false": false][$0] }, write: { "\($0)" })
}

extension Notation<LatentRank> {
  /// Directions a side.
  package static let rank = Notation(.rank, one: { LatentRank($0) }, write: { "\($0)" })
}

extension Notation<Recipe.Residual.Size> {
  /// Pairs of vectors or bytes of them.
  package static let pairs = Notation(
    .pairs(Recipe.Residual.Size.pairCounts), one: { Recipe.Residual.Size($0) },
    write: { "\($0)" })
}

extension Notation<String> {
  /// The path of a file.
  package static let file = Notation(.file, one: { $0.isEmpty ? nil : $0 }, write: { $0 })
}

extension Notation<Recipe.Examples> {
  /// A file of examples, or `self`.
  package static let examples = Notation(
    .examples,
    one: {
      $0.isEmpty ? nil : $0 == "self" ? .own(limit: nil) : Recipe.Examples(path: $0, limit: nil)
    },
    write: { $0.path ?? "self" })
}

extension Notation<Recipe.Data> {
  /// A file of examples.
  package static let data = Notation(
    .file, one: { $0.isEmpty ? nil : Recipe.Data(path: $0) }, write: { $0.path })
}

extension Notation<Recipe.Validation> {
  /// A share below 0.9 of the training examples, or a file; what reads as a number is no file.
  package static let validation = Notation(
    .share(0...0.9),
    one: { text in
      if text.isEmpty { return nil }
      if Double(text) == nil { return .file(Recipe.Data(path: text)) }
      return Notation<Double>.decimal(text, in: 0...0.9).map { .fraction($0) }
    },
    write: {
      switch $0 {
      case .fraction(let share): "\(share)"
      case .file(let data): data.path
      }
    })
}
