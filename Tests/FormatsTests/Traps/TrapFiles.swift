import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Opens `bytes` as a checkpoint and returns what `body` makes of it.
func withFile<R>(
  _ bytes: [UInt8], named name: String = "model.gguf", _ body: (String) throws -> R
) throws -> R {
  try withTemporaryDirectory { folder in
    let path = Paths.join(folder, name)
    try AtomicFile.write(path, bytes: bytes)
    return try body(path)
  }
}

/// The fault that `body` ends in; nil where it does not.
func refusal<R>(_ body: () throws -> R) -> Fault? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? Fault
  }
}

/// The values of tensor `w` in a GGUF file of one tensor.
func decoded(_ type: UInt32, shape: [Int], _ data: [UInt8]) throws -> [Float] {
  var builder = GGUFBuilder()
  builder.add("w", shape: shape, type: type, data: data)
  return try withFile(builder.bytes()) { try Checkpoint.open($0).floats("w") }
}

/// The fault of opening the tiny model as a GGUF base after `change`.
func refusalOfBase(_ change: (inout GGUFBuilder) -> Void) throws -> Fault? {
  var builder = try TinyLlama.gguf()
  change(&builder)
  return try withFile(builder.bytes()) { path in refusal { try BaseCheckpoint.open(path) } }
}

/// The fault of opening the tiny model as a Hugging Face directory after `change`.
func refusalOfBase(setting key: String, to value: Any) throws -> Fault? {
  try TinyLlama.withCopy(config: { $0[key] = value }) { folder in
    refusal { try BaseCheckpoint.open(folder) }
  }
}

/// Adapters as traps need them: one module, small whole numbers.
enum TrapAdapter {
  static let module = "model.layers.0.self_attn.q_proj"
  static let prefix = "base_model.model.\(module)"

  /// A PEFT adapter of rank 2 with more members and tensors.
  static func peft(
    _ members: [String: JSONValue] = [:], _ tensors: [(String, [Int])] = [],
    pair: (a: [Int], b: [Int]) = ([2, 4], [3, 2])
  ) -> LooseAdapter {
    peft(
      members,
      tensors: [
        (name: "\(prefix).lora_A.weight", shape: pair.a),
        (name: "\(prefix).lora_B.weight", shape: pair.b),
      ] + tensors.map { (name: $0.0, shape: $0.1) })
  }

  /// A PEFT adapter of these tensors alone.
  static func peft(
    _ members: [String: JSONValue] = [:], tensors: [(name: String, shape: [Int])]
  ) -> LooseAdapter {
    var configuration = JSONObject([("peft_type", "LORA"), ("r", 2), ("lora_alpha", 4)])
    for (key, value) in members { configuration[key] = value }
    return LooseAdapter(
      tensors: tensors, configuration: .object(configuration), fileName: "adapter_model.safetensors"
    )
  }

  static func open(_ adapter: LooseAdapter) throws -> Adapter {
    try withTemporaryDirectory { folder in
      try adapter.write(to: folder)
      return try read(folder)
    }
  }

  static func read(_ path: String) throws -> Adapter { try Adapter.open(path) }

  /// That a file with these members and tensors is not read as the plain pair in it: it is refused, or means
  /// another change, or a change of more numbers.
  static func expectNotPlain(
    _ members: [String: JSONValue] = [:], _ tensors: [(String, [Int])] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let plain = try open(peft())
    do {
      let found = try open(peft(members, tensors))
      #expect(
        found.updates != plain.updates || found.parameterCount > plain.parameterCount,
        "\(members.keys) \(tensors)", sourceLocation: sourceLocation)
    } catch {
      let isRefused = [.unsupported, .badData].contains((error as? Fault)?.kind)
      #expect(isRefused, "\(error)", sourceLocation: sourceLocation)
    }
  }

  /// ΔW = s·B·A in Float64, row-major.
  static func product(_ update: LowRankUpdate) -> [Double] {
    var result = [Double](repeating: 0, count: update.outFeatures * update.inFeatures)
    for row in 0..<update.outFeatures {
      for column in 0..<update.inFeatures {
        var sum = 0.0
        for k in 0..<update.rank {
          sum += Double(update.loraB[row, k]) * Double(update.loraA[k, column])
        }
        result[row * update.inFeatures + column] = update.scaling * sum
      }
    }
    return result
  }

  /// That a golden adapter makes the weight changes that its own program computed.
  static func expectGolden(
    _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder)
    let adapter = try Adapter.open(Checkout.path("golden/adapters_dialects/\(name)"))
      .matched(to: base.configuration)
    let answers = try SafeTensorsFile.open(
      Checkout.path("golden/adapters_dialects/expected.safetensors"))
    #expect(!adapter.updates.isEmpty, sourceLocation: sourceLocation)
    for update in adapter.updates {
      let answer = try answers.floats(of: answers.tensor("\(name)/\(update.moduleName)"))
      let error = relativeError(product(update), answer)
      #expect(error < 1e-6, "\(name) \(update.moduleName)", sourceLocation: sourceLocation)
    }
  }
}
