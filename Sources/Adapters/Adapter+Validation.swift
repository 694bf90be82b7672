public import Faults

extension Adapter {
  /// Checks that every update belongs to a module of the base and fits it.
  ///
  /// - Parameter modules: Names and weight shapes of the base's linear modules.
  /// - Throws: 65 `AD-TARGET` naming the nearest module when there is none of that name, 65 `AD-BASE`
  ///   with both shapes when the sizes differ.
  public func validate(
    against modules: [(name: String, outFeatures: Int, inFeatures: Int)]
  ) throws(Fault) {
    for update in updates {
      guard let module = modules.first(where: { $0.name == update.moduleName }) else {
        let nearest = modules.map(\.name).max {
          Adapter.commonEnding($0, update.moduleName) < Adapter.commonEnding($1, update.moduleName)
        }
        throw Fault(
          .badData, "AD-TARGET",
          "the base has no such module, nearest is \(Fault.escaped(nearest ?? "none", limit: 96))",
          path: path, tensor: update.moduleName)
      }
      guard module.outFeatures == update.outFeatures, module.inFeatures == update.inFeatures else {
        throw Fault(
          .badData, "AD-BASE",
          "adapter made for another base: update [\(update.outFeatures), \(update.inFeatures)], "
            + "weight [\(module.outFeatures), \(module.inFeatures)]",
          path: path, tensor: update.moduleName)
      }
    }
  }

  /// Bytes that two names share at their ends; module names differ at the front.
  private static func commonEnding(_ left: String, _ right: String) -> Int {
    zip(left.utf8.reversed(), right.utf8.reversed()).prefix { $0 == $1 }.count
  }
}
