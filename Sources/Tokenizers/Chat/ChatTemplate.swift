public import Faults
internal import Files

/// A chat template that is known by its text (`formats/tokenizers.md` §13).
///
/// Templates are programs, and none is run: what each of a few published ones writes is written out here. Others are
/// refused; their conversations are to be rendered beforehand.
public struct ChatTemplate: Sendable, Hashable {
  private let form: Form

  /// The template with this text.
  ///
  /// - Throws: 69 `TK-CHAT` for one that is not known.
  public init(_ text: String) throws(Fault) {
    var bytes = Array(text.utf8)
    // Jinja takes a last line end away.
    if bytes.last == 0x0a { bytes.removeLast() }
    try self.init(digest: SHA256Digest.of(bytes).hex)
  }

  /// The template whose text, without a last line end, has a SHA-256.
  package init(digest: String) throws(Fault) {
    guard let form = Self.known[digest] else {
      throw Fault(
        .unsupported, "TK-CHAT",
        "the chat template with SHA-256 \(Fault.escaped(digest, limit: 64)) is not known; render the conversations "
          + "beforehand, by apply_chat_template of Transformers, and give prompts and completions")
    }
    self.form = form
  }

  /// What templates write.
  private enum Form: Sendable, Hashable {
    /// `<|im_start|>role`, and a system message of its own where the first is none.
    case chatML(system: String?)
    /// The same with an empty thought before the last answer, and thoughts taken out of the earlier ones.
    case qwen3
    /// `<start_of_turn>`; no system message at the beginning.
    case gemma(begins: Bool)
    /// `<|start_header_id|>`.
    case llama3
    /// The same after a system message with two dates.
    case llama31
    /// `<|user|>` and `<|end|>`: the answer's beginning comes with each question.
    case phi3(begins: Bool)
    /// The same with system messages, and an end where no answer is asked for.
    case phi35
    /// `<|im_sep|>`: the same.
    case phi4
    /// `[INST]`; no system messages.
    case mistral
    /// `<|start_of_role|>`.
    case granite
  }

