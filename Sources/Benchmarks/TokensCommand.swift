import ArgumentParser
import Checkpoints
import Evaluation
import Files
import Foundation
import JSON
import Tokenizers

/// Writes the token ids of examples, so that both sides of `step` see the same.
struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens", abstract: "Writes examples as token ids, JSON.")

  @Option var base: String
  @Option var data: String
  @Option var examples = 16
  @Option(name: .shortAndLong) var output: String

  func run() throws {
    let checkpoint = try BaseCheckpoint.open(base)
    let tokenized = try DataSet(path: data, limit: examples).tokenized(
      by: try Tokenizer(base: checkpoint),
      for: checkpoint.configuration)
    let list = JSONValue.array(
      tokenized.map {
        .object([
          "prompt": .array($0.prompt.map { .integer(Int64($0)) }),
          "completion": .array($0.completion.map { .integer(Int64($0)) }),
        ])
      })
    try Data(list.bytes()).write(to: URL(fileURLWithPath: output))
  }

  /// What ``run()`` wrote.
  static func read(_ path: String) throws -> [TokenizedExample] {
    let value = try JSONValue.parse(try InputFile(path).readAll(limit: 1 << 28))
    return try JSONField(value, code: "BENCH-TOKENS").array().map { example in
      TokenizedExample(
        prompt: try example["prompt"].array().map { Int32(try $0.int(in: 0...Int(Int32.max))) },
        completion: try example["completion"].array().map {
          Int32(try $0.int(in: 0...Int(Int32.max)))
        })
    }
  }
}
