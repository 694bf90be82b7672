public import Checkpoints
public import Faults
public import Tokenizers

extension DataSet {
  /// Every row as token ids; a long text is several examples, everything else is one.
  ///
  /// - Parameters:
  ///   - tokenizer: That of the model; nil of one that reads images.
  ///   - chatTemplate: The text of the model's chat template; asked for where there are conversations.
  ///   - imageProcessing: What the model does with bytes of images; asked for where there are any.
  /// - Throws: `DATA-LENGTH` for an example longer than the model's context, 69 where it is longer than what this
  ///   program computes as the model defines it; `DATA-TOKENS` where a completion has
  ///   no token, nothing precedes it, or a token has no embedding: tokenizers may have more tokens than their model;
  ///   `TK-CHAT` for a conversation that the template refuses, 69 where the template is not known; `DATA-HEAD` for a
  ///   row of a kind that the model has no head for, `DATA-LABEL` for a class or number that its head has not; `DATA-IMAGE`.
  public func tokenized(
    by tokenizer: Tokenizer?, for model: DecoderConfiguration,
    chatTemplate: () throws(Fault) -> String? = { () throws(Fault) in nil },
    imageProcessing: () throws(Fault) -> ImageProcessing? = { () throws(Fault) in nil }
  ) throws(Fault) -> [TokenizedExample] {
    guard let tokenizer else { return try ofImages(model, imageProcessing) }
    var result: [TokenizedExample] = []
    result.reserveCapacity(rows.count)
    var chat: ConversationTokens?
    let classes = model.classHead?.choices ?? []
    for (index, row) in rows.enumerated() {
      do throws(Fault) {
        try DataSet.checkBytes(row, model)
        try DataSet.checkHead(row, model)
        let examples: [TokenizedExample]
        switch row {
        case .example(let example): examples = [try DataSet.tokens(of: example, tokenizer)]
        case .conversation(let messages, let written):
          let form: ConversationTokens
          if let chat {
            form = chat
          } else {
            form = try ConversationTokens(tokenizer, template: try chatTemplate())
            chat = form
          }
          var example = try form.example(messages)
          example.written = written
          examples = [example]
        case .text(let text):
          let window = min(TextWindows.longest, model.contextLength, model.exactLength)
          examples = try TextWindows(window).examples(tokenizer.encode(text, addSpecial: true))
        case .classified(let row):
          examples = [try DataSet.tokens(of: row, tokenizer, model, classes: classes)]
        case .image: throw DataSet.otherKind("an image", "texts")
        }
        for example in examples { try DataSet.check(example, model) }
        result += examples
      } catch {
        // Of another file, such as that of the chat template.
        guard error.path == nil else { throw error }
        throw Fault(
          error.kind, error.code, "example \(index + 1)\(error.reason)", path: path)
      }
    }
    return result
  }

  /// Longer rows are refused before they are tokenised, which takes some forty times their size: the longest tokens there
  /// are, of blanks, have half as many bytes.
  private static let bytesPerToken = 256
  /// Bytes of a text that is cut into windows.
  private static let textLimit = 4 << 20

  private static func checkBytes(
    _ row: DataRow, _ model: DecoderConfiguration
  ) throws(Fault) {
    let byteCount = row.byteCount
    if case .text = row {
      guard byteCount <= textLimit else {
        throw Fault(
          .badData, "DATA-LENGTH", " has \(byteCount) bytes, at most \(textLimit); divide it")
      }
      return
    }
    let limit = model.contextLength.multipliedReportingOverflow(by: bytesPerToken)
    guard limit.overflow || byteCount <= limit.partialValue else {
      throw Fault(
        .badData, "DATA-LENGTH",
        " has \(byteCount) bytes, more than \(bytesPerToken) for each of the "
          + "\(model.contextLength) tokens of the model's context")
    }
  }

