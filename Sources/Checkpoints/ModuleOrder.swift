public import Faults

/// The one order of modules in every file and report: by layer number, then by kind, then by bytes.
///
/// The layer is the first path component made of digits; modules without one come first. Kinds are told by the last
/// component, those of ``kinds`` in their order, others after them (`formats/loraxs.md` §4.1).
public struct ModuleOrder: Comparable, Sendable {
  private let layer: Int
  private let kind: Int
  private let name: [UInt8]

  /// The place of a module.
  ///
  /// - Throws: 65 `NAME-INDEX` when the layer number is 2²⁰ or more.
  public init(_ moduleName: String) throws(Fault) {
    let parts = moduleName.utf8.split(separator: UInt8(ascii: ".")).map(Substring.init)
    if let digits = parts.first(where: ModuleOrder.isNumber) {
      guard let layer = Int(digits), layer < 1 << 20 else {
        throw Fault(.badData, "NAME-INDEX", "layer index out of range", tensor: moduleName)
      }
      self.layer = layer
    } else {
      layer = -1
    }
    kind = ModuleOrder.kind(parts.last)
    name = Array(moduleName.utf8)
  }

  /// The number of its layer, from 0; nil outside of layers.
  public var layerNumber: Int? { layer < 0 ? nil : layer }

  /// A module of which only the place among those of its block is asked.
  private init(inBlock moduleName: String) {
    layer = 0
    kind = ModuleOrder.kind(
      moduleName.utf8.split(separator: UInt8(ascii: ".")).last.map(Substring.init))
    name = Array(moduleName.utf8)
  }

  /// The last components of names that have a place of their own, in order.
  public static let kinds = [
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
  ]

  private static func kind(_ last: Substring?) -> Int {
    kinds.firstIndex { $0[...] == last } ?? kinds.count
  }

  /// The place of a module among those of its block.
  static func inBlock(_ moduleName: String) -> ModuleOrder { ModuleOrder(inBlock: moduleName) }

  /// Whether a path component is a layer number.
  public static func isNumber(_ component: some StringProtocol) -> Bool {
    !component.isEmpty && component.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Names in this order.
  public static func sorted(_ names: [String]) throws(Fault) -> [String] {
    var places: [(order: ModuleOrder, name: String)] = []
    for name in names { places.append((try ModuleOrder(name), name)) }
    return places.sorted { $0.order < $1.order }.map(\.name)
  }

  /// Whether one module comes before another.
  public static func < (left: ModuleOrder, right: ModuleOrder) -> Bool {
    (left.layer, left.kind) == (right.layer, right.kind)
      ? left.name.lexicographicallyPrecedes(right.name)
      : (left.layer, left.kind) < (right.layer, right.kind)
  }
}
