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

  /// Reads the first `limit` examples behind the first `skip`, or all of those.
  ///
  /// - Throws: `DATA-*` faults naming the line: not JSON, a missing or mistyped field, an answer outside the
  ///   choices, an empty completion; `DATA-EMPTY` where no example is left.
  public init(path: String, limit: Int? = nil, skip: Int = 0) throws(Fault) {
    self.path = path
    let lines = try JSONLines(path: path, limit: limit, skip: skip) { (line) throws(Fault) in
      try DataSet.example(line)
    }
    digest = lines.digest
    examples = lines.rows
  }

  private static func example(_ line: JSONField) throws(Fault) -> Example {
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
