import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Which encoders are read, with and without a head, and which are refused.
@Suite struct EncoderSettingsTests {
  private func refusal(_ name: String, _ changes: [String: Any]) throws -> Fault? {
    try withModelCopy(name, changes) { path in
      fault { () throws(Fault) in try BaseCheckpoint.open(path) }
    }
  }

  @Test func headsAreThoseOfTheFiles() throws {
    func model(_ name: String) throws -> DecoderConfiguration {
      try BaseCheckpoint.open(Checkout.path("golden/models/\(name)")).configuration
    }
    let bert = try model("bert")
    #expect(bert.classHead?.names == ["entailment", "neutral", "contradiction"])
    #expect(bert.contextLength == 64 && bert.positionOffset == 0 && bert.hasPooler)
    #expect(bert.classModules == ["classifier"] && !bert.hasLanguageHead)
    let roberta = try model("roberta")
    // As many names as Transformers has where none are said.
    #expect(roberta.classHead?.names == ["LABEL_0", "LABEL_1"] && roberta.statedLabels == nil)
    #expect(roberta.contextLength == 64 && roberta.positionOffset == 2)
    #expect(roberta.classModules == ["classifier.dense", "classifier.out_proj"])
    let masked = try BaseCheckpoint.open(Checkout.path("golden/models/roberta-masked"))
    #expect(masked.configuration.classHead == nil && !masked.configuration.answers)
    #expect(masked.checkpoint.warnings.count { $0.kind == "CK-HEAD" } == 5)
    #expect(try model("roberta-score").classHead?.isRegression == true)
  }

  /// A model without a head has names without the first component; the first files call a norm's numbers gamma and beta.
  @Test func bareAndOldNamesAreTheSame() throws {
    let whole = try BaseCheckpoint.open(Checkout.path("golden/models/bert"))
    try withModelCopy("bert", ["architectures": ["BertModel"], "id2label": NSNull()]) { name in
      guard name.hasPrefix("bert.") else { return nil }
      return String(name.dropFirst(5)).replacing("LayerNorm.weight", with: "LayerNorm.gamma")
        .replacing("LayerNorm.bias", with: "LayerNorm.beta")
    } _: { path in
      let bare = try BaseCheckpoint.open(path)
      #expect(bare.configuration.classHead == nil && bare.configuration.hasPooler)
      #expect(bare.linearModules == whole.linearModules)
      for parameter in bare.configuration.parameters {
        let (a, b) = try (bare.digest(parameter.name), whole.digest(parameter.name))
        #expect(a == b, "\(parameter.name)")
      }
    }
  }

  @Test(arguments: [
    ("is_decoder", true as any Sendable), ("position_embedding_type", "relative_key"),
    ("problem_type", "multi_label_classification"), ("problem_type", "regression"),
    ("hidden_act", "gelu_of_mine"),
  ])
  func otherModelsAreRefused(key: String, value: any Sendable) throws {
    for name in ["bert", "roberta"] {
      let found = try refusal(name, [key: value])
      #expect(found?.code == "CFG-UNSUPPORTED" && found?.reason.contains(key) == true, "\(name)")
    }
  }

  /// DeBERTa without what it is read with, or with what would change it, is refused by name; so is what is only missing, where
  /// the class then takes another value.
  @Test(arguments: [
    ("relative_attention", false as any Sendable), ("position_biased_input", true),
    ("share_att_key", false), ("norm_rel_ebd", "none"), ("pos_att_type", "c2p"),
    ("conv_kernel_size", 3), ("type_vocab_size", 2), ("pooler_hidden_act", "tanh"),
    ("pooler_hidden_size", 16), ("embedding_size", 16), ("attention_head_size", 4),
    ("position_biased_input", NSNull()), ("pos_att_type", NSNull()), ("z_steps", 2),
  ])
  func otherDisentangledModelsAreRefused(key: String, value: any Sendable) throws {
    let found = try refusal("deberta", [key: value])
    #expect(found?.code == "CFG-UNSUPPORTED" && found?.reason.contains(key) == true, "\(key)")
  }

  @Test func disentangledModelsAreRead() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/deberta"))
    #expect(base.configuration.relativePositions == RelativePositions(buckets: 8, reach: 64))
    #expect(base.configuration.classModules == ["pooler.dense", "classifier"])
    #expect(try refusal("deberta", ["pos_att_type": "p2c|c2p"]) == nil)
    #expect(try refusal("deberta", ["position_buckets": 200])?.code == "CFG")
    #expect(try refusal("deberta", ["position_buckets": -1])?.code == "CK-SHAPE")
    let masked = try BaseCheckpoint.open(Checkout.path("golden/models/deberta-masked"))
    #expect(masked.configuration.classHead == nil)
    #expect(masked.checkpoint.warnings.count { $0.kind == "CK-HEAD" } == 5)
  }

  /// Rows of distances against Transformers' own function, beyond the reach too.
  @Test func distancesAreThoseOfTransformers() throws {
    let path = Checkout.path("golden/models/deberta/distances.json")
    let cases = try JSONValue.parse(InputFile(path).readAll(limit: 1 << 20)).arrayValue ?? []
    #expect(cases.count == 5)
    for item in cases {
      let relative = RelativePositions(
        buckets: item["buckets"]?.intValue, reach: try #require(item["reach"]?.intValue))
      #expect(relative.isUsable)
      let first = try #require(item["first"]?.intValue)
      let rows = (item["rows"]?.arrayValue ?? []).compactMap(\.intValue)
      let found = rows.indices.map { relative.row(of: first + $0) }
      #expect(rows.count > 100 && found == rows, "\(relative)")
    }
    // Without buckets every offset within the reach has its own.
    let plain = RelativePositions(buckets: nil, reach: 4)
    #expect((-6...6).map(plain.row) == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7])
  }

  @Test func contradictionsAreRefused() throws {
    let other = try refusal("bert", ["architectures": ["BertForTokenClassification"]])
    #expect(other?.code == "CFG-UNSUPPORTED")
    #expect(other?.reason.contains("BertForTokenClassification") == true)
    #expect(try refusal("bert", ["id2label": ["0": "a", "2": "b"]])?.code == "CFG")
    #expect(try refusal("bert", ["id2label": ["0": "a", "1": "b"]])?.code == "CK-SHAPE")
    #expect(try refusal("bert", ["num_labels": 2])?.code == "CFG")
    #expect(try refusal("roberta", ["max_position_embeddings": 2])?.code == "CFG")
    #expect(try refusal("roberta", ["max_position_embeddings": 60])?.code == "CK-SHAPE")
    let absent = try refusal(
      "roberta-masked", ["architectures": ["RobertaForSequenceClassification"]])
    #expect(absent?.code == "CK-TENSOR" && absent?.tensor?.hasPrefix("classifier.") == true)
  }
}
