import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// The lines of golden/tokenizer/lines and of the demo data, and the digests of their ids.
enum TokenizerLines {
  static func answers() throws -> JSONValue {
    let path = Checkout.path("golden/tokenizer/lines/digests.json")
    return try JSONValue.parse(InputFile(path).readAll(limit: 1 << 20))
  }

  /// Lines of the random file, or prompts and completions of a demo data set.
  static func read(_ source: String, limit: Int) throws -> [String] {
    let isRandom = source == "random.jsonl"
    let path =
      isRandom ? "golden/tokenizer/lines/random.jsonl" : "golden/data/\(source)/train.jsonl"
    let bytes = try InputFile(Checkout.path(path)).readAll(limit: 1 << 24)
    var lines: [String] = []
    for row in bytes.split(separator: 0x0a) where lines.count < limit {
      let value = try JSONValue.parse(Array(row))
      if let text = value.stringValue {
        lines.append(text)
        continue
      }
      lines.append(value["prompt"]?.stringValue ?? "")
      let choices = value["choices"]?.arrayValue ?? [value["completion"] ?? ""]
      lines += choices.compactMap(\.stringValue)
    }
    return lines
  }

  /// Encodes all lines of `source` and compares with `lines`, `tokens` and `sha256` of `answer`.
  static func expect(
    _ tokenizer: Tokenizer, _ source: String, agreesWith answer: JSONValue,
    addSpecial: Bool = false
  ) throws {
    var hasher = SHA256Hasher()
    var count = 0
    let lines = try read(source, limit: answer["lines"]?.intValue ?? 0)
    for line in lines {
      let ids = tokenizer.encode(line, addSpecial: addSpecial)
      count += ids.count
      for number in [Int32(ids.count)] + ids {
        hasher.update(withUnsafeBytes(of: number.littleEndian) { Array($0) })
      }
    }
    #expect(lines.count == answer["lines"]?.intValue, "\(source)")
    #expect(count == answer["tokens"]?.intValue, "\(source)")
    #expect(hasher.finalize().hex == answer["sha256"]?.stringValue, "\(source)")
  }
}
