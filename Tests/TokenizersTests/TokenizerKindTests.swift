import Checkpoints
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// Tokenizers of every kind against Hugging Face's library and SentencePiece (golden/tokenizer/kinds).
@Suite struct TokenizerKindTests {
  private static let folder = "golden/tokenizer/kinds"

  private static func json(_ name: String) throws -> JSONValue {
    try JSONValue.parse(
      InputFile(Checkout.path("\(folder)/\(name)")).readAll(limit: 1 << 20))
  }

  private static func lines(_ name: String, without skipped: JSONValue? = nil) throws -> [String] {
    let skipped = Set((skipped?.arrayValue ?? []).compactMap(\.intValue))
    return try InputFile(Checkout.path("\(folder)/\(name).jsonl")).readAll(limit: 1 << 20)
      .split(separator: 0x0a).enumerated().compactMap { index, row in
        skipped.contains(index) ? nil : try JSONValue.parse(Array(row)).stringValue
      }
  }

  /// SHA-256 of lists of numbers, each with its length in front.
  private static func digest(_ lists: [[Int32]]) -> String {
    var hasher = SHA256Hasher()
    for list in lists {
      for number in [Int32(list.count)] + list {
        hasher.update(withUnsafeBytes(of: number.littleEndian) { Array($0) })
      }
    }
    return hasher.finalize().hex
  }

  private static func digest(texts: [[UInt8]]) -> String {
    var hasher = SHA256Hasher()
    for text in texts { hasher.update(text + [0]) }
    return hasher.finalize().hex
  }

  @Test(arguments: [
    "roberta", "neox", "phi4", "falcon", "starcoder", "deepseek", "partial", "gemma", "unigram",
    "unigram-bytes", "bert", "bert-cased", "words", "clip", "continuing",
  ])
  func agreesWithTheLibrary(_ kind: String) throws {
    let tokenizer = try Tokenizer(
      tokenizerJSON: Checkout.path("\(Self.folder)/\(kind).json"))
    let answer = try #require(Self.json("answers.json")["kinds"]?[kind])
    let lines = try Self.lines("lines", without: answer["skipped"])
    #expect(lines.count > 700)
    let ids = lines.map { tokenizer.encode($0, addSpecial: true) }
    #expect(ids.map(\.count).reduce(0, +) == answer["tokens"]?.intValue)
    #expect(Self.digest(ids) == answer["sha256"]?.stringValue)
    let plain = lines.map { tokenizer.encode($0) }
    #expect(Self.digest(plain) == answer["plain"]?.stringValue)
    var pairs: [[Int32]] = []
    for index in stride(from: 0, to: lines.count - 1, by: 2) {
      let pair = tokenizer.encode(lines[index], pairedWith: lines[index + 1])
      pairs += [pair.ids, pair.types]
    }
    #expect(Self.digest(pairs) == answer["pairs"]?.stringValue)
    if let decoded = answer["decoded"]?.stringValue {
      // Bytes that are no whole characters are replaced as in the library.
      let texts = plain.suffix(300).map {
        Array(String(decoding: tokenizer.decode($0, isWhole: true), as: UTF8.self).utf8)
      }
      #expect(Self.digest(texts: texts) == decoded)
    }
  }

  /// Where every pre-tokenizer cuts, and what every normalizer makes.
  @Test func everyStepAgreesWithTheLibrary() throws {
    let answers = try Self.json("answers.json")
    let probe = try Self.json("probe.json")
    let lines = try Self.lines("lines")
    let splitters = try #require(answers["splitters"]?.arrayValue)
    let normalizers = try #require(answers["normalizers"]?.arrayValue)
    #expect(splitters.count > 50 && normalizers.count > 30)
    for answer in splitters {
      let tokenizer = try Self.changed(probe, "pre_tokenizer", answer["step"])
      #expect(
        Self.digest(lines.map { tokenizer.encode($0) }) == answer["sha256"]?.stringValue,
        "\(answer["name"]?.stringValue ?? "")")
    }
    for answer in normalizers {
      let tokenizer = try Self.changed(probe, "normalizer", answer["step"])
      let kept = try Self.lines("lines", without: answer["skipped"])
      #expect(
        Self.digest(texts: kept.map { tokenizer.normalized($0) }) == answer["sha256"]?.stringValue,
        "\(answer["name"]?.stringValue ?? "")")
    }
  }

  private static func changed(
    _ root: JSONValue, _ key: String, _ step: JSONValue?
  ) throws -> Tokenizer {
    guard case .object(var object) = root else { throw CocoaError(.featureUnsupported) }
    object[key] = step
    let text = JSONValue.object(object).text()
    return try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "tokenizer.json")
      try AtomicFile.write(path, text: text)
      return try Tokenizer(tokenizerJSON: path)
    }
  }

  /// Added tokens with every combination of flags.
  @Test func flagsAgreeWithTheLibrary() throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Checkout.path("\(Self.folder)/flags.json"))
    let answer = try #require(Self.json("answers.json")["flags"])
    let lines = try Self.lines("flag-lines")
    #expect(lines.count == answer["lines"]?.intValue)
    #expect(Self.digest(lines.map { tokenizer.encode($0) }) == answer["sha256"]?.stringValue)
  }

  /// A trained vocabulary as a GGUF file holds it.
  @Test func agreesWithSentencePiece() throws {
    let answer = try #require(Self.json("answers.json")["sentencepiece"])
    var vocabulary = TokenizerVocabulary(
      model: "t5", preTokenizer: "default",
      tokens: (answer["pieces"]?.arrayValue ?? []).map { Array(($0.stringValue ?? "").utf8) },
      tokenTypes: (answer["types"]?.arrayValue ?? []).map { Int32($0.intValue ?? 0) }, merges: [],
      endOfSequence: 2, addsEndOfSequence: false,
      scores: (answer["scores"]?.arrayValue ?? []).map { Float($0.doubleValue ?? 0) }, unknown: 0)
    let map = try #require(Data(base64Encoded: answer["charsmap"]?.stringValue ?? ""))
    vocabulary.characterMap = Array(map)
    vocabulary.removesExtraSpaces = true
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    // SentencePiece knows no special tokens in text.
    let lines = try Self.lines("lines").filter { !$0.utf8.contains(0x3c) }
    #expect(lines.count == answer["lines"]?.intValue)
    #expect(Self.digest(lines.map { tokenizer.encode($0) }) == answer["sha256"]?.stringValue)
    vocabulary.addsEndOfSequence = nil
    #expect(try Tokenizer(vocabulary: vocabulary).encode("", addSpecial: true) == [2])
  }

  /// The library's classes of characters, some of older versions of Unicode.
  @Test(
    arguments: [
      ("punctuation", CharacterClass.punctuation), ("number", .number), ("space", .space),
      ("word", .word), ("control", .control), ("mark", .mark),
      ("nonspacingMark", .nonspacingMark), ("chinese", .chinese),
    ])
  func characterClassesAgree(_ name: String, _ characters: CharacterClass) throws {
    let rows = try #require(Self.json("characters.json")[name]?.arrayValue)
    let ranges = rows.map { ($0.arrayValue ?? []).compactMap(\.intValue) }
    let expected = Set(ranges.flatMap { UInt32($0[0])...UInt32($0[1]) })
    var differing: [String] = []
    for value in UInt32(0)...0x10ffff {
      guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age, age.major <= 14,
        scalar.properties.generalCategory != .unassigned
      else { continue }
      if characters.contains(value) != expected.contains(value) {
        differing.append(String(value, radix: 16))
      }
    }
    #expect(differing.isEmpty)
  }
}
