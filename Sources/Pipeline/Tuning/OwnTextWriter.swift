import Adapters
import Checkpoints
import Evaluation
import Faults
import Files
import JSON
import LinearAlgebra
import Models
import Progress
import Ranks
import Recipes
import Reports
import Sessions
import Training

/// Has the LoRA model write its own calibration and training texts into a data file beside the artifact
/// (`formats/data.md` §5).
///
/// The file's first line names what it was made from; a later run of the same job takes the texts from it.
struct OwnTextWriter {
  let session: BaseSession
  let matched: MatchedAdapter
  let texts: JobRequest.OwnTexts
  let seed: UInt64
  /// The file.
  let path: String

  /// Writes the file unless it is there already; what the record says about it.
  func run(teacher: () throws(Fault) -> DecoderPool?) throws(Fault) -> Setting {
    let openings = try openings()
    let key = try key(openings)
    // By one rank, whose file the others read: they see the same folder.
    _ = try session.ranks.first { () throws(Fault) in
      if !isThere(key), let teacher = try teacher() {
        try write(openings, key: key, teacher: teacher)
      }
      return true
    }
    let set = try DataSet(path: path)
    return Setting(
      "texts by the LoRA model itself", "\(set.rows.count), SHA-256 \(set.digest.hex)")
  }

  private func write(
    _ openings: [Opening], key: String, teacher: DecoderPool
  ) throws(Fault) {
    var options = texts.options
    options.seed = seed
    let task = session.log.task("write texts", total: options.count, unit: "texts")
    let weights = try session.unchanged.weights()
    try weights.hold(.float32, threads: session.threads)
    let base = DecoderPool(weights: weights, threads: session.threads)
    guard let tokenizer = try session.tokenizer() else {
      throw Fault(.internalError, "DATA-HEAD", "a model that reads images writes no texts")
    }
    let examples = try SelfSampler(
      teacher: teacher, base: base, tokenizer: tokenizer, openings: openings,
      options: options
    ).examples { task.update(completed: $0) }
    task.finish()
    let lines = examples.enumerated().map { index, example in
      let members: [(String, JSONValue)] = [
        ("prompt", .string(example.prompt)), ("completion", .string(example.completion)),
      ]
      let source: [(String, JSONValue)] = index == 0 ? [("self", .string(key))] : []
      return JSONValue.object(JSONObject(members + source)).text() + "\n"
    }
    try AtomicFile.write(path, text: lines.joined())
  }

  private func openings() throws(Fault) -> [Opening] {
    if let path = texts.openingsPath { return try Opening.read(path).rows }
    let template = try session.base.checkpoint.chatTemplate()
    return Opening.builtIn(chatForm: template.flatMap { ChatForm(template: $0) })
  }

  /// Names everything that the texts depend on.
  private func key(_ openings: [Opening]) throws(Fault) -> String {
    var lines = [try session.textIdentity().hex, matched.adapter.identity.hex]
    lines.append("\(openings) \(texts.options) \(seed)")
    return SHA256Digest.of(Array(lines.joined(separator: "\n").utf8)).hex
  }

  private func isThere(_ key: String) -> Bool {
    guard Paths.kind(of: path) == .file else { return false }
    let first = try? JSONLines(path: path, limit: 1) { (line) throws(Fault) in
      try line["self"].string()
    }
    return first?.rows == [key]
  }
}
