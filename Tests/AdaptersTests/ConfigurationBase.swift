import Adapters
import Checkpoints
import Faults
import Foundation
import JSON
import Synchronization
import Tensors
import TestSupport
import Testing

/// A base of `golden/configs/bases.json`: names and shapes are kept there, values are drawn.
struct ConfigurationBase: Sendable {
  let kind: String
  /// What is in front of the names of this base where PEFT's had none: a model without its head.
  let prefix: String
  let parameters: [Adapter.Parameter]
  private let seed: UInt64

  private static let embedding = "model.embed_tokens.weight"
  private static let head = "lm_head.weight"
  private static let drawn = Mutex<[String: [Float]]>([:])

  init(_ kind: String) throws {
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: Checkout.path("\(ConfigurationCase.root)/bases.json")))
    let root = JSONField(try JSONValue.parse(Array(bytes)))
    let prefix = kind == "headless" ? "model." : ""
    var parameters: [Adapter.Parameter] = []
    for row in try root[kind].array() {
      let row = try row.array()
      let shape = try row[1].array().map { try $0.int() }
      parameters.append((prefix + (try row[0].string()), shape))
    }
    if kind == "tied" { parameters.append((Self.head, try #require(parameters.first).shape)) }
    self.kind = kind
    self.prefix = prefix
    self.parameters = parameters
    seed = UInt64(try root["seed"].int())
  }

  var isTied: Bool { kind == "tied" }

  /// The linear modules of the blocks.
  var modules: [Adapter.Module] {
    parameters.compactMap { name, shape in
      guard name.hasSuffix("_proj.weight") else { return nil }
      return (String(name.dropLast(".weight".count)), shape[0], shape[1])
    }
  }

  /// Values of a parameter.
  func values(_ name: String) throws -> [Float] {
    let name = isTied && name == Self.head ? Self.embedding : name
    let index = try #require(parameters.firstIndex { $0.name == name })
    let key = "\(kind)/\(name)"
    if let known = Self.drawn.withLock({ $0[key] }) { return known }
    let values = SeededValues.draw(
      seed: seed, stream: UInt64(index + 1), shape: parameters[index].shape, name: name)
    Self.drawn.withLock { $0[key] = values }
    return values
  }

  /// The weight of a linear module.
  func weight(_ module: String) throws(Fault) -> Matrix<Float> {
    guard let found = modules.first(where: { $0.name == module }),
      let values = try? values(module + ".weight")
    else { throw Fault(.internalError, "TEST", "no module \(module)") }
    return Matrix(rows: found.outFeatures, columns: found.inFeatures, elements: values)
  }
}
