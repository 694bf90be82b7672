import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// What `body` makes of a copy of `golden/models/NAME` whose `config.json` and tensors are changed.
func withModelCopy<R>(
  _ name: String, _ changes: [String: Any] = [:],
  tensors: ((String) -> String?)? = nil, _ body: (String) throws -> R
) throws -> R {
  try withTemporaryDirectory { parent in
    let copy = parent + "/model"
    try FileManager.default.copyItem(
      atPath: Checkout.path("golden/models/\(name)"), toPath: copy)
    let url = URL(fileURLWithPath: copy + "/config.json")
    let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    let config = try #require(parsed as? [String: Any]).merging(changes) { $1 }
    try JSONSerialization.data(withJSONObject: config).write(to: url)
    if let tensors {
      let path = copy + "/model.safetensors"
      let file = try SafeTensorsFile.open(path)
      var writer = SafeTensorsWriter()
      for tensor in file.tensors {
        guard let name = tensors(tensor.name) else { continue }
        try writer.add(
          name, dtype: .f32, shape: tensor.shape, floats: try file.floats(of: tensor))
      }
      try FileManager.default.removeItem(atPath: path)
      try writer.write(to: path)
    }
    return try body(copy)
  }
}
