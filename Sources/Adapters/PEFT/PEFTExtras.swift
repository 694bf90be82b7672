import Checkpoints
import Faults
import JSON
public import Tensors

/// What a PEFT directory holds beside updates of linear modules (`formats/peft.md` §7.2, §8).
public struct PEFTExtras: Sendable {
  /// DoRA's m of every updated module by its path, `[outFeatures]`; empty for plain LoRA.
  public var magnitudes: [(module: String, values: [Float])] = []
  /// Parameters saved whole.
  public var saved: [(module: String, leaf: String, shape: [Int], values: [Float])] = []
  /// Trained rows, their numbers ascending.
  public var tokens: [(module: String, rows: [Int], values: Matrix<Float>)] = []
  /// Updates of embeddings, `B` `[tokens, r]`, `A` `[r, width]`.
  public var embeddings: [LowRankUpdate] = []

  /// `task_type`: nil where none of PEFT's classes is meant.
  public var taskType: String? = "CAUSAL_LM"

  /// Nothing.
  public init() {}

  func add(to writer: inout SafeTensorsWriter, dtype: DType) throws(Fault) {
    func name(_ module: String, _ rest: String) -> String { "base_model.model.\(module).\(rest)" }
    for (module, values) in magnitudes {
      try writer.add(
        name(module, "lora_magnitude_vector"), dtype: dtype, shape: [values.count], floats: values)
    }
    for item in saved {
      try writer.add(
        name(item.module, item.leaf), dtype: dtype, shape: item.shape, floats: item.values)
    }
    for item in tokens {
      try writer.add(
        name(item.module, "token_adapter.trainable_tokens_delta"), dtype: dtype,
        matrix: item.values)
    }
    for update in embeddings {
      try writer.add(
        name(update.moduleName, "lora_embedding_A"), dtype: dtype, matrix: update.loraB.transposed)
      try writer.add(
        name(update.moduleName, "lora_embedding_B"), dtype: dtype, matrix: update.loraA.transposed)
    }
  }

  func complete(_ settings: inout JSONObject) {
    if !magnitudes.isEmpty { settings["use_dora"] = true }
    var modules: [String] = []
    for item in saved where !modules.contains(item.module) { modules.append(item.module) }
    if !modules.isEmpty { settings["modules_to_save"] = .array(modules.map { .string($0) }) }
    settings["task_type"] = taskType.map { .string($0) } ?? .null
    guard !tokens.isEmpty else { return }
    settings["trainable_token_indices"] = .object(
      JSONObject(
        tokens.map { item in (item.module, .array(item.rows.map { .integer($0) })) }))
  }
}
