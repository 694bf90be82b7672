import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Files that hold more or say less than what PEFT makes of them, against what it loads and merges
/// (`golden/tools/make_loaded.py`).
@Suite struct LoadedAdapterTests {
  static let root = "golden/adapters_loaded"

  /// A case and the kinds of its warnings.
  static let cases: [(name: String, warnings: Set<String>)] = [
    ("targets-list", ["AD-TARGET"]), ("targets-layers", ["AD-TARGET"]),
    ("targets-layers-pattern", ["AD-TARGET"]), ("targets-excluded", ["AD-TARGET"]),
    ("targets-excluded-pattern", ["AD-TARGET"]), ("targets-boundary", ["AD-TARGET"]),
    ("targets-look-ahead", ["AD-TARGET"]), ("targets-look-away", ["AD-TARGET"]),
    ("targets-lazy", ["AD-TARGET"]), ("defaults", ["AD-CONFIG"]), ("rank-above", []), ("head", []),
    ("state-dictionary", []), ("resized", ["AD-EXTRA"]), ("lokr-root", ["AD-CONFIG"]),
    ("loha-root", ["AD-CONFIG"]),
  ]

  @Test(arguments: cases) func changesWhatPEFTChanges(name: String, warnings: Set<String>) throws {
    let read = try Adapter.open(Checkout.path("\(Self.root)/\(name)"))
    #expect(Set(read.warnings.map(\.kind)) == warnings, "\(read.warnings.lines)")
    let base = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
    let adapter = try read.matched(to: base.configuration)
    let answers = try SafeTensorsFile.open(Checkout.path("\(Self.root)/expected.safetensors"))
    var changed: Set<String> = []
    for parameter in base.configuration.parameters.map(\.name) {
      let before = try base.checkpoint.floats(parameter)
      let after = AdapterVariantTests.changed(before, parameter, by: adapter)
      guard after != before else { continue }
      changed.insert("\(name)/\(parameter)")
      guard let answer = answers["\(name)/\(parameter)"] else {
        Issue.record("\(parameter) changes, and PEFT leaves it alone")
        continue
      }
      let error = relativeError(after, try answers.floats(of: answer))
      #expect(error < 1e-6, "\(parameter): \(error)")
    }
    #expect(changed == Set(answers.tensors.map(\.name).filter { $0.hasPrefix(name + "/") }))
  }

  /// LoRA of a head that is the embeddings, saved with the copy of its base layer: the head changes alone.
  @Test func aTiedHeadChangesAlone() throws {
    let original = try SafeTensorsFile.open(TinyLlama.folder + "/model.safetensors")
    try TinyLlama.withCopy(config: { $0["tie_word_embeddings"] = true }) { folder in
      var writer = SafeTensorsWriter(metadata: [])
      for tensor in original.tensors where tensor.name != "lm_head.weight" {
        try writer.add(
          tensor.name, dtype: .f32, shape: tensor.shape, floats: try original.floats(of: tensor))
      }
      try writer.write(to: Paths.join(folder, "model.safetensors"))
      let base = try BaseCheckpoint.open(folder)
      let read = try Adapter.open(Checkout.path("\(Self.root)/head-tied"))
      let adapter = try read.matched(to: base.configuration)
      let answers = try SafeTensorsFile.open(Checkout.path("\(Self.root)/expected.safetensors"))
      let expected = answers.tensors.filter { $0.name.hasPrefix("head-tied/") }
      #expect(expected.count == 3)
      for answer in expected {
        let parameter = String(answer.name.dropFirst("head-tied/".utf8.count))
        let before = try base.checkpoint.floats(
          parameter == "lm_head.weight" ? "model.embed_tokens.weight" : parameter)
        let after = AdapterVariantTests.changed(before, parameter, by: adapter)
        let error = relativeError(after, try answers.floats(of: answer))
        #expect(after != before && error < 1e-6, "\(parameter): \(error)")
      }
      let embeddings = try base.checkpoint.floats("model.embed_tokens.weight")
      let after = AdapterVariantTests.changed(
        embeddings, "model.embed_tokens.weight", by: adapter)
      #expect(after == embeddings)
    }
  }

  /// A classifier's trained head is a part of its own beside a language model, which has no such parameter.
  @Test(arguments: ["score", "classifier", "classifier.out_proj"])
  func headsOfClassifiersAreKept(head: String) throws {
    var tiny = TinyAdapter()
    tiny.set("modules_to_save", ["classifier", "score"])
    tiny.add("base_model.model.\(head).weight", [2, 32])
    try withTemporaryDirectory { folder in
      try tiny.write(to: folder)
      let adapter = try Adapter.open(folder)
      #expect(adapter.parts.count == 1)
      let modules = adapter.updates.map { ($0.moduleName, $0.outFeatures, $0.inFeatures) }
      let matched = try adapter.matched(
        to: modules, parameters: [("lm_head.weight", [64, 32])])
      #expect(matched.parts == adapter.parts && matched.parts[0].parameter == head + ".weight")
      // A base that has one must have this one.
      let refusal = fault { () throws(Fault) in
        try adapter.matched(to: modules, parameters: [(head + ".weight", [3, 32])])
      }
      #expect(refusal?.code == "AD-BASE")
    }
  }

  /// PEFT would make a model of one layer of this base, which has two.
  @Test(arguments: [(1, "AD-FIELD"), (2, nil), (3, "AD-FIELD")] as [(Int, String?)])
  func stacksAreThoseOfTheBase(layers: Int, code: String?) throws {
    let source = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      var settings = try JSONValue.parse(
        InputFile("\(source)/adapter_config.json").readAll(limit: 1 << 20))
      settings = ChangedJSON.setting(
        settings, ["layer_replication"], [[0, .integer(layers)]])
      try AtomicFile.write(Paths.join(folder, "adapter_config.json"), text: settings.text())
      let weights = try InputFile("\(source)/adapter_model.safetensors").readAll(limit: 1 << 20)
      try AtomicFile.write(Paths.join(folder, "adapter_model.safetensors"), bytes: weights)
      let base = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
      let read = try Adapter.open(folder)
      let found = fault { () throws(Fault) in try read.matched(to: base.configuration) }
      #expect(found?.code == code && found?.exitCode ?? 69 == 69)
    }
  }

  /// Rank 48 on weights of 16 and 32 rows: the factors stay as they are, and the compact form is the same change.
  @Test func ranksAboveTheSmallerSide() throws {
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/rank-above"))
    #expect(adapter.rank == 48 && adapter.updates.allSatisfy { $0.rank == 48 })
    for update in adapter.updates {
      let compact = update.compact
      #expect(compact.rank == min(update.outFeatures, update.inFeatures))
      let product = DialectGoldenTests.product(update)
      #expect(relativeError(DialectGoldenTests.product(compact), product) < 1e-7)
      let square = product.reduce(0) { $0 + $1 * $1 }
      #expect(abs(update.squaredNorm / square - 1) < 1e-6)
      #expect(update.compact.compact == compact)
    }
  }
}
