import Faults

/// The one order of modules in every file and report: by layer number, then by kind, then by bytes.
struct ModuleOrder: Comparable {
  private static let kinds = [
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
  ]

  private let layer: Int
  private let kind: Int
  private let name: [UInt8]

  /// - Throws: 65 `NAME-INDEX` when the layer number does not fit.
  init(_ moduleName: String) throws(Fault) {
    let parts = moduleName.split(separator: ".")
    let digits = parts.first { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    if let digits {
      guard let layer = Int(digits), layer < 1 << 20 else {
        throw Fault(.badData, "NAME-INDEX", "layer index out of range", tensor: moduleName)
      }
      self.layer = layer
    } else {
      layer = -1
    }
    kind = ModuleOrder.kinds.firstIndex { parts.last.map(String.init) == $0 } ?? .max
    name = Array(moduleName.utf8)
  }

  static func < (left: ModuleOrder, right: ModuleOrder) -> Bool {
    (left.layer, left.kind) == (right.layer, right.kind)
      ? left.name.lexicographicallyPrecedes(right.name)
      : (left.layer, left.kind) < (right.layer, right.kind)
  }
}
