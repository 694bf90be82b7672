/// The forms in which a checkpoint may come.
public enum CheckpointFormat: String, Sendable, Hashable, CaseIterable {
  /// One GGUF file, or a split one.
  case gguf
  /// One safetensors file.
  case safetensors
  /// A Hugging Face directory: `config.json` and one or more safetensors files.
  case huggingFace = "hf"
}
