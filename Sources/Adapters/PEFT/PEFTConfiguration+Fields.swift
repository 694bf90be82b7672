import Faults
import JSON

/// Which members of a configuration say something about the update (`formats/peft.md` §2).
extension PEFTConfiguration {
  /// Fields that are read elsewhere or that do not change the update (§2.2).
  private static let known: Set<String> = [
    "peft_type", "r", "lora_alpha", "use_rslora", "fan_in_fan_out", "rank_pattern",
    "alpha_pattern", "target_modules", "base_model_name_or_path", "peft_version", "task_type",
    "inference_mode", "lora_dropout", "exclude_modules", "layers_to_transform", "layers_pattern",
    "auto_mapping", "revision", "megatron_config", "megatron_core", "loftq_config", "eva_config",
    "runtime_config", "use_qalora", "qalora_group_size", "ensure_weight_tying",
    "path_initial_model_for_weight_conversion", "low_cpu_mem_usage", "ephemeral_gpu_offload",
    "layer_replication",
  ]

  /// Members of AdaLoRA's configuration that steer training only.
  private static let adaptive: Set<String> = [
    "target_r", "init_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight",
    "total_step",
  ]

  /// What other programs write into the file for themselves: mentioned, and without effect.
  static let bookkeeping: Set<String> = [
    "_commit_hash", "_name_or_path", "base_model_class", "parent_library", "transformers_version",
    "torch_dtype", "dtype", "lora_dtype", "library_name", "model_type", "adapter_name",
    "cache_dir", "trust_remote_code", "local_files_only", "unsloth_version", "unsloth_fixed",
    "use_gradient_checkpointing", "gradient_checkpointing", "max_seq_length", "random_state",
    "seed", "merge_weights", "lorap_lr_ratio", "lorap_emb_lr", "loraplus_lr_ratio",
    "loraplus_lr_embedding", "learning_rate", "swift_version", "use_unsloth",
    "autocast_adapter_dtype",
  ]

  /// Refuses a member of unknown effect (69 `AD-FIELD`) and mentions those that are known to have none here.
  static func check(
    _ member: JSONObject.Member, isAdaptive: Bool, _ warnings: inout [Warning]
  ) throws(Fault) {
    if known.contains(member.key) || isAdaptive && adaptive.contains(member.key) { return }
    switch member.key {
    case "bias":
      // Trained biases are tensors of the file; a base without any has none to train.
      guard member.value.isNull || ["none", "all", "lora_only"].contains(member.value.stringValue)
      else { throw refused(member) }
    case "init_lora_weights":
      guard Initialisation.isKnown(member.value) else { throw refused(member) }
    case "velora_config", "monteclora_config":
      if isActive(member.value) {
        warnings.append(
          Warning(
            "AD-CONFIG", "at inference this is plain LoRA, extra tensors are ignored",
            subject: member.key))
      }
    default: try requireInactive(member, &warnings)
    }
  }

  /// Refuses a member of unknown effect that has a value (69 `AD-FIELD`), but for what is only bookkeeping.
  static func requireInactive(
    _ member: JSONObject.Member, _ warnings: inout [Warning]
  ) throws(Fault) {
    guard isActive(member.value) else { return }
    guard bookkeeping.contains(member.key) else { throw refused(member) }
    warnings.append(
      Warning("AD-CONFIG", "the field says nothing about the update", subject: member.key))
  }

  /// Whether a member says more than a plain LoRA's configuration does.
  static func isExtension(_ member: JSONObject.Member) -> Bool {
    switch member.key {
    case "use_dora", "lora_bias", "modules_to_save", "trainable_token_indices", "use_bdlora",
      "kasa_config", "target_parameters":
      isActive(member.value)
    case "bias": ["all", "lora_only"].contains(member.value.stringValue)
    case "init_lora_weights": Initialisation(member.value) != .unchanged
    default: false
    }
  }

  /// Why a member cannot be honoured and what its owner can do (§2.3).
  private static let advice: [String: String] = [
    "use_dora": "a magnitude beside these factors; merge the adapter into the base",
    "lora_bias": "a bias beside these factors; merge the adapter into the base",
    "bias": "a bias beside these factors; save it into the base first",
    "modules_to_save": "whole modules beside these factors; save them into the base first",
    "trainable_token_indices": "token rows beside these factors; merge the adapter into the base",
    "layer_replication": "layers of an expanded model; write that model out as the base",
    "alora_invocation_tokens": "active after certain tokens only, which no change of weights is; "
      + "train without, or serve it with PEFT",
    "arrow_config": "a mixture that depends on the input; convert its adapters one by one",
    "use_bdlora": "block-diagonal factors; merge the adapter into the base",
    "kasa_config": "the base lost singular directions; merge the adapter into the base",
    "target_parameters": "parameters of fused experts; merge the adapter into the base",
    "corda_config":
      "the base was changed by statistics of data, which the file does not hold; save with "
      + "path_initial_model_for_weight_conversion",
    "lora_ga_config": "the base was changed by gradients, which the file does not hold; save with "
      + "path_initial_model_for_weight_conversion",
  ]

  /// The same for initialisations, by the words they begin with.
  private static let initialisationAdvice: [(word: String, text: String)] = [
    (
      "pissa_niter",
      "its randomised factors cannot be drawn again; save with "
        + "path_initial_model_for_weight_conversion"
    ),
    ("loftq", "trained beside a quantised base of its own; merge the adapter into that base"),
  ]

  static func refused(_ member: JSONObject.Member) -> Fault {
    var text =
      advice[member.key]
      ?? "not a known field, so it may change the update; remove it if it does not"
    if member.key == "init_lora_weights" {
      let word = member.value.stringValue ?? ""
      text =
        initialisationAdvice.first { word.hasPrefix($0.word) }?.text
        ?? "the base was changed; save with path_initial_model_for_weight_conversion"
    }
    return Fault(
      .unsupported, "AD-FIELD",
      "\(Fault.escaped(member.key, limit: 64)) = "
        + "\(Fault.escaped(member.value.text(), limit: 64)) is not supported: \(text)")
  }

  /// Whether a field has a value other than null, false, "" and empty.
  static func isActive(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool(false): false
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let object): !object.isEmpty
    default: true
    }
  }

  /// How many layers the stack has that adapter layers count; nil where nothing is said.
  ///
  /// Only where it is the base's own are they the base's, which is compared when the base is known.
  static func stackedLayers(_ field: JSONField) throws(Fault) -> Int? {
    guard field.isPresent, field.value.map(isActive) == true else { return nil }
    var next = 0
    for range in try field.array() {
      let ends = try range.array()
      guard ends.count == 2 else { throw range.fault("expected two layer numbers") }
      let (first, end) = (try ends[0].int(in: 0...(1 << 20)), try ends[1].int(in: 0...(1 << 20)))
      guard first == next, end >= first else {
        throw Fault(
          .unsupported, "AD-FIELD",
          "layer_replication = \(Fault.escaped(field.value?.text() ?? "", limit: 64)) is not supported: "
            + "\(advice["layer_replication"] ?? "")")
      }
      next = end
    }
    return next
  }
}
