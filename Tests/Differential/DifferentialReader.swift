import Adapters
import Checkpoints
import Faults
import Files
import Foundation

/// What the product's readers make of a file, in a form that another reader can be asked for too.
struct DifferentialReader {
  /// For readers that take paths.
  let folder: String
  /// The weights beside a configuration of an adapter.
  let adapterWeights: String
  /// The base that adapters are matched with.
  let base: BaseCheckpoint

  /// `- CODE` for a file that is refused, `+` and a word a tensor or module for one that is accepted.
  func answer(_ kind: Character, _ bytes: [UInt8]) -> String {
    do throws(Fault) {
      return (["+"] + (try words(kind, bytes))).joined(separator: " ")
    } catch {
      return "- \(error.code)"
    }
  }

  private func words(_ kind: Character, _ bytes: [UInt8]) throws(Fault) -> [String] {
    switch kind {
    case "s":
      let file = try SafeTensorsFile(bytes: bytes)
      return try file.tensors.map { (tensor) throws(Fault) in
        let raw = SHA256Digest.of(try file.bytes(of: tensor)).hex.prefix(16)
        return word(tensor) { () throws(Fault) in try file.floats(of: tensor) } + ":\(raw)"
      }
    case "g":
      let checkpoint = try Checkpoint.open(try place("a.gguf", bytes))
      return checkpoint.tensors.map { tensor in
        word(tensor) { () throws(Fault) in try checkpoint.floats(tensor.name) }
      }
    case "t":
      let file = try TorchFile(file: try InputFile(try place("a.bin", bytes)))
      return file.tensors.map { tensor in
        word(tensor) { () throws(Fault) in try file.floats(of: tensor) }
      }
    case "p":
      return try updates(bytes)
    default:
      throw Fault(.usage, "USAGE", "no such kind")
    }
  }

  /// NAME:SHAPE:DIGEST, the name in hexadecimal, the digest of the values or the code with which they are refused.
  private func word(_ tensor: TensorInfo, _ floats: () throws(Fault) -> [Float]) -> String {
    let name = SHA256Digest.hex(Array(tensor.name.utf8))
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    do throws(Fault) {
      return "\(name):\(shape):\(SHA256Digest.of(try floats()).hex.prefix(16))"
    } catch {
      return "\(name):\(shape):\(error.code)"
    }
  }

  /// MODULE:NORM of every module that the adapter changes, and PART:0 of every other parameter.
  private func updates(_ configuration: [UInt8]) throws(Fault) -> [String] {
    let adapter = Paths.join(folder, "adapter")
    try Paths.makeDirectory(adapter)
    try AtomicFile.write(Paths.join(adapter, "adapter_config.json"), bytes: configuration)
    let weights = Paths.join(adapter, "adapter_model.safetensors")
    if Paths.kind(of: weights) == .missing {
      try AtomicFile.write(weights, bytes: try InputFile(adapterWeights).readAll(limit: 1 << 24))
    }
    let read = try Adapter.open(adapter, memory: 1 << 28).matched(to: base.configuration)
    return read.updates.map { "\($0.moduleName):\($0.squaredNorm.squareRoot())" }
      + read.parts.map { "\($0.parameter):0" }
  }

  private func place(_ name: String, _ bytes: [UInt8]) throws(Fault) -> String {
    let path = Paths.join(folder, name)
    guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
      throw Fault(.cannotCreate, "OUT-CREATE", "cannot be written", path: path)
    }
    return path
  }
}
