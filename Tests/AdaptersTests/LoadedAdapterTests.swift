import Adapters
import Checkpoints
import Faults
import Files
import TestSupport
import Testing

/// Files that hold more or say less than what PEFT makes of them, against what it loads and merges
/// (`golden/tools/make_loaded.py`).
@Suite struct LoadedAdapterTests {
  static let root = "golden/adapters_loaded"

  /// A case and the kinds of its warnings.
  static let cases: [(name: String, warnings: Set<String>)] = [
    ("targets-list", ["AD-TARGET"]), ("targets-layers", ["AD-TARGET"]),
    ("targets-layers-pattern", ["AD-TARGET"]), ("targets-excluded", ["AD-TARGET"]),
    ("targets-excluded-pattern", ["AD-TARGET"]), ("targets-boundary", ["AD-TARGET"]),
    ("targets-look-ahead", ["AD-TARGET"]), ("targets-look-away", ["AD-TARGET"]),
    ("targets-lazy", ["AD-TARGET"]), ("defaults", ["AD-CONFIG"]), ("rank-above", []), ("head", []),
    ("state-dictionary", []), ("resized", ["AD-EXTRA"]), ("lokr-root", ["AD-CONFIG"]),
    ("loha-root", ["AD-CONFIG"]),
  ]

  @Test(arguments: cases) func changesWhatPEFTChanges(name: String, warnings: Set<String>) throws {
    let read = try Adapter.open(Checkout.path("\(Self.root)/\(name)"))
    #expect(Set(read.warnings.map(\.kind)) == warnings, "\(read.warnings.lines)")
    let base = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
    let adapter = try read.matched(to: base.configuration)
    let answers = try SafeTensorsFile.open(Checkout.path("\(Self.root)/expected.safetensors"))
    var changed: Set<String> = []
    for parameter in base.configuration.parameters.map(\.name) {
      let before = try base.checkpoint.floats(parameter)
      let after = AdapterVariantTests.changed(before, parameter, by: adapter)
      guard after != before else { continue }
      changed.insert("\(name)/\(parameter)")
      guard let answer = answers["\(name)/\(parameter)"] else {
        Issue.record("\(parameter) changes, and PEFT leaves it alone")
        continue
      }
      let error = relativeError(after, try answers.floats(of: answer))
      #expect(error < 1e-6, "\(parameter): \(error)")
    }
    #expect(changed == Set(answers.tensors.map(\.name).filter { $0.hasPrefix(name + "/") }))
  }

  /// Rank 48 on weights of 16 and 32 rows: the factors stay as they are, and the compact form is the same change.
  @Test func ranksAboveTheSmallerSide() throws {
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/rank-above"))
    #expect(adapter.rank == 48 && adapter.updates.allSatisfy { $0.rank == 48 })
    for update in adapter.updates {
      let compact = update.compact
      #expect(compact.rank == min(update.outFeatures, update.inFeatures))
      let product = DialectGoldenTests.product(update)
      #expect(relativeError(DialectGoldenTests.product(compact), product) < 1e-7)
      let square = product.reduce(0) { $0 + $1 * $1 }
      #expect(abs(update.squaredNorm / square - 1) < 1e-6)
      #expect(update.compact.compact == compact)
    }
  }
}
