import Bases
import Checkpoints
import Files
import Tensors
import TestSupport
import Testing

/// An entry belongs to one weight, whatever it is called.
@Suite struct BasisCacheBindingTests {
  @Test(arguments: [nil, 2] as [Int?]) func swappedEntriesAreComputedAgain(leading: Int?) throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder)
    let modules = Array(base.linearModules.filter { $0.kind == .query }.prefix(2))
    try withTemporaryDirectory { folder in
      let store = try BasisStore(base: base, cache: CacheDirectory(folder), threads: 1)
      try store.prepare(modules: modules, leading: { _ in leading })
      let values = try modules.map { try store.basis(of: $0, leading: leading).singularValues }
      let entries = try #require(store.cache).entries()
      #expect(entries.count == 2 && values[0] != values[1])
      let bytes = try entries.map { try InputFile($0.path).readAll(limit: 1 << 20) }
      try AtomicFile.write(entries[0].path, bytes: bytes[1])
      try AtomicFile.write(entries[1].path, bytes: bytes[0])
      let again = try BasisStore(base: base, cache: CacheDirectory(folder), threads: 1)
      for (module, expected) in zip(modules, values) {
        let found = try again.basis(of: module, leading: leading).singularValues
        #expect(relativeError(found, expected) < 1e-12)
      }
      #expect(again.counts.computed == 2 && again.counts.cached == 0)
      #expect(again.warnings.count == 2)
    }
  }
}
