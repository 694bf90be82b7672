import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// A published configuration, the tensors beside it and what PEFT applies of them
/// (`golden/tools/make_configs.py`).
struct ConfigurationCase: Sendable, CustomTestStringConvertible {
  /// One tensor of the file: drawn, or equal to a parameter of the base or to another tensor.
  struct Tensor: Sendable {
    let name: String
    let shape: [Int]
    let copyOf: String?
    let sameAs: String?
    let transposeOf: String?
  }

  /// What PEFT's merge changed in a parameter.
  struct Change: Sendable {
    let norm: Double
    /// What the product of the factors is multiplied by, where one number says it.
    let scale: Double?
  }

  static let root = "golden/configs"

  let name: String
  let base: ConfigurationBase
  let outcome: String
  let tensors: [Tensor]
  let changes: [String: Change]
  let totalNorm: Double
  /// Tensors that PEFT passes over.
  let notApplied: [String]
  let tolerance: Double
  private let dtype: DType
  private let seed: UInt64

  var testDescription: String { name }

  /// Every case of the corpus.
  static let all: [ConfigurationCase] = {
    let folder = Checkout.path(root)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().filter { !$0.contains(".") }.compactMap { name in
      try? ConfigurationCase(name)
    }
  }()

  init(_ name: String) throws {
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: Checkout.path("\(Self.root)/\(name)/expected.json")))
    let root = JSONField(try JSONValue.parse(Array(bytes)))
    self.name = name
    base = try ConfigurationBase(try root["base"].string())
    outcome = try root["outcome"].string()
    dtype = try #require(DType(rawValue: try root["dtype"].string()))
    seed = UInt64(try root["seed"].int())
    tolerance = root["tolerance"].isPresent ? try root["tolerance"].double() : 1e-5
    tensors = try root["tensors"].array().map { row in
      let row = try row.array()
      let origin = row.count > 2 ? row[2] : JSONField(nil)
      return Tensor(
        name: try row[0].string(), shape: try row[1].array().map { try $0.int() },
        copyOf: origin["copyOf"].value?.stringValue, sameAs: origin["sameAs"].value?.stringValue,
        transposeOf: origin["transposeOf"].value?.stringValue)
    }
    var changes: [String: Change] = [:]
    if outcome == "applied" {
      for row in try root["changes"].array() {
        let row = try row.array()
        let parameter = base.prefix + (try row[0].string())
        changes[parameter] = Change(
          norm: try row[1].double(), scale: row.count > 2 ? try row[2].double() : nil)
      }
      totalNorm = try root["totalNorm"].double()
      notApplied = try root["notApplied"].array().map { try $0.string() }
    } else {
      (totalNorm, notApplied) = (0, [])
    }
    self.changes = changes
  }

  /// Writes the configuration and the tensors into a folder.
  func write(to folder: String) throws {
    try FileManager.default.copyItem(
      atPath: Checkout.path("\(Self.root)/\(name)/adapter_config.json"),
      toPath: folder + "/adapter_config.json")
    var drawn: [String: [Float]] = [:]
    for (index, tensor) in tensors.enumerated()
    where tensor.sameAs == nil && tensor.transposeOf == nil {
      drawn[tensor.name] =
        try tensor.copyOf.map { try base.values(base.prefix + $0) }
        ?? SeededValues.draw(
          seed: seed, stream: UInt64(index + 1), shape: tensor.shape, name: tensor.name)
    }
    var writer = SafeTensorsWriter(metadata: [("format", "pt")])
    for tensor in tensors {
      if let other = tensor.transposeOf {
        let values = Matrix(
          rows: tensor.shape[1], columns: tensor.shape[0], elements: try #require(drawn[other]))
        drawn[tensor.name] = values.transposed.elements
      }
      try writer.add(
        tensor.name, dtype: dtype, shape: tensor.shape,
        floats: try #require(drawn[tensor.sameAs ?? tensor.name]))
    }
    try writer.write(to: folder + "/adapter_model.safetensors")
  }
}
