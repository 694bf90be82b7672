internal import Checkpoints
public import Faults
internal import Files
public import JSON
internal import Tensors

/// A safetensors file of any names, with or without a configuration beside it.
public struct LooseAdapter: Sendable {
  /// Names and shapes.
  public var tensors: [(name: String, shape: [Int])]
  /// `adapter_config.json`; nil for none.
  public var configuration: JSONValue?
  /// `__metadata__`.
  public var metadata: [(key: String, value: String)]
  /// The name of the file of tensors.
  public var fileName: String

  /// An adapter of these tensors, filled with small whole numbers.
  public init(
    tensors: [(name: String, shape: [Int])], configuration: JSONValue? = nil,
    metadata: [(key: String, value: String)] = [], fileName: String = "adapters.safetensors"
  ) {
    self.tensors = tensors
    self.configuration = configuration
    self.metadata = metadata
    self.fileName = fileName
  }

  /// Writes the file, and the configuration where there is one.
  public func write(to folder: String) throws(Fault) {
    var writer = SafeTensorsWriter(metadata: metadata)
    for (index, tensor) in tensors.enumerated() {
      let values = (0..<tensor.shape.reduce(1, *)).map { Float(($0 * 7 + index * 3) % 11) - 5 }
      try writer.add(tensor.name, dtype: .f32, shape: tensor.shape, floats: values)
    }
    try writer.write(to: Paths.join(folder, fileName))
    if let configuration {
      try AtomicFile.write(
        Paths.join(folder, "adapter_config.json"), text: configuration.text())
    }
  }
}
