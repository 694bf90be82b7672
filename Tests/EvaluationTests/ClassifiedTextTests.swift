import Checkpoints
import Evaluation
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// Rows with labels and scores: their tokens as Transformers makes them, and what is refused.
@Suite struct ClassifiedTextTests {
  private func read(_ text: String) throws -> DataSet {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      _ = try AtomicFile.write(path, text: text)
      return try DataSet(path: path)
    }
  }

  @Test(arguments: ["bert", "roberta", "roberta-score", "deberta", "qwen2-score"])
  func tokensAreThoseOfTheTokenizer(_ name: String) throws {
    let folder = Checkout.path("golden/models/\(name)")
    let json = try JSONValue.parse(InputFile(folder + "/case.json").readAll(limit: 1 << 20))
    let base = try BaseCheckpoint.open(folder)
    let path = folder + "/rows.jsonl"
    let rows = try InputFile(path).readAll(limit: 1 << 20).split(separator: 0x0a)
      .map { try JSONValue.parse(Array($0)) }
    let set = try DataSet(path: path)
    let examples = try set.tokenized(by: try Tokenizer(base: base), for: base.configuration)
    func numbers(_ value: JSONValue?) -> [Int32] {
      (value?.arrayValue ?? []).compactMap { $0.intValue.map(Int32.init) }
    }
    #expect(examples.count == rows.count && !rows.isEmpty)
    for (index, tokens) in (json["parameters"]?["tokens"]?.arrayValue ?? []).enumerated() {
      let example = examples[index]
      #expect(example.prompt == numbers(tokens["ids"]))
      let whole = try #require(example.whole)
      // Not all have kinds of texts. A decoder reads the last token that is no padding.
      let isDecoder = name == "qwen2-score"
      let types = base.configuration.tokenTypeCount == 0 ? [] : numbers(tokens["types"])
      #expect(whole.types == (types.contains(1) ? types : []))
      #expect(whole.position == (isDecoder ? example.prompt.count - 2 : 0))
      if let label = rows[index]["label"]?.intValue {
        #expect(example.answer == label && example.completion == [Int32(label)])
        #expect(example.choices.count == base.configuration.classHead?.count)
      } else {
        #expect(whole.value == rows[index]["score"]?.doubleValue.map { Float($0) })
        #expect(example.choices.isEmpty)
      }
    }
  }

  private func refusal(_ line: String, _ name: String = "bert") throws -> Fault? {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/\(name)"))
    let tokenizer = try Tokenizer(base: base)
    do {
      _ = try read(line).tokenized(by: tokenizer, for: base.configuration)
      return nil
    } catch let fault as Fault {
      return fault
    }
  }

  @Test func namesOfLabelsAreThoseOfTheModel() throws {
    #expect(try refusal(#"{"text": "a", "label": "neutral"}"#) == nil)
    let found = try refusal(#"{"text": "a", "label": "Neutral"}"#)
    #expect(found?.code == "DATA-LABEL" && found?.reason.contains("entailment, neutral") == true)
  }

  @Test(arguments: [
    (#"{"text": "a", "label": 3}"#, "DATA-LABEL", "last one of the model's head is 2"),
    (#"{"text": "a", "score": 1.5}"#, "DATA-LABEL", "3 classes"),
    (#"{"text": "a", "label": -1}"#, "DATA-FIELD", "label"),
    (#"{"text": "a", "label": 1.5}"#, "DATA-FIELD", "label"),
    (#"{"text": "", "label": 1}"#, "DATA-FIELD", "text"),
    (#"{"text": "a", "text_pair": "", "label": 1}"#, "DATA-FIELD", "text_pair"),
    (#"{"text": "a", "text_pair": "b"}"#, "DATA-FIELD", "without"),
    (#"{"text": "a", "label": 1, "score": 1}"#, "DATA-FIELD", "score"),
    (#"{"text": "a", "score": 1e300}"#, "DATA-FIELD", "Float32"),
    (#"{"text": "a"}"#, "DATA-HEAD", "predicts tokens"),
    (#"{"prompt": "a", "completion": "b"}"#, "DATA-HEAD", "predicts tokens"),
  ])
  func whatNoHeadAnswersIsRefused(line: String, code: String, words: String) throws {
    let found = try refusal(line)
    #expect(found?.code == code && found?.exitCode == 65, "\(found?.description ?? "none")")
    #expect(found?.description.contains(words) == true, "\(found?.description ?? "none")")
  }

  @Test func textsAreNotCut() throws {
    let long = String(repeating: "a b ", count: 40)
    let found = try refusal("{\"text\": \"\(long)\", \"label\": 0}")
    #expect(found?.code == "DATA-LENGTH" && found?.reason.contains("82 tokens") == true)
  }

  @Test func otherHeadsRefuseRows() throws {
    #expect(try refusal(#"{"text": "a", "label": 0}"#, "roberta-score")?.code == "DATA-LABEL")
    let none = try refusal(#"{"text": "a", "label": 0}"#, "roberta-masked")
    #expect(none?.code == "DATA-HEAD" && none?.reason.contains("no head for classes") == true)
    // A language model has none either.
    let bert = try BaseCheckpoint.open(Checkout.path("golden/models/bert"))
    let llama = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    let set = try read(#"{"text": "a", "label": 0}"#)
    let tokenizer = try Tokenizer(base: bert)
    let language = fault { () throws(Fault) in
      try set.tokenized(by: tokenizer, for: llama.configuration)
    }
    #expect(language?.code == "DATA-HEAD")
  }
}
