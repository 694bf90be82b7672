import Checkpoints
import Faults
import Files
import JSON
import Tokenizers

/// `tokenizer`: ids of texts, and texts of ids (`formats/golden.md` §4.2).
enum TokenizerCase {
  private struct Example {
    var text: String
    var ids: [Int32]
    var decoded: String?
  }

  private static let sizeLimit = 64 << 20

  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let tokenizer = try Self.tokenizer(context)
    let addsSpecial = try golden.parameters["addSpecial"].bool()
    let examples =
      context.optionalPath("texts") == nil
      ? try listed(golden.expected["examples"]) : try published(context)
    var wrongIDs = 0
    var wrongTexts = 0
    for example in examples {
      let ids = tokenizer.encode(example.text, addSpecial: addsSpecial)
      wrongIDs += ids == example.ids ? 0 : 1
      if let decoded = example.decoded {
        wrongTexts +=
          tokenizer.decode(example.ids, isWhole: true).elementsEqual(decoded.utf8) ? 0 : 1
      }
    }
    guard !examples.isEmpty else { return .measured([]) }
    var measurements = [Measurement.exact("texts to ids", differences: wrongIDs)]
    if examples.contains(where: { $0.decoded != nil }) {
      measurements.append(.exact("ids to texts", differences: wrongTexts))
    }
    return .measured(measurements)
  }

  private static func tokenizer(_ context: CaseContext) throws(Fault) -> Tokenizer {
    guard let path = context.optionalPath("tokenizer") else {
      return try Tokenizer(base: try context.workshop.base(try context.path("base")))
    }
    guard path.hasSuffix(".json") else {
      return try Tokenizer(checkpoint: try Checkpoint.open(path))
    }
    return try Tokenizer(tokenizerJSON: path)
  }

  private static func listed(_ field: JSONField) throws(Fault) -> [Example] {
    var examples: [Example] = []
    for row in try field.array() {
      examples.append(
        Example(
          text: try row["text"].string(), ids: try Numbers.tokens(row["ids"]),
          decoded: row["decoded"].isPresent ? try row["decoded"].string() : nil))
    }
    return examples
  }

  /// llama.cpp's pair of files: blocks of text, each ended by a separator, and a line of ids each.
  private static func published(_ context: CaseContext) throws(Fault) -> [Example] {
    let golden = context.golden
    let separator = Array(try golden.parameters["separator"].string().utf8)
    let bytes = try InputFile(try context.path("texts")).readAll(limit: sizeLimit)
    let lines = try InputFile(try context.path("ids")).readAll(limit: sizeLimit)
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let texts = blocks(bytes, endedBy: separator)
    let count = try golden.expected["count"].int()
    guard texts.count == count, lines.count >= count else {
      throw Fault(
        .badData, "GV-VECTORS",
        "\(texts.count) texts and \(lines.count) lines of ids, the case says \(count)")
    }
    var excluded: Set<Int> = []
    if golden.expected["excluded"].isPresent {
      for row in try golden.expected["excluded"].array() {
        _ = try row["reason"].string()
        excluded.insert(try row["index"].int())
      }
    }
    var examples: [Example] = []
    for (index, text) in texts.enumerated() where !excluded.contains(index) {
      var ids: [Int32] = []
      for word in lines[index].split(separator: UInt8(ascii: " ")) {
        guard let id = Int32(String(decoding: word, as: UTF8.self)) else {
          throw Fault(.badData, "GV-VECTORS", "line \(index + 1) of ids is not a list of integers")
        }
        ids.append(id)
      }
      guard let text = String(validating: text, as: UTF8.self) else {
        throw Fault(.badData, "GV-VECTORS", "text \(index + 1) is not UTF-8")
      }
      examples.append(Example(text: text, ids: ids))
    }
    return examples
  }

  private static func blocks(_ bytes: [UInt8], endedBy separator: [UInt8]) -> [ArraySlice<UInt8>] {
    guard !separator.isEmpty else { return [] }
    var blocks: [ArraySlice<UInt8>] = []
    var start = 0
    var index = 0
    while index + separator.count <= bytes.count {
      if bytes[index..<index + separator.count].elementsEqual(separator) {
        blocks.append(bytes[start..<index])
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    return blocks
  }
}
