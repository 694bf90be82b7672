/// What this version reads, from the tables that the readers use; `formats/support.md` is compared with it.
public enum CheckpointSupport {
  /// The dtypes that a safetensors header may name, in the format's order.
  public static var safetensorsTypes: [String] { SafeTensorsDType.table.map(\.name) }

  /// `general.architecture` of GGUF models that can be bases.
  public static var ggufArchitectures: [String] {
    var seen: Set<String> = []
    return Family.all.filter(\.isInGGUF).map(\.ggufArchitecture)
      .filter { seen.insert($0).inserted }
  }

  /// The families: `model_type`, `general.architecture`, where GGUF is read, and the class of Transformers of each.
  public static var families: [(modelType: String, architecture: String?, className: String)] {
    Family.all.map { ($0.modelType, $0.isInGGUF ? $0.ggufArchitecture : nil, $0.className) }
  }

  /// `model_type` of Hugging Face models that can be bases.
  public static var huggingFaceModelTypes: [String] { Family.all.map(\.modelType) }
}
