import Checkpoints
import Faults
import Files
import JSON
import Tensors

/// A safetensors file of any names, with or without a configuration beside it.
struct LooseAdapter {
  var tensors: [(name: String, shape: [Int])]
  var configuration: JSONValue?
  var metadata: [(key: String, value: String)] = []
  var fileName = "adapters.safetensors"

  func write(to folder: String) throws(Fault) {
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
