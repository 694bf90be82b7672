import Adapters
import Faults
import Foundation
import TestSupport
import Testing

/// Configurations as they are published, from PEFT 0.3 to 0.21, against what PEFT of their time applies of their
/// tensors (`golden/tools/make_configs.py`).
@Suite struct ConfigurationCorpusTests {
  /// What PEFT loads or makes another model of, and this program refuses on purpose, with the code.
  static let refusedByDesign: [String: String] = [
    // Layers of another model; factors that were never written down; a part that is missing.
    "replicated-more": "AD-FIELD", "pissa-iterated": "AD-FIELD", "half-a-pair": "AD-PAIR",
    // A key of unknown effect; a layer that the base has not; magnitudes outside the blocks.
    "task-unknown": "AD-FIELD", "outside-deeper": "AD-TARGET", "head-dora": "AD-TENSOR",
  ]

  /// What PEFT refuses or passes over and this program reads, because what is meant is clear.
  static let readByDesign: [String: Int] = [
    "adapter-name-left-old": 4, "compiled-names": 4,
    // PEFT before 0.6, and before 0.14, passed over these fields: the expression counts.
    "refused-layers-of-expression": 2, "refused-pattern-without-layers": 4,
    // What cannot be evaluated, a backward reference and an open bracket, leaves it to the tensors.
    "expression-behind": 14, "refused-expression": 4,
  ]

  @Test(arguments: ConfigurationCase.all) func appliesWhatPEFTApplies(_ item: ConfigurationCase)
    throws
  {
    try withTemporaryDirectory { folder in
      try item.write(to: folder)
      try Self.check(item, folder)
    }
  }

  @Test func corpusIsWhole() {
    let names = Set(ConfigurationCase.all.map(\.name))
    #expect(names.count >= 100)
    #expect(names.isSuperset(of: Self.refusedByDesign.keys))
    #expect(names.isSuperset(of: Self.readByDesign.keys))
  }

  private static func check(_ item: ConfigurationCase, _ folder: String) throws {
    func matched() throws(Fault) -> Adapter {
      try Adapter.open(folder).matched(
        to: item.base.modules, parameters: item.base.parameters, headIsTied: item.base.isTied)
    }
    if let code = refusedByDesign[item.name] {
      #expect(fault(matched)?.code == code)
      return
    }
    if let count = readByDesign[item.name] {
      let adapter = try matched()
      #expect(adapter.updates.count == count)
      let isWarned = adapter.warnings.contains { $0.kind == "AD-PATTERN" }
      #expect(isWarned == item.name.contains("expression") || item.name.contains("layers"))
      return
    }
    guard item.outcome == "applied" else {
      let found = fault(matched)
      #expect(found != nil, "PEFT refuses this")
      #expect(found.map { $0.kind != .internalError } ?? true)
      return
    }
    let read = try matched()
    checkScales(item, read)
    checkNames(item, read)
    let adapter = try read.resolved { (module) throws(Fault) in try item.base.weight(module) }
    try checkNorms(item, adapter)
  }

  /// Scales of plain products; other kinds of factors have the scale in them.
  private static func checkScales(_ item: ConfigurationCase, _ adapter: Adapter) {
    var found: [String: Double] = [:]
    for update in adapter.updates { found[update.moduleName + ".weight"] = update.scaling }
    for part in adapter.parts {
      if case .product(let update) = part.change { found[part.parameter] = update.scaling }
    }
    let isFolded = item.tensors.contains { $0.name.contains("hada_") || $0.name.contains("lokr_") }
    for (parameter, change) in item.changes where !isFolded {
      guard let scale = change.scale, let own = found[parameter] else { continue }
      #expect(abs(own - scale) <= 1e-7 * abs(scale), "\(parameter): scale \(own) for \(scale)")
    }
  }

  /// Every tensor that PEFT passes over is named in a warning, by itself or by its module.
  private static func checkNames(_ item: ConfigurationCase, _ adapter: Adapter) {
    for tensor in item.notApplied {
      let isNamed = adapter.warnings.contains { warning in
        guard let subject = warning.subject else { return false }
        return tensor == subject || tensor.contains(subject + ".")
      }
      #expect(isNamed, "\(tensor) is passed over without a word")
    }
  }

  private static func checkNorms(_ item: ConfigurationCase, _ adapter: Adapter) throws {
    var found: [String: Double] = [:]
    for update in adapter.updates {
      found[update.moduleName + ".weight"] = update.squaredNorm.squareRoot()
    }
    for parameter in Set(adapter.parts.map(\.parameter)) {
      let before = try item.base.values(parameter)
      var after = before
      for part in adapter.parts where part.parameter == parameter { part.apply(to: &after) }
      for update in adapter.updates where update.moduleName + ".weight" == parameter {
        let product = DialectGoldenTests.product(update)
        for index in after.indices { after[index] += Float(product[index]) }
      }
      let sum = zip(before, after).reduce(0.0) { sum, pair in
        let difference = Double(pair.1) - Double(pair.0)
        return sum + difference * difference
      }
      found[parameter] = sum.squareRoot()
    }
    for (parameter, norm) in found where item.changes[parameter] == nil {
      #expect(norm == 0, "\(parameter) changes by \(norm), not with PEFT")
    }
    for (parameter, change) in item.changes {
      let norm = found[parameter] ?? 0
      #expect(
        abs(norm - change.norm) <= item.tolerance * change.norm,
        "\(parameter): norm \(norm) for \(change.norm)")
    }
    let total = found.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(total - item.totalNorm) <= item.tolerance * item.totalNorm)
  }
}
