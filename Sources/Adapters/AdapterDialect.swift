/// The ways in which programs write LoRA adapters (`formats/adapters.md` §1).
public enum AdapterDialect: String, Sendable, Hashable, CaseIterable {
  /// Hugging Face PEFT: LoRA with its variants, AdaLoRA, LoHa, LoKr (`formats/peft.md`).
  case peft
  /// The LoRA-XS authors' own checkpoints: PEFT with a latent between the factors.
  case loraXS = "lora-xs"
  /// kohya's sd-scripts and LyCORIS: LoRA, LoCon, LoHa, LoKr under names with underscores.
  case kohya
  /// diffusers: PEFT's factors under the name of a pipeline's component.
  case diffusers
  /// MLX-LM: transposed factors and a scale of their own.
  case mlx
  /// llama.cpp: GGUF tensors `.lora_a` and `.lora_b`.
  case ggufLoRA = "gguf-lora"
  /// PEFT TinyLoRA: a few trained numbers between frozen factors.
  case tinyLoRA = "peft-tinylora"
  /// PEFT VeRA: trained vectors around random factors that all modules share.
  case vera = "peft-vera"

  /// All names, for messages.
  public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