  /// The SHA-256 of published texts (`golden/tokenizer/chat`).
  private static let known: [String: Form] = [
    // SmolLM2, Qwen 2, Qwen 2.5, and the same without a system message of its own.
    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788": .chatML(
      system: "You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
    "af9c0233881b083b52ff773580215222b5440ac3d0beeeca99b76329b048f8db": .chatML(
      system: "You are a helpful assistant"),
    "55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a": .chatML(
      system: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
    "fcf7a096fe99a48fd9ad2b250bf9237e96e8f48bffec1c7ea4d3f225176cd40e": .chatML(system: nil),
    "87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5": .qwen3,
    // Gemma, Gemma 2.
    "3c050259279da4341947d5f012aadc5975af71c235e71ef7e520531aaec17a86": .gemma(begins: false),
    "ecd6ae513fe103f0eb62e8ab5bfa8d0fe45c1074fa398b089c93a7e70c15cfd6": .gemma(begins: true),
    "b48c47f6443892716176eb200bf4ef108f64e06ca26ed0fa8ebc0a4b3992fcb2": .llama3,
    "93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7": .llama31,
    // Phi-3-mini, Phi-3-medium, Phi-3.5-mini.
    "268b6082ceb7176dc6ed80557a2f7837f9f0339592fbee677d405a553af15f88": .phi3(begins: true),
    "605841622bcb6572225608f09ec2afcdfb9fb50844ef52715a12689f7b9278b1": .phi3(begins: false),
    "78d976a442bcde2f0be15aafbb8e3050e1104f86732266f68403251b89982a90": .phi35,
    "a41fb8727c4f1e722e53cb1ea935038a1177b8bdf09387f3b048f9da5255ef3e": .phi4,
    // Mistral 7B, version 0.2.
    "26a59556925c987317ce5291811ba3b7f32ec4c647c400c6cc7e3a9993007ba7": .mistral,
    "09d68eeb5c0eaa551adea6cc088a05c7298966f395f203126e76b74f5a77a8ff": .granite,
  ]

  // MARK: - Rendering

  /// The text of a conversation, as `apply_chat_template` of Transformers gives it.
  ///
  /// The text has the model's beginning token already: encode it without special tokens.
  ///
  /// - Parameters:
  ///   - messages: At least one.
  ///   - addsGenerationPrompt: Whether the text ends where an answer of the model begins.
  ///   - begin: The text of the beginning-of-sequence token.
  ///   - end: The text of the end-of-sequence token.
  /// - Throws: 65 `TK-CHAT` for a conversation that the template refuses.
  public func render(
    _ messages: [ChatMessage], addsGenerationPrompt: Bool, begin: String, end: String
  ) throws(Fault) -> String {
    guard let first = messages.first else { throw Self.refused("there is no message") }
    switch form {
    case .chatML(let system):
      var text = ""
      if let system, first.role != .system { text = Self.turn("system", system) }
      for message in messages { text += Self.turn(message.role.rawValue, message.content) }
      return text + (addsGenerationPrompt ? "<|im_start|>assistant\n" : "")
    case .qwen3: return Self.qwen3(messages, addsGenerationPrompt)
    case .gemma(let begins):
      guard first.role != .system else {
        throw Self.refused("message 0 is a system message, which the template refuses")
      }
      try Self.checkTurns(messages)
      var text = begins ? begin : ""
      for message in messages {
        let role = message.role == .assistant ? "model" : message.role.rawValue
        text += "<start_of_turn>\(role)\n\(Self.trimmed(message.content))<end_of_turn>\n"
      }
      return text + (addsGenerationPrompt ? "<start_of_turn>model\n" : "")
    case .llama3:
      // Its beginning comes with the first message, and the prompt for an answer always.
      return begin + Self.headers(messages) + Self.answer
    case .llama31:
      let system = first.role == .system ? Self.trimmed(first.content) : ""
      return begin
        + "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
        + "Today Date: 26 Jul 2024\n\n\(system)<|eot_id|>"
        + Self.headers(first.role == .system ? Array(messages.dropFirst()) : messages)
        + (addsGenerationPrompt ? Self.answer : "")
    case .phi3(let begins):
      var text = begins ? begin : ""
      for message in messages {
        switch message.role {
        case .user: text += "<|user|>\n\(message.content)<|end|>\n<|assistant|>\n"
        case .assistant: text += "\(message.content)<|end|>\n"
        // Passed over by the template, which would hide it.
        case .system: throw Self.refused("the template passes over system messages")
        }
      }
      return text
    case .phi35:
      var text = ""
      for message in messages where message.role != .system || !message.content.isEmpty {
        text += "<|\(message.role.rawValue)|>\n\(message.content)<|end|>\n"
      }
      return text + (addsGenerationPrompt ? "<|assistant|>\n" : end)
    case .phi4:
      return messages.reduce("") { text, message in
        let role = message.role.rawValue
        let beginning = message.role == .assistant ? "" : "<|im_start|>\(role)<|im_sep|>"
        let answer = message.role == .user ? "<|im_start|>assistant<|im_sep|>" : ""
        return text + beginning + message.content + "<|im_end|>" + answer
      }
    case .mistral:
      if let index = messages.firstIndex(where: { $0.role == .system }) {
        throw Self.refused("message \(index) is a system message, which the template refuses")
      }
      try Self.checkTurns(messages)
      return messages.reduce(begin) { text, message in
        text
          + (message.role == .user ? "[INST] \(message.content) [/INST]" : message.content + end)
      }
    case .granite:
      var text = ""
      for message in messages {
        text +=
          "<|start_of_role|>\(message.role.rawValue)<|end_of_role|>\(message.content)<|end_of_text|>\n"
      }
      return text + (addsGenerationPrompt ? "<|start_of_role|>assistant<|end_of_role|>" : "")
    }
  }

  /// The text of a conversation up to where its last message begins, and that message, an answer, to its end of turn.
  ///
  /// What templates write behind the end of a turn, such as a line end, no model is asked for.
  ///
  /// - Parameters:
  ///   - messages: At least two, the last of the assistant.
  ///   - begin: The text of the beginning-of-sequence token.
  ///   - end: The text of the end-of-sequence token.
  /// - Throws: 65 `TK-CHAT` for a conversation that the template refuses.
  public func renderAnswer(
    _ messages: [ChatMessage], begin: String, end: String
  ) throws(Fault) -> (prompt: String, answer: String) {
    guard messages.last?.role == .assistant else {
      throw Self.refused("the last message is not the assistant's")
    }
    let prompt = try render(
      messages.dropLast(), addsGenerationPrompt: true, begin: begin, end: end)
    let whole = try render(messages, addsGenerationPrompt: false, begin: begin, end: end)
    let (head, all, mark) = (Array(prompt.utf8), Array(whole.utf8), Array(endOfTurn(end).utf8))
    var last = all.count - mark.count
    while last > head.count, !all[last...].starts(with: mark) { last -= 1 }
    guard all.starts(with: head), last >= head.count, !mark.isEmpty else {
      throw Self.refused("the template does not write the last message behind the others")
    }
    return (prompt, String(decoding: all[head.count..<last + mark.count], as: UTF8.self))
  }

  /// What ends a message of the assistant.
  private func endOfTurn(_ end: String) -> String {
    switch form {
    case .chatML, .qwen3, .phi4: "<|im_end|>"
    case .gemma: "<end_of_turn>"
    case .llama3, .llama31: "<|eot_id|>"
    case .phi3, .phi35: "<|end|>"
    case .mistral: end
    case .granite: "<|end_of_text|>"
    }
  }

  private static func turn(_ role: String, _ content: String) -> String {
    "<|im_start|>\(role)\n\(content)<|im_end|>\n"
  }

  /// Where an answer of Llama's begins.
  private static let answer = "<|start_header_id|>assistant<|end_header_id|>\n\n"

  private static func headers(_ messages: [ChatMessage]) -> String {
    messages.reduce("") {
      $0
        + "<|start_header_id|>\($1.role.rawValue)<|end_header_id|>\n\n\(trimmed($1.content))<|eot_id|>"
    }
  }

  /// Every other message is a user's, from the first on.
  private static func checkTurns(_ messages: [ChatMessage]) throws(Fault) {
    for (index, message) in messages.enumerated() {
      guard (message.role == .user) == (index % 2 == 0) else {
        throw refused("message \(index): user and assistant must alternate, user first")
      }
    }
  }

  private static func refused(_ reason: String) -> Fault {
    Fault(.badData, "TK-CHAT", reason)
  }

  // MARK: - Qwen 3

  private static func qwen3(_ messages: [ChatMessage], _ addsGenerationPrompt: Bool) -> String {
    let lastQuery =
      messages.lastIndex { message in
        message.role == .user
          && !(has(message.content, prefix: "<tool_response>")
            && has(message.content, suffix: "</tool_response>"))
      } ?? messages.count - 1
    var text = ""
    for (index, message) in messages.enumerated() {
      guard message.role == .assistant else {
        text += turn(message.role.rawValue, message.content)
        continue
      }
      var (content, thought) = (message.content, "")
      let parts = split(content, by: "</think>")
      if parts.count > 1 {
        content = trimmed(parts[parts.count - 1], feedsAt: .start)
        let before = split(trimmed(parts[0], feedsAt: .end), by: "<think>")
        thought = trimmed(before[before.count - 1], feedsAt: .start)
      }
      let isLast = index == messages.count - 1
      if index > lastQuery, isLast || !thought.isEmpty {
        let inner = trimmed(trimmed(thought, feedsAt: .start), feedsAt: .end)
        text += turn(
          "assistant", "<think>\n\(inner)\n</think>\n\n\(trimmed(content, feedsAt: .start))")
      } else {
        text += turn("assistant", content)
      }
    }
    return text + (addsGenerationPrompt ? "<|im_start|>assistant\n" : "")
  }

  // MARK: - Texts by their scalars: characters would join with what follows them

  private enum End { case start, end }

  /// Without line feeds at an end.
  private static func trimmed(_ text: String, feedsAt end: End) -> String {
    var scalars = Substring(text).unicodeScalars
    switch end {
    case .start: while scalars.first == "\n" { scalars.removeFirst() }
    case .end: while scalars.last == "\n" { scalars.removeLast() }
    }
    return String(scalars)
  }

  /// Without what Python's `strip` takes away.
  private static func trimmed(_ text: String) -> String {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isWhitespace || (0x1c...0x1f).contains(scalar.value)
    }
    var scalars = Substring(text).unicodeScalars
    while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
    while let last = scalars.last, isSpace(last) { scalars.removeLast() }
    return String(scalars)
  }

  private static func has(_ text: String, prefix: String) -> Bool {
    text.utf8.starts(with: prefix.utf8)
  }

  private static func has(_ text: String, suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  private static func split(_ text: String, by separator: String) -> [String] {
    let (bytes, pattern) = (Array(text.utf8), Array(separator.utf8))
    var parts: [String] = []
    var (start, index) = (0, 0)
    while index + pattern.count <= bytes.count {
      guard bytes[index..<index + pattern.count].elementsEqual(pattern) else {
        index += 1
        continue
      }
      parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
      index += pattern.count
      start = index
    }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }
}
