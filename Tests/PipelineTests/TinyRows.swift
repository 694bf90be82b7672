import Files
import Pipeline
import Recipes
import TestSupport
import Training

/// The tiny model with a tokenizer, and openings for texts that its adapter writes.
enum TinyRows {
  /// A GGUF file.
  static func base() throws -> [UInt8] {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    return builder.bytes()
  }

  /// `count` prompts of three letters, all different.
  static func openings(_ count: Int) -> String {
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    return (0..<count).map { index in
      let text = String([letters[index % 24], letters[index / 24 % 24], letters[index * 7 % 24]])
      return "{\"opening\": \"\(text)\", \"length\": 1}\n"
    }.joined()
  }

  /// Two steps of tuning on texts that the adapter writes: what a minimum of retained gain can be judged on.
  static func selfWritten(_ request: inout JobRequest, in folder: String, count: Int = 160) {
    let path = Paths.join(folder, "openings.jsonl")
    _ = try? AtomicFile.write(path, text: openings(160))
    request.ownTexts.openingsPath = path
    request.ownTexts.options.count = count
    request.ownTexts.options.writer = .adapter
    request.ownTexts.options.length = 2
    request.ownTexts.options.temperature = 0.01
    var tuning = JobRequest.Tuning(data: .own(limit: nil))
    tuning.validation = .fraction(0.2)
    tuning.options.steps = 2
    tuning.learningRate = 1e-3
    request.tuning = tuning
  }

  /// `count` rows with two choices, prompts all different.
  static func choices(_ count: Int) -> String {
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    return (0..<count).map { index in
      let text = String([letters[index % 3], letters[index % 24], letters[index / 24 % 24]])
      return "{\"prompt\": \"\(text)\", \"choices\": [\"C\", \"D\"], \"answer\": \(index % 2)}\n"
    }.joined()
  }
}
