import Faults
import Tokenizers

/// Conversations as the tokens that a model's chat template makes of them.
struct ConversationTokens {
  private let tokenizer: Tokenizer
  private let template: ChatTemplate

  /// - Parameter text: The template; nil where the base has none.
  /// - Throws: 69 `TK-CHAT` without a template, or for one that is not known.
  init(_ tokenizer: Tokenizer, template text: String?) throws(Fault) {
    guard let text else {
      throw Fault(
        .unsupported, "TK-CHAT",
        " is a conversation, and the base has no chat template; give prompts and completions")
    }
    self.tokenizer = tokenizer
    do throws(Fault) {
      template = try ChatTemplate(text)
    } catch {
      throw Fault(error.kind, error.code, " is a conversation: \(error.reason)")
    }
  }

  /// The conversation up to where the last answer begins, and that answer to its end of turn.
  ///
  /// The template writes the beginning token itself, so none is added.
  func example(_ messages: [ChatMessage]) throws(Fault) -> TokenizedExample {
    let texts: (prompt: String, answer: String)
    do throws(Fault) {
      texts = try template.renderAnswer(
        messages, begin: text(tokenizer.beginOfSequence), end: text(tokenizer.endOfSequence))
    } catch {
      throw Fault(error.kind, error.code, ": \(error.reason)")
    }
    var example = TokenizedExample(
      prompt: tokenizer.encode(texts.prompt),
      completion: tokenizer.encode(texts.answer, continues: true))
    example.endsTurn = true
    return example
  }

  private func text(_ token: Int32?) -> String {
    token.map { String(decoding: tokenizer.decode([$0]), as: UTF8.self) } ?? ""
  }
}
