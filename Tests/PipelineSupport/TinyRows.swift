import Files
package import Pipeline
import Recipes
import TestSupport
import Training

/// The tiny model with a tokenizer, and openings for texts that its adapter writes.
package enum TinyRows {
  /// A GGUF file.
  package static func base() throws -> [UInt8] {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    return builder.bytes()
  }

  /// Two steps of tuning on texts that the adapter writes: what a minimum of retained gain can be judged on.
  package static func selfWritten(_ request: inout JobRequest, in folder: String, count: Int = 160)
  {
    let path = Paths.join(folder, "openings.jsonl")
    _ = try? AtomicFile.write(path, text: TinyTexts.openings(160))
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
}