  /// Refuses a row that no head of the model answers.
  private static func checkHead(
    _ row: DataRow, _ model: DecoderConfiguration
  ) throws(Fault) {
    if case .classified = row {
      guard model.classHead == nil else { return }
      throw noHead
    }
    // Which says so itself.
    if case .image = row { return }
    guard !model.hasLanguageHead else { return }
    throw Fault(
      .badData, "DATA-HEAD",
      " predicts tokens, and the model's head does not; give texts with a label or a score")
  }

  /// A whole text, for the head of `model`.
  private static func tokens(
    of row: ClassifiedText, _ tokenizer: Tokenizer, _ model: DecoderConfiguration,
    classes: [[Int32]]
  ) throws(Fault) -> TokenizedExample {
    guard let head = model.classHead else {
      throw Fault(.internalError, "DATA-HEAD", " has no head")
    }
    let (label, value) = try row.target(of: head)
    let text = tokenizer.encode(row.text, pairedWith: row.pair)
    var example = TokenizedExample(
      prompt: text.ids, completion: [Int32(label)],
      choices: classes, answer: label)
    let position =
      head.form.pooling == .first
      ? 0 : text.ids.lastIndex { $0 != model.paddingToken } ?? 0
    example.whole = TokenizedExample.WholeText(position: position, value: value)
    guard model.tokenTypeCount > 0, let last = text.types.max(), last > 0 else { return example }
    guard last < model.tokenTypeCount else {
      throw Fault(
        .badData, "DATA-TOKENS",
        ": the tokenizer's type \(last), the model's last one is \(model.tokenTypeCount - 1)")
    }
    example.whole?.types = text.types
    return example
  }

  private static func tokens(
    of example: Example, _ tokenizer: Tokenizer
  ) throws(Fault) -> TokenizedExample {
    let prompt = tokenizer.encode(prompt: example.prompt)
    switch example.target {
    case .completion(let text):
      var tokens = TokenizedExample(
        prompt: prompt, completion: tokenizer.encode(text, continues: true))
      tokens.written = example.written
      if example.ends {
        guard let end = tokenizer.endOfSequence else {
          throw Fault(
            .unsupported, "DATA-TOKENS",
            " has \"end\", and the base's tokenizer has no end of a sequence")
        }
        tokens.completion.append(end)
      }
      return tokens
    case .choices(let texts, let answer):
      let choices = texts.map { tokenizer.encode($0, continues: true) }
      return TokenizedExample(
        prompt: prompt, completion: choices[answer], choices: choices, answer: answer)
    }
  }

  /// Refuses what the model cannot take; the reason goes on after "example N".
  private static func check(
    _ example: TokenizedExample, _ model: DecoderConfiguration
  ) throws(Fault) {
    var all = example.choices.isEmpty ? [example.completion] : example.choices
    // Classes are no tokens.
    if example.whole != nil { all = [] }
    guard !example.prompt.isEmpty, all.allSatisfy({ !$0.isEmpty }) else {
      throw Fault(.badData, "DATA-TOKENS", ": prompt or completion has no token")
    }
    for token in ([example.prompt] + all).joined()
    where !(0..<model.vocabularySize).contains(Int(token)) {
      throw Fault(
        .badData, "DATA-TOKENS",
        ": token \(token), the model's are 0 to \(model.vocabularySize - 1)")
    }
    let longest =
      example.prompt.count + max(all.map(\.count).max() ?? 0, example.written?.length ?? 0)
    guard longest <= model.contextLength else {
      throw Fault(
        .badData, "DATA-LENGTH",
        " has \(longest) tokens, the model's context is \(model.contextLength)")
    }
    guard longest <= model.exactLength else {
      throw Fault(
        .unsupported, "DATA-LENGTH",
        " has \(longest) tokens; this model is computed exactly up to "
          + "\(model.exactLength), where its \(model.lengthLimit) begins to matter")
    }
  }
}

extension ClassHead {
  /// The numbers of its classes, as all rows have them for choices; none of a head that answers with a number.
  var choices: [[Int32]] { isRegression ? [] : (0..<count).map { [Int32($0)] } }
}
