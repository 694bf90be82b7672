import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// Conversations as Transformers renders them (golden/tokenizer/chat).
@Suite struct ChatTemplateTests {
  private static func golden() throws -> JSONValue {
    try JSONValue.parse(
      InputFile(Checkout.path("golden/tokenizer/chat/cases.json")).readAll(limit: 1 << 20))
  }

  @Test func agreesWithTransformers() throws {
    let golden = try Self.golden()
    let conversations = try (golden["conversations"]?.arrayValue ?? []).map { turns in
      try (turns.arrayValue ?? []).map { turn in
        ChatMessage(
          try #require(ChatMessage.Role(rawValue: turn["role"]?.stringValue ?? "")),
          turn["content"]?.stringValue ?? "")
      }
    }
    let templates = try #require(golden["templates"]?.arrayValue)
    #expect(templates.count == 15 && conversations.count > 70)
    for answer in templates {
      let name = answer["name"]?.stringValue ?? ""
      let template = try ChatTemplate(digest: answer["sha256"]?.stringValue ?? "")
      let expected = try #require(answer["texts"]?.arrayValue)
      #expect(expected.count == 2 * conversations.count)
      for (index, digest) in expected.enumerated() {
        let messages = conversations[index / 2]
        var text: String?
        let found = fault {
          text = try template.render(
            messages, addsGenerationPrompt: index % 2 == 1, begin: "<s>", end: "</s>")
        }
        let shown = text.map {
          SHA256Digest.hex(Array(SHA256Digest.of(Array($0.utf8)).bytes.prefix(8)))
        }
        // These templates leave system messages out without a word.
        if name == "Phi-3-mini" || name == "Phi-3-medium",
          messages.contains(where: { $0.role == .system })
        {
          #expect(found?.code == "TK-CHAT")
        } else {
          #expect(shown == digest.stringValue, "\(name) \(messages) \(text ?? "refused")")
        }
        if shown == nil { #expect(found?.code == "TK-CHAT" && found?.kind == .badData) }
      }
    }
  }

  /// A conversation is cut where its last answer begins, and that ends with its turn; both by texts that are checked above.
  @Test func answersAreCutFromConversations() throws {
    let golden = try Self.golden()
    var count = 0
    for answer in golden["templates"]?.arrayValue ?? [] {
      let template = try ChatTemplate(digest: answer["sha256"]?.stringValue ?? "")
      for content in ["Paris.", "  spaces \n\n", "<|im_end|>", "line\nline"] {
        let messages = [ChatMessage(.user, "a"), ChatMessage(.assistant, content)]
        func render(_ messages: [ChatMessage], _ addsPrompt: Bool) throws -> String {
          try template.render(
            messages, addsGenerationPrompt: addsPrompt, begin: "<s>", end: "</s>")
        }
        let parts = try template.renderAnswer(messages, begin: "<s>", end: "</s>")
        #expect(parts.prompt == (try render([messages[0]], true)))
        let whole = try render(messages, false)
        #expect(whole.hasPrefix(parts.prompt + parts.answer))
        // Nothing of the answer is left behind its end of turn.
        let rest = whole.dropFirst((parts.prompt + parts.answer).count)
        #expect(["", "\n", "\n</s>"].contains(rest) || rest.hasPrefix("<|start_header_id|>"))
        #expect(parts.answer.contains(content.filter { !" \n".contains($0) }.prefix(4)))
        count += 1
      }
      let fault = fault {
        _ = try template.renderAnswer([ChatMessage(.user, "a")], begin: "<s>", end: "</s>")
      }
      #expect(fault?.code == "TK-CHAT")
    }
    #expect(count == 60)
  }

  @Test func othersAreRefusedWithAdvice() {
    for text in ["", "{{ messages }}"] {
      let found = fault { _ = try ChatTemplate(text) }
      #expect(found?.code == "TK-CHAT" && found?.kind == .unsupported)
      #expect(found?.reason.contains("beforehand") == true)
    }
  }

  @Test(.enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"))
  func theDemoBasesTemplateIsKnown() throws {
    let text = try #require(try Checkpoint.open(Checkout.demoBase).chatTemplate())
    for text in [text, text + "\n"] {
      let rendered = try ChatTemplate(text).render(
        [ChatMessage(.user, "Hi")], addsGenerationPrompt: true, begin: "<s>", end: "</s>")
      #expect(rendered.hasSuffix("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"))
    }
  }
}
