import Checkpoints
public import Evaluation
public import Faults
public import Models
import Tensors
public import Tokenizers

/// Prompts and completions that the models write themselves: calibration and distillation text for a user without
/// data.
///
/// Text `i` begins with opening `i mod count`. Everything is drawn token by token from a model's own distribution,
/// each text with a stream of the seed, so that the same seed gives the same texts. Completions after a prompt are
/// the LoRA model's. Prompts, and texts that have no such parts, are better written by the base: a LoRA that was
/// trained on completions alone writes these everywhere (`golden/recovery/NOTES.md`).
public struct SelfSampler: Sendable {
  /// How many texts, how long, and how they are drawn.
  public struct Options: Sendable, Hashable {
    /// Number of texts.
    public var count = 1024
    /// At most so many tokens in each part that the model writes.
    public var length = 48
    /// Who writes prompts, and texts without a completion of their own.
    public var writer = Writer.base
    /// Logits are divided by it; 1 leaves the model's own distribution.
    public var temperature = 1.0
    /// Draws are from the fewest most likely tokens that hold this share of the probability; 1 takes all.
    public var topP = 1.0
    /// Seed of the draws.
    public var seed: UInt64 = 0

    /// The defaults of the command line.
    public init() {}

    var sampling: SamplingOptions { SamplingOptions(temperature: temperature, topP: topP) }
  }

  /// A model that writes.
  public enum Writer: String, Sendable, Hashable, CaseIterable {
    /// The base model.
    case base
    /// The LoRA model.
    case adapter
  }

  private let teacher: DecoderPool
  private let writer: DecoderPool
  private let tokenizer: Tokenizer
  private let forms: [TextForm]
  private let options: Options

  /// Texts decoded together; fixed, so that they do not depend on the number of threads.
  private static let groupSize = 16

  /// A sampler of `teacher`, the LoRA model, and `base`, the model it was trained on.
  ///
  /// - Throws: 65 `SELF-OPENING` where an opening has no token; 64 `SELF-LENGTH` where an opening and what the model
  ///   writes after it may be longer than what is run.
  public init(
    teacher: DecoderPool, base: DecoderPool, tokenizer: Tokenizer, openings: [Opening],
    options: Options
  ) throws(Fault) {
    self.teacher = teacher
    writer = options.writer == .base ? base : teacher
    self.tokenizer = tokenizer
    self.options = options
    let context = teacher.weights.configuration.exactLength
    forms = TextForm.forms(of: openings, tokenizer: tokenizer, length: options.length)
    for (index, form) in forms.enumerated()
    where tokenizer.encode(prompt: form.opening).isEmpty {
      throw Fault(
        .badData, "SELF-OPENING",
        "opening \(index + 1) has no token in this model's vocabulary; give another with --self-openings"
      )
    }
    for form in forms where form.longest > context {
      throw Fault(
        .usage, "SELF-LENGTH",
        "an opening may come to \(form.longest) tokens, the model is run up to \(context)")
    }
  }

  /// The texts, in order; those whose completion comes out empty or is no UTF-8 are left out.
  ///
  /// - Throws: 65 `SELF-EMPTY` where none is left; `RUN-STOPPED` where the process is interrupted.
  public func examples(
    progress: @escaping (Int) -> Void = { _ in }
  ) throws(Fault) -> [Example] {
    let counter = ProgressCounter(progress)
    let prompts = try inGroups(writer) { (texts, decoder) throws(Fault) in
      try write(texts, decoder)
    }
    let examples = try inGroups(teacher) { (texts, decoder) throws(Fault) in
      let examples = try complete(texts, prompts, decoder)
      counter.add(texts.count)
      return examples
    }.compactMap(\.self)
    guard !examples.isEmpty else {
      throw Fault(.badData, "SELF-EMPTY", "the model wrote nothing after any opening")
    }
    return examples
  }

  /// One result a text, computed for groups of them together.
  private func inGroups<Result: Sendable>(
    _ pool: DecoderPool, _ body: @Sendable (Range<Int>, Decoder) throws(Fault) -> [Result]
  ) throws(Fault) -> [Result] {
    let starts = Array(stride(from: 0, to: options.count, by: Self.groupSize))
    return try pool.map(starts.count) { (index, decoder) throws(Fault) in
      try body(starts[index]..<min(starts[index] + Self.groupSize, options.count), decoder)
    }.flatMap(\.self)
  }

  /// What the writer makes of each opening: a prompt to its end, or the text that follows the opening.
  private func write(
    _ texts: Range<Int>, _ decoder: Decoder
  ) throws(Fault) -> [String] {
    let forms = texts.map { form($0) }
    let written = try TokenSampler(decoder, options: options.sampling).continuations(
      zip(texts, forms).map { text, form in
        request(form.opening, limit: form.writtenLength, stops: form.writtenStops, stream: 2 * text)
      })
    return zip(forms, written).map { form, tokens in
      form.then == nil ? text(of: tokens) : form.prompt(writing: text(of: tokens))
    }
  }

  /// Examples of written `prompts`, completed where they want it; nil without a completion.
  private func complete(
    _ texts: Range<Int>, _ prompts: [String], _ decoder: Decoder
  ) throws(Fault) -> [Example?] {
    let open = texts.filter { form($0).then != nil }
    let completions = try TokenSampler(decoder, options: options.sampling).continuations(
      open.map { text in
        request(
          prompts[text], limit: form(text).length, stops: form(text).completionStops,
          stream: 2 * text + 1)
      })
    var examples = texts.map { text in example(form(text).opening, prompts[text]) }
    for (text, tokens) in zip(open, completions) {
      examples[text - texts.lowerBound] = example(prompts[text], self.text(of: tokens))
    }
    return examples
  }

  private func form(_ text: Int) -> TextForm { forms[text % forms.count] }

  private func example(_ prompt: String, _ completion: String) -> Example? {
    completion.isEmpty ? nil : Example(prompt: prompt, target: .completion(completion))
  }

  private func request(
    _ prompt: String, limit: Int, stops: Set<Int32>, stream: Int
  ) -> TokenSampler.Request {
    TokenSampler.Request(
      prompt: tokenizer.encode(prompt: prompt), limit: limit, stops: stops,
      generator: SeededGenerator(
        seed: options.seed, stream: 0x7365_6c66_7465_7874 + UInt64(stream)))
  }

  /// The text up to the first bytes that are no UTF-8, such as half a character at the limit.
  private func text(of tokens: [Int32]) -> String {
    let text = String(decoding: tokenizer.decode(tokens), as: UTF8.self)
    return String(text.unicodeScalars.prefix { $0 != "\u{fffd}" })
  }
}
