import Faults
import JSON
public import Tokenizers

/// One line of a data file, by the fields that it has (`formats/data.md` §2).
public enum DataRow: Sendable, Hashable {
  /// `prompt` with `completion`, or with `choices` and `answer`.
  case example(Example)
  /// `messages`: a conversation whose last message is the completion, and what to find in one that the model writes.
  case conversation([ChatMessage], WrittenAnswer?)
  /// `text`: every token but the first is a completion.
  case text(String)
  /// `text`, and `text_pair` where there is one, with `label` or `score`.
  case classified(ClassifiedText)
  /// `image` and `index` with `label` or `score`.
  case image(ClassifiedImage)

  /// Fields that say what a line is.
  private static let kinds = ["prompt", "messages", "text", "image"]

  /// The row of one line.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init(_ line: JSONField) throws(Fault) {
    let present = DataRow.kinds.filter { line[$0].isPresent }
    // Fields of other kinds would be left out without a word.
    if present.count > 1 {
      throw line[present[1]].fault("stands beside \"\(present[0])\"")
    }
    switch present.first {
    case "messages":
      let messages = try DataRow.messages(line["messages"])
      self = .conversation(
        messages, try WrittenAnswer(line, completion: messages.last?.content ?? ""))
    case "text":
      if line["extract"].isPresent { throw line["extract"].fault("stands beside \"text\"") }
      if (ClassifiedText.answers + ["text_pair"]).contains(where: { line[$0].isPresent }) {
        self = .classified(try ClassifiedText(line))
        return
      }
      let text = try line["text"].string()
      guard !text.isEmpty else { throw line["text"].fault("is empty") }
      self = .text(text)
    case "image": self = .image(try ClassifiedImage(line))
    default: self = .example(try Example(line))
    }
  }

  /// Bytes of what is tokenised together; of choices the longest.
  var byteCount: Int {
    switch self {
    case .example(let example):
      switch example.target {
      case .completion(let text): example.prompt.utf8.count + text.utf8.count
      case .choices(let texts, _):
        example.prompt.utf8.count + (texts.map(\.utf8.count).max() ?? 0)
      }
    case .conversation(let messages, _): messages.reduce(0) { $0 + $1.content.utf8.count }
    case .text(let text): text.utf8.count
    case .classified(let row): row.text.utf8.count + (row.pair?.utf8.count ?? 0)
    case .image: 0
    }
  }

  private static func messages(_ field: JSONField) throws(Fault) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    for message in try field.array() {
      guard let role = ChatMessage.Role(rawValue: try message["role"].string()) else {
        let roles = ChatMessage.Role.allCases.map(\.rawValue).joined(separator: ", ")
        throw message["role"].fault("is none of \(roles)")
      }
      messages.append(ChatMessage(role, try message["content"].string()))
    }
    guard messages.count >= 2, let last = messages.last, last.role == .assistant,
      !last.content.isEmpty
    else {
      throw field.fault("needs one message or more, and an answer of the assistant behind them")
    }
    return messages
  }
}

extension Example {
  /// The example of a line with a prompt.
  fileprivate init(_ line: JSONField) throws(Fault) {
    let prompt = try line["prompt"].string()
    guard line["choices"].isPresent else {
      let completion = try line["completion"].string()
      guard !completion.isEmpty else { throw line["completion"].fault("is empty") }
      self.init(
        prompt: prompt, target: .completion(completion),
        written: try WrittenAnswer(line, completion: completion),
        ends: line["end"].isPresent ? try line["end"].bool() : false)
      return
    }
    for name in ["extract", "end"] where line[name].isPresent {
      throw line[name].fault("stands beside \"choices\"")
    }
    guard !line["completion"].isPresent else {
      throw line["completion"].fault("stands beside \"choices\"")
    }
    var texts: [String] = []
    for choice in try line["choices"].array() { texts.append(try choice.string()) }
    guard texts.count >= 2, texts.allSatisfy({ !$0.isEmpty }) else {
      throw line["choices"].fault("needs two or more non-empty texts")
    }
    self.init(
      prompt: prompt,
      target: .choices(texts, answer: try line["answer"].int(in: 0...texts.count - 1)))
  }
}
