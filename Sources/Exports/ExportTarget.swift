/// What an artifact can be written as (`formats/gguf-lora.md`, `mlx.md`, `kohya.md`, `lora-xs.md`).
public enum ExportTarget: String, Sendable, CaseIterable {
  /// A plain PEFT LoRA of the same rank: `A = Vᵀ`, `B = U·M`. Exact but for one rounding of `B` where ranks differ.
  case peft
  /// The base with the update added, as safetensors, `W + U·M·Vᵀ`, with the base's tokenizer.
  case merged
  /// The GGUF base with the changed weights replaced and everything else copied.
  case mergedGGUF = "merged-gguf"
  /// An adapter file for llama.cpp.
  case ggufLoRA = "gguf-lora"
  /// The folder of the LoRA-XS reference code: directions and latents.
  case loraXS = "lora-xs"
  /// An adapter folder of mlx-lm.
  case mlx
  /// One safetensors file with the names of kohya's sd-scripts.
  case kohya

  /// The ending of the one file that is written; nil for targets that fill a folder.
  public var fileExtension: String? {
    switch self {
    case .mergedGGUF, .ggufLoRA: "gguf"
    case .kohya: "safetensors"
    case .peft, .merged, .loraXS, .mlx: nil
    }
  }

  /// The element type where none is asked for: F16 where whole models are made for inference, else F32.
  public var defaultType: ExportType { self == .mergedGGUF ? .f16 : .f32 }
}
