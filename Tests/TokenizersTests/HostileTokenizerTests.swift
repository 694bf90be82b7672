import Checkpoints
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// Files that mean harm get one clear line, and no text makes a tokenizer trap or hang.
@Suite struct HostileTokenizerTests {
  private static let kinds = [
    "roberta", "neox", "phi4", "falcon", "deepseek", "partial", "gemma", "unigram",
    "unigram-bytes", "bert", "words", "clip", "continuing", "flags",
  ]

  private static func json(_ kind: String) throws -> JSONValue {
    try JSONValue.parse(
      InputFile(Checkout.path("golden/tokenizer/kinds/\(kind).json")).readAll(limit: 1 << 20))
  }

  private static func load(_ text: String) throws -> Result<Tokenizer, Fault> {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "tokenizer.json")
      try AtomicFile.write(path, text: text)
      do throws(Fault) {
        return .success(try Tokenizer(tokenizerJSON: path))
      } catch {
        return .failure(error)
      }
    }
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test(arguments: kinds)
  func randomBytesNeverTrap(_ kind: String) throws {
    let tokenizer = try Tokenizer(
      tokenizerJSON: Checkout.path("golden/tokenizer/kinds/\(kind).json"))
    var random = Generator(state: 7)
    for length in [0, 1, 2, 3, 5, 8, 40, 300] {
      for _ in 0..<12 {
        let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = String(decoding: bytes, as: UTF8.self)
        let other = String(decoding: bytes.reversed().map { $0 & 0x7f }, as: UTF8.self)
        for ids in [
          tokenizer.encode(text, addSpecial: true), tokenizer.encode(other, continues: true),
          tokenizer.encode(text, pairedWith: other).ids,
        ] {
          #expect(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularyCount })
          _ = tokenizer.decode(ids, isWhole: true)
        }
        _ = tokenizer.decode(bytes.map { Int32($0) - 3 } + [.min, .max])
      }
    }
  }

  /// Every value of a file replaced by one of another kind: understood or refused, with a line and a code.
  @Test(arguments: kinds)
  func wrongTypesAreRefused(_ kind: String) throws {
    let root = try Self.json(kind)
    let others: [JSONValue] = [nil, true, -1, 1e300, "", [], [:], [["a", "b"]]]
    var refused = 0
    for (index, path) in ChangedJSON.paths(root).enumerated() {
      let changed = ChangedJSON.setting(root, path, others[index % others.count])
      switch try Self.load(changed.text()) {
      case .success(let tokenizer): _ = tokenizer.encode("a B\u{e9}1 <mask>", addSpecial: true)
      case .failure(let fault):
        refused += 1
        #expect(!fault.reason.isEmpty && !fault.reason.contains("\n"), "\(fault)")
        #expect(fault.kind == .badData || fault.kind == .unsupported, "\(fault)")
      }
    }
    #expect(refused > 5)
  }

  /// Tables of replacements that are cut short or lead out of themselves.
  @Test func damagedTablesOfReplacementsAreRefusedOrHarmless() throws {
    let answers = try JSONValue.parse(
      InputFile(Checkout.path("golden/tokenizer/kinds/answers.json")).readAll(limit: 1 << 20))
    let text = answers["sentencepiece"]?["charsmap"]?.stringValue ?? ""
    let map = Array(try #require(Data(base64Encoded: text)))
    var root = try Self.json("probe")
    func fault(_ bytes: [UInt8]) throws -> Fault? {
      root = ChangedJSON.setting(
        root, ["normalizer"],
        [
          "type": "Precompiled",
          "precompiled_charsmap": .string(Data(bytes).base64EncodedString()),
        ])
      switch try Self.load(root.text()) {
      case .success(let tokenizer):
        for text in ["", "a\u{ff21}\u{2026}", "\u{ad}e\u{301}", "\r\n\0x"] {
          _ = tokenizer.encode(text)
        }
        return nil
      case .failure(let fault): return fault
      }
    }
    #expect(try fault(map) == nil)
    for count in [0, 3, 4, 5, map.count / 2] {
      #expect(try fault(Array(map.prefix(count)))?.code == "TK-CHARSMAP")
    }
    var random = Generator(state: 3)
    for _ in 0..<60 {
      var damaged = map
      for _ in 0..<40 {
        damaged[Int.random(in: 4..<map.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      #expect(try fault(damaged) == nil)
    }
  }

  /// Scores that are no numbers.
  @Test func scoresAreFinite() throws {
    let text = try Self.json("unigram").text().replacing("[\"<s>\",0", with: "[\"<s>\",1e999")
    guard case .failure(let fault) = try Self.load(text) else {
      throw CocoaError(.featureUnsupported)
    }
    #expect(fault.kind == .badData)
    for model in ["llama", "t5"] {
      let vocabulary = TokenizerVocabulary(
        model: model, preTokenizer: nil, tokens: [[0x61], [0x62], [0x63]], merges: [],
        scores: [0, .nan, 1])
      #expect(
        TokenizersTests.fault { _ = try Tokenizer(vocabulary: vocabulary) }?.code == "TK-SCORE")
    }
  }

  /// Sequences in sequences, as deep as the reader lets them be, and more steps than any model has.
  @Test func nestedStepsAreBounded() throws {
    let root = try Self.json("probe")
    for depth in [40, 20_000] {
      let step =
        String(repeating: #"{"type":"Sequence","normalizers":["#, count: depth)
        + #"{"type":"NFC"}"# + String(repeating: "]}", count: depth)
      let text = ChangedJSON.setting(root, ["normalizer"], "STEP").text().replacing(
        "\"STEP\"", with: step)
      let result = try Self.load(text)
      if depth > 1000, case .success = result { Issue.record("nested \(depth) deep") }
    }
    let many = JSONValue.array([JSONValue](repeating: ["type": "NFC"], count: 100))
    let text = ChangedJSON.setting(
      root, ["normalizer"], ["type": "Sequence", "normalizers": many]
    ).text()
    guard case .failure(let fault) = try Self.load(text) else {
      throw CocoaError(.featureUnsupported)
    }
    #expect(fault.code == "TK-JSON" && fault.kind == .unsupported)
  }

  /// Expressions that take exponential time elsewhere.
  @Test(arguments: ["(a+)+$", "(a|a)*b", "(a*)*c", "(?:a?){24}a{24}", "(a|ab)(bc|c)*d|.", "()*|x"])
  func expressionsTakeLinearTime(_ pattern: String) throws {
    let root = ChangedJSON.setting(
      try Self.json("probe"), ["pre_tokenizer"],
      [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
        "invert": false,
      ])
    guard case .success(let tokenizer) = try Self.load(root.text()) else {
      throw CocoaError(.featureUnsupported)
    }
    let text = String(repeating: "a", count: 3000) + "!"
    let ids = tokenizer.encode(text)
    #expect(ids.count >= 1)
  }
}
