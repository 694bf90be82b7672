public import ArgumentParser
import Pipeline
public import Training

/// How the LoRA model writes texts where data is `self` (`--self-…`).
struct OwnTextOptions: ParsableArguments {
  @Option(
    help:
      "How texts by the model begin (JSONL: opening, then, length, end); default: built-in openings."
  )
  var selfOpenings: String?

  @Option(help: "Number of texts that the model writes.")
  var selfTexts = SelfSampler.Options().count

  @Option(help: "At most so many tokens in each part that the model writes.")
  var selfLength = SelfSampler.Options().length

  @Option(
    help: "Who writes prompts, and texts without a completion of their own: base or adapter.")
  var selfWriter = SelfSampler.Options().writer

  @Option(help: "Temperature of the draws.")
  var selfTemperature = SelfSampler.Options().temperature

  @Option(help: "Draw among the most likely tokens that hold this share of the probability.")
  var selfTopP = SelfSampler.Options().topP

  func validate() throws {
    try CountBounds.check("self-texts", selfTexts, CountBounds.texts)
    try CountBounds.check("self-length", selfLength, CountBounds.tokens)
    if !(0.01...100).contains(selfTemperature) {
      throw ValidationError("--self-temperature must be in 0.01...100")
    }
    if !(0.001...1).contains(selfTopP) {
      throw ValidationError("--self-top-p must be in 0.001...1")
    }
  }

  /// What these options ask for.
  var texts: JobRequest.OwnTexts {
    var texts = JobRequest.OwnTexts()
    texts.openingsPath = selfOpenings
    texts.options.count = selfTexts
    texts.options.length = selfLength
    texts.options.writer = selfWriter
    texts.options.temperature = selfTemperature
    texts.options.topP = selfTopP
    return texts
  }

  /// A file of examples, or `self`.
  static func examples(_ argument: String, limit: Int? = nil) -> JobRequest.Examples {
    argument == "self"
      ? .own(limit: limit) : .file(JobRequest.Data(path: argument, limit: limit))
  }
}

extension SelfSampler.Writer: ExpressibleByArgument {}
