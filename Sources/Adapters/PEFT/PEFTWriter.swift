import Checkpoints
public import Faults
import Files
import JSON
public import Tensors

/// Writes updates as a PEFT LoRA directory that PEFT itself loads (`formats/peft.md` §7).
public enum PEFTWriter {
  /// Writes `adapter_config.json` and `adapter_model.safetensors` into `directory`, which is made
  /// when missing.
  ///
  /// Mixed ranks go to `rank_pattern` under full module paths; the most common rank becomes `r`. There is one
  /// `lora_alpha`, the most common s·r, and no `alpha_pattern`, which llama.cpp's converter ignores: where a
  /// module's own s·r differs, `B` is multiplied by s·r / alpha before it is rounded to its type.
  ///
  /// - Parameters:
  ///   - updates: In any order; names must differ.
  ///   - extras: What is written beside them (§7.2).
  ///   - dtype: F32, F16 or BF16 for the factors.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a factor does not fit `dtype`;
  ///   70 `AD-WRITE` for no updates.
  public static func write(
    _ updates: [LowRankUpdate], extras: PEFTExtras = PEFTExtras(), to directory: String,
    baseModelName: String?, dtype: DType = .f32
  ) throws(Fault) {
    let all = try UpdateOrder.sorted(updates)
    let alpha = UpdateOrder.commonAlpha(all + extras.embeddings)
    let updates = all.map { $0.scaled(toAlpha: alpha) }
    var extras = extras
    extras.embeddings = extras.embeddings.map { $0.scaled(toAlpha: alpha) }
    var weights = SafeTensorsWriter()
    try extras.add(to: &weights, dtype: dtype)
    for update in updates {
      let prefix = "base_model.model.\(update.moduleName)"
      try weights.add("\(prefix).lora_A.weight", dtype: dtype, matrix: update.loraA)
      try weights.add("\(prefix).lora_B.weight", dtype: dtype, matrix: update.loraB)
    }
    try Paths.makeDirectory(directory)
    // An earlier adapter's would give these weights another scale until its own is there.
    Paths.removeIfPresent(Paths.join(directory, AdapterFiles.configurationName))
    try weights.write(to: Paths.join(directory, AdapterPlace.names[0]))
    var settings =
      configuration(updates + extras.embeddings, baseModelName: baseModelName).objectValue
      ?? JSONObject()
    extras.complete(&settings)
    let text = JSONValue.object(settings).text(pretty: true)
    try AtomicFile.write(Paths.join(directory, AdapterFiles.configurationName), text: text)
  }

  /// `adapter_config.json` of `updates`, which have one s·r, are in module order and not empty.
  static func configuration(
    _ updates: [LowRankUpdate], baseModelName: String?, taskType: String? = nil
  ) -> JSONValue {
    let rank = UpdateOrder.mostCommon(updates.map(\.rank))
    let alpha = UpdateOrder.commonAlpha(updates)
    var ranks = JSONObject()
    for update in updates where update.rank != rank {
      ranks[update.moduleName] = .integer(update.rank)
    }
    // A list of last components would also catch modules of the same kind that have no update.
    let targets = updates.map { JSONValue.string($0.moduleName) }
    return [
      "peft_type": "LORA", "task_type": taskType.map { .string($0) } ?? .null,
      "base_model_name_or_path": baseModelName.map { .string($0) } ?? .null,
      "r": .integer(rank), "lora_alpha": number(alpha), "use_rslora": false,
      "rank_pattern": .object(ranks), "alpha_pattern": [:],
      "target_modules": .array(targets), "bias": "none", "fan_in_fan_out": false,
      "init_lora_weights": true, "inference_mode": true, "lora_dropout": 0.0,
      "modules_to_save": nil, "use_dora": false,
    ]
  }

  /// Whole numbers as integers: older PEFT types `lora_alpha` so.
  private static func number(_ value: Double) -> JSONValue {
    Int64(exactly: value).map { .integer($0) } ?? .number(value)
  }
}
