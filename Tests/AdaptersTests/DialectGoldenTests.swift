import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Adapters of every dialect against the weight changes that PEFT and PyTorch computed
/// (`golden/tools/make_adapters.py`).
@Suite struct DialectGoldenTests {
  static let root = "golden/adapters_dialects"
  static let base = "golden/tiny/model"

  static let cases: [(name: String, dialect: AdapterDialect, reason: String)] = [
    ("pissa-converted", .peft, "keys hold .lora_A"), ("adalora", .peft, "keys hold .lora_"),
    ("qalora", .peft, "keys hold .lora_A"), ("bin", .peft, "keys hold .lora_A"),
    ("peft-loha", .peft, "keys begin with base_model"),
    ("peft-lokr-whole", .peft, "keys begin with base_model"),
    ("peft-lokr-split", .peft, "keys begin with base_model"),
    ("tinylora", .tinyLoRA, "keys hold tinylora_"), ("vera", .vera, "keys hold vera_"),
    ("lora-xs", .loraXS, "keys hold lora_latent_mapping"), ("mlx", .mlx, "keys end in .lora_a"),
    ("kohya-lora", .kohya, "keys end in .lora_"), ("kohya-loha", .kohya, "keys end in .hada_"),
    ("kohya-lokr", .kohya, "keys end in .lokr_"),
    ("diffusers", .diffusers, "component text_encoder"),
    ("diffusers-old", .diffusers, "keys end in lora."),
    ("gguf-lora", .ggufLoRA, "names end in .lora_"),
    ("gguf-lora-unscaled", .ggufLoRA, "names end in .lora_"),
  ]

  static func product(_ update: LowRankUpdate) -> [Double] {
    var result = [Double](repeating: 0, count: update.outFeatures * update.inFeatures)
    for row in 0..<update.outFeatures {
      for k in 0..<update.rank {
        let factor = update.scaling * Double(update.loraB[row, k])
        for column in 0..<update.inFeatures {
          result[row * update.inFeatures + column] += factor * Double(update.loraA[k, column])
        }
      }
    }
    return result
  }

  @Test(arguments: cases)
  func updates(name: String, dialect: AdapterDialect, reason: String) throws {
    let path = Checkout.path("\(Self.root)/\(name)")
    let read = try Adapter.open(path)
    #expect(read.dialect == dialect)
    #expect(read.detection.reason.contains(reason), "\(read.detection.reason)")
    #expect(read.name == name)
    #expect(AdapterFiles.isAdapter(path))
    let base = try BaseCheckpoint.open(Checkout.path(Self.base))
    let adapter = try read.matched(to: base.configuration)
    let answers = try SafeTensorsFile.open(Checkout.path("\(Self.root)/expected.safetensors"))
    let wanted = answers.tensors.map(\.name).filter { $0.hasPrefix(name + "/") }
    #expect(wanted.count >= 2)
    #expect(Set(adapter.updates.map { "\(name)/\($0.moduleName)" }) == Set(wanted))
    for update in adapter.updates {
      let answer = try answers.tensor("\(name)/\(update.moduleName)")
      #expect(answer.shape == [update.outFeatures, update.inFeatures])
      #expect(update.rank <= min(update.outFeatures, update.inFeatures))
      let error = relativeError(Self.product(update), try answers.floats(of: answer))
      #expect(error < 1e-6, "\(update.moduleName): \(error)")
    }
    // Naming the dialect reads the same.
    #expect(try Adapter.open(path, format: dialect).updates == read.updates)
  }

  /// Bytes changed anywhere in the weights or the configuration: refused or read, never a crash.
  @Test(arguments: cases.map(\.name)) func changedBytesAreRefusedOrRead(name: String) throws {
    let folder = URL(fileURLWithPath: Checkout.path("\(Self.root)/\(name)"))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let modules: [Adapter.Module] = try BaseCheckpoint.open(Checkout.path(Self.base))
      .configuration.linearModules.map { ($0.name, $0.outFeatures, $0.inFeatures) }
    try withTemporaryDirectory { (copy) throws in
      let target = URL(fileURLWithPath: copy)
      for file in files {
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent(file), to: target.appendingPathComponent(file))
      }
      var refused = 0
      for file in files {
        let bytes = try Data(contentsOf: folder.appendingPathComponent(file))
        // The header of a file is where its numbers and names are.
        for place in stride(from: 0, to: min(bytes.count, 2048), by: Self.step) {
          for mask: UInt8 in [0xff, 0x01, 0x10] {
            var changed = bytes
            changed[place] ^= mask
            try changed.write(to: target.appendingPathComponent(file))
            let found = fault { () throws(Fault) in
              try Adapter.open(copy).matched(to: modules, headDimension: 8)
            }
            if found != nil { refused += 1 }
          }
        }
        try bytes.write(to: target.appendingPathComponent(file))
      }
      #expect(refused > 20)
    }
  }

  private static let step = 41

  @Test func factorsOfLoRAXSTellTheirBase() throws {
    let base = try BaseCheckpoint.open(Checkout.path(Self.base))
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/lora-xs"))
      .matched(to: base.configuration)
    func resolved(_ factor: Float) throws -> Adapter {
      try adapter.resolved { (module) throws(Fault) in
        var weight = try base.matrix(module + ".weight")
        for index in weight.elements.indices { weight.elements[index] *= factor }
        return weight
      }
    }
    #expect(try resolved(1).warnings == adapter.warnings)
    let other = try resolved(1.05)
    #expect(other.warnings.lines.last?.contains("another base") == true)
    for (before, after) in zip(adapter.updates, other.updates) {
      #expect(before.loraA == after.loraA && before.loraB == after.loraB)
      #expect(after.relation == .none)
    }
  }

  @Test func exactRanksOfProducts() throws {
    func ranks(_ name: String) throws -> [Int] {
      try Adapter.open(Checkout.path("\(Self.root)/\(name)")).updates.map(\.rank).sorted()
    }
    // 3·3 by Khatri-Rao; 5·5 exceeds the 16 rows of the key projection.
    #expect(try ranks("kohya-loha") == [9, 16])
    // 4·2, 2·2, 2·8 and, the wide product cut to its rank, 2·16.
    #expect(try ranks("kohya-lokr") == [4, 8, 16, 32])
  }

  @Test func queriesAndKeysOfGGUFAreReordered() throws {
    let base = try BaseCheckpoint.open(Checkout.path(Self.base))
    let read = try Adapter.open(Checkout.path("\(Self.root)/gguf-lora"))
    let adapter = try read.matched(to: base.configuration)
    for (before, after) in zip(read.updates, adapter.updates) {
      let isReordered = [".q_proj", ".k_proj"].contains { after.moduleName.hasSuffix($0) }
      #expect((before.loraB != after.loraB) == isReordered)
      #expect(before.loraA == after.loraA)
    }
    let unknown = fault { () throws(Fault) in
      try read.matched(
        to: base.configuration.linearModules.map { ($0.name, $0.outFeatures, $0.inFeatures) })
    }
    #expect(unknown?.code == "AD-BASE")
  }

  @Test func underscoresThatCouldMeanTwoModulesAreRefused() throws {
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/kohya-loha"))
    let twins = ["model.layers.0.self_attn.q_proj", "model.layers.0.self.attn_q_proj"]
    let found = fault { () throws(Fault) in
      try adapter.matched(
        to: [("model.layers.0.self_attn.k_proj", 16, 32)] + twins.map { ($0, 32, 32) })
    }
    #expect(found?.code == "AD-TARGET")
    for twin in twins { #expect(found?.reason.contains(twin) == true) }
  }
}
