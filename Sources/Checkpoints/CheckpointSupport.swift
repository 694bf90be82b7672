/// What this version reads, from the tables that the readers use; `formats/support.md` is compared with it.
public enum CheckpointSupport {
  /// The dtypes that a safetensors header may name, in the format's order.
  public static var safetensorsTypes: [String] { SafeTensorsDType.table.map(\.name) }

  /// `general.architecture` of GGUF models that can be bases.
  public static let ggufArchitectures = ["llama"]

  /// `model_type` of Hugging Face models that can be bases.
  public static let huggingFaceModelTypes = ["llama", "mistral"]
}
