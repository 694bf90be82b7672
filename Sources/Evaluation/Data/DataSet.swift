public import Faults
public import Files
import JSON

/// The examples of one JSONL file (`formats/data.md`).
public struct DataSet: Sendable {
  /// The file.
  public let path: String
  /// Digest of the whole file.
  public let digest: SHA256Digest
  /// The examples read, in file order.
  public let examples: [Example]

  /// Files above this size are refused rather than held in memory.
  private static let byteLimit = 1 << 30

  /// Reads the first `limit` examples, or all.
  ///
  /// - Throws: `DATA-*` faults naming the line: not JSON, a missing or mistyped field, an answer outside the
  ///   choices, an empty completion; `DATA-EMPTY` where no example is left.
  public init(path: String, limit: Int? = nil) throws(Fault) {
    self.path = path
    let bytes = try InputFile(path).readAll(limit: DataSet.byteLimit)
    digest = SHA256Digest.of(bytes)
    var examples: [Example] = []
    var lineNumber = 0
    for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
      lineNumber += 1
      if let limit, examples.count >= limit { break }
      guard line.contains(where: { $0 > 0x20 }) else { continue }
      do throws(Fault) {
        examples.append(try DataSet.example(JSONValue.parse(Array(line))))
      } catch {
        throw Fault(
          error.kind, error.code.hasPrefix("DATA") ? error.code : "DATA-JSON",
          "line \(lineNumber): \(error.reason)", path: path)
      }
    }
    guard !examples.isEmpty else {
      throw Fault(.badData, "DATA-EMPTY", "no example in the file", path: path)
    }
    self.examples = examples
  }

  private static func example(_ value: JSONValue) throws(Fault) -> Example {
    let line = JSONField(value, code: "DATA-FIELD")
    let prompt = try line["prompt"].string()
    guard line["choices"].isPresent else {
      let completion = try line["completion"].string()
      guard !completion.isEmpty else { throw line["completion"].fault("is empty") }
      return Example(prompt: prompt, target: .completion(completion))
    }
    guard !line["completion"].isPresent else {
      throw line["completion"].fault("stands beside \"choices\"")
    }
    var texts: [String] = []
    for choice in try line["choices"].array() { texts.append(try choice.string()) }
    guard texts.count >= 2, texts.allSatisfy({ !$0.isEmpty }) else {
      throw line["choices"].fault("needs two or more non-empty texts")
    }
    let answer = try line["answer"].int(in: 0...texts.count - 1)
    return Example(prompt: prompt, target: .choices(texts, answer: answer))
  }
}
