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
  static let readByDesign: Set<String> = [
    "adapter-name-left-old", "compiled-names",
    // PEFT before 0.6, and before 0.14, passed over these fields.
    "refused-layers-of-expression", "refused-pattern-without-layers",
  ]

  /// What the reader does not do right yet.
  static let awaitingRepair: Set<String> = [
    "adalora-alpha-missing", "adalora-longer-start", "adalora-outside", "bookkeeping",
    "classifier-now", "classifier-null-keys", "dora-outside", "embedding-tied-together",
    "excluded-branches", "expression-behind", "expression-case", "expression-named-group",
    "expression-open-count", "head", "head-now", "head-tied", "head-tied-now", "loha-outside",
    "loha-rslora-key", "lokr", "lokr-outside", "lokr-rslora-key", "outside-excluded",
    "outside-expression", "outside-foreign", "outside-layers", "outside-tail", "outside-targets",
    "outside-targets-old", "patterns-looking-ahead", "patterns-one-key", "quantised-trainer-r64",
    "resized", "state-dict-copies", "today-no-alpha", "today-no-rank", "today-no-targets",
    "today-r144", "trainer-lookahead", "trainer-not-visual", "trainer-two-branches",
    "trainer-word-border",
  ]

  @Test(arguments: ConfigurationCase.all) func appliesWhatPEFTApplies(_ item: ConfigurationCase)
    throws
  {
    try withKnownIssue {
      try withTemporaryDirectory { folder in
        try item.write(to: folder)
        try Self.check(item, folder)
      }
    } when: {
      Self.awaitingRepair.contains(item.name)
    }
  }

  @Test func corpusIsWhole() {
    let names = Set(ConfigurationCase.all.map(\.name))
    #expect(names.count >= 100)
    #expect(names.isSuperset(of: Self.refusedByDesign.keys))
    #expect(names.isSuperset(of: Self.awaitingRepair))
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
    if readByDesign.contains(item.name) {
      #expect(try matched().updates.count == item.tensors.count / 2)
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
