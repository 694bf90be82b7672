import Bases
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// Store, cache and pack on the smallest modules of the demo base (192×576, fast to decompose).
@Suite(.enabled(if: Checkout.hasDemoBase, "needs `make models`"))
struct BasisStoreTests {
  let base: BaseCheckpoint
  let modules: [LinearModule]

  init() throws {
    base = try BaseCheckpoint.open(Checkout.demoBase)
    modules = Array(base.linearModules.filter { $0.kind == .key || $0.kind == .value }.prefix(4))
  }

  private func files(in cache: BasisCache?) throws -> [CacheEntry] {
    try #require(cache).entries()
  }

  private func differ(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    relativeError(a.elements, b.elements)
  }

  @Test func cachedBasesAreTheComputedOnes() throws {
    try withTemporaryDirectory { directory in
      let cold = try BasisStore(base: base, cache: CacheDirectory(directory), threads: 2)
      try cold.prepare(modules: modules)
      #expect(cold.counts.computed == 4 && cold.counts.cached == 0)
      #expect(try files(in: cold.cache).count == 4)
      let warm = try BasisStore(base: base, cache: CacheDirectory(directory), threads: 2)
      let memory = try BasisStore(base: base, cache: nil, threads: 1)
      for module in modules {
        let computed = try SingularBasis(
          weight: try base.matrix(module.weightName), moduleName: module.name)
        for store in [warm, memory, memory] {
          let found = try store.basis(of: module)
          // The last bits depend on how many threads BLAS had, and nothing more than those.
          #expect(relativeError(found.singularValues, computed.singularValues) < 1e-12)
          #expect(found.convergence.route == computed.convergence.route)
          #expect(differ(found.inputRows, computed.inputRows) < 1e-8)
          #expect(differ(found.outputRows, computed.outputRows) < 1e-8)
        }
      }
      // A loader asks for few directions and gets the same ones.
      for module in modules {
        let basis = try cold.basis(of: module)
        for selection in [
          BasisSelection.selected(output: [0, 70, 191], input: [3]), .top(rank: 5, omegaSeed: 2),
          .none,
        ] {
          let part = try cold.moduleBasis(of: module, for: selection)
          let whole = try basis.moduleBasis(for: selection)
          #expect(relativeError(part.outputBasis.elements, whole.outputBasis.elements) < 1e-6)
          #expect(relativeError(part.inputBasis.elements, whole.inputBasis.elements) < 1e-6)
        }
        let beyond = BasisSelection.selected(output: [192], input: [0])
        #expect { try cold.moduleBasis(of: module, for: beyond) } throws: {
          ($0 as? Fault)?.code == "BASIS-INDEX"
        }
      }
      #expect(warm.counts.computed == 0 && warm.counts.cached == 4)
      #expect(memory.counts.computed == 4 && memory.counts.cached == 4)
      #expect(warm.warnings.isEmpty)
    }
  }

  /// Every way an entry can be damaged: computed again, replaced, and said.
  @Test func damagedEntriesAreComputedAgain() throws {
    let module = modules[0]
    let damages: [(String, (inout Data) -> Void)] = [
      ("one bit of a value", { $0[4000] ^= 1 }), ("a count", { $0[16] ^= 1 }),
      ("the mark", { $0[0] ^= 1 }), ("truncation", { $0.removeLast(8) }),
      ("one byte more", { $0.append(0) }), ("a huge count", { $0[22] = 0xff }),
      ("the checksum", { $0[56] ^= 1 }), ("emptied", { $0 = Data() }),
    ]
    for (name, damage) in damages {
      try withTemporaryDirectory { directory in
        let store = try BasisStore(base: base, cache: CacheDirectory(directory), threads: 1)
        let basis = try store.basis(of: module)
        let path = try #require(try files(in: store.cache).first).path
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        damage(&bytes)
        try bytes.write(to: URL(fileURLWithPath: path))
        let again = try BasisStore(base: base, cache: CacheDirectory(directory), threads: 1)
        #expect(differ(try again.basis(of: module).inputRows, basis.inputRows) < 1e-8, "\(name)")
        #expect(again.counts.computed == 1, "\(name)")
        #expect(again.warnings.count == 1, "\(name)")
        let repaired = try BasisStore(base: base, cache: CacheDirectory(directory), threads: 1)
        _ = try repaired.basis(of: module)
        #expect(repaired.counts.cached == 1 && repaired.warnings.isEmpty, "\(name)")
      }
    }
  }

  /// A cache that cannot be written costs time, not the run.
  @Test func unusableCachesAreAWarning() throws {
    try withTemporaryDirectory { directory in
      let file = directory + "/file"
      try Data([1]).write(to: URL(fileURLWithPath: file))
      let store = try BasisStore(base: base, cache: CacheDirectory(file), threads: 1)
      #expect(try store.basis(of: modules[0]).count == 192)
      #expect(store.warnings.count == 1)
    }
  }

  @Test func faultsNameTheModule() throws {
    let store = try BasisStore(base: base, cache: nil, threads: 1)
    var module = modules[0]
    module.name = "model.layers.99.self_attn.k_proj"
    #expect {
      try store.basis(of: module)
    } throws: {
      ($0 as? Fault)?.tensor == "model.layers.99.self_attn.k_proj.weight"
    }
  }

  @Test func packsGiveTheFirstDirections() throws {
    try withTemporaryDirectory { directory in
      let store = try BasisStore(base: base, cache: nil, threads: 2)
      let path = directory + "/demo.xsbases"
      let written = try BasisPack.write(to: path, store: store, modules: modules, rank: 8)
      let packed = try BasisStore(base: base, cache: nil, threads: 1, pack: path)
      let pack = try #require(packed.pack)
      #expect(pack.rank == 8 && pack.moduleNames == modules.map(\.name))
      #expect(try pack.digest() == written.digest)
      #expect(try pack.rootDigest == store.rootDigest(of: modules))
      #expect(try packed.packDifferences(among: modules).isEmpty)
      for module in modules {
        let full = try store.basis(of: module)
        let first = try packed.basis(of: module)
        #expect(first.count == 8)
        #expect(first.convergence.route == .stored)
        #expect(first.convergence.isAccepted)
        #expect(relativeError(first.singularValues, Array(full.singularValues.prefix(8))) < 1e-12)
        let chosen = BasisSelection.selected(output: [1, 5], input: [0, 7])
        let a = try full.moduleBasis(for: chosen)
        let b = try packed.moduleBasis(of: module, for: chosen)
        #expect(relativeError(b.outputBasis.elements, a.outputBasis.elements) < 1e-6)
        #expect(relativeError(b.inputBasis.elements, a.inputBasis.elements) < 1e-6)
        // Canonical coordinates from rounded vectors: the rounding grows by the condition.
        let top = BasisSelection.top(rank: 6, omegaSeed: 1)
        let c = try full.moduleBasis(for: top)
        let d = try first.moduleBasis(for: top)
        #expect(relativeError(d.inputBasis.elements, c.inputBasis.elements) < 1e-5)
      }
      #expect(packed.counts.packed > 0 && packed.counts.computed == 0)
      // Decoding and encoding it gives the same bytes.
      let file = try SafeTensorsFile.open(path)
      var again = SafeTensorsWriter(
        metadata: file.metadata.members.map { ($0.key, $0.value.stringValue ?? "") })
      for tensor in file.tensors.reversed() {
        try again.add(
          tensor.name, dtype: try #require(DType(rawValue: tensor.dtypeName)),
          shape: tensor.shape, bytes: try file.bytes(of: tensor))
      }
      #expect(SHA256Digest.of(try again.bytes()) == written.digest)
      // A module the pack does not hold.
      let missing = try #require(base.linearModules.first { $0.kind == .query })
      #expect { try packed.basis(of: missing) } throws: { ($0 as? Fault)?.code == "XB-MODULE" }
      #expect(try packed.packDifferences(among: [missing]) == [missing])
    }
  }

  @Test func everyDamageToAPackIsRefused() throws {
    try withTemporaryDirectory { directory in
      let store = try BasisStore(base: base, cache: nil, threads: 2)
      let good = directory + "/good.xsbases"
      let name = modules[0].name
      try BasisPack.write(to: good, store: store, modules: [modules[0]], rank: 2)
      let text = { (json: String) in
        [
          (key: "format", value: "xsbases"), (key: "version", value: "1"),
          (key: "xspress", value: json),
        ]
      }
      let json = "{\"schema\":\"xspress.bases/1\",\"rank\":2,\"modules\":[\"\(name)\"]}"
      let cases: [(String, [(key: String, value: String)], [String: [Int]])] = [
        ("XB-FORMAT", [(key: "format", value: "pt")], [:]),
        ("XB-VERSION", [(key: "format", value: "xsbases"), (key: "version", value: "2")], [:]),
        ("XB-METADATA", [(key: "format", value: "xsbases"), (key: "version", value: "1")], [:]),
        ("XB-METADATA", text(json.replacingOccurrences(of: "bases/1", with: "bases/2")), [:]),
        ("XB-METADATA", text(json.replacingOccurrences(of: "\"rank\":2", with: "\"rank\":0")), [:]),
        (
          "XB-METADATA", text(json.replacingOccurrences(of: "]", with: ",\"\(name)\"]")), [:]
        ),
        ("XB-SHAPE", text(json), ["module_digests": [2, 32]]),
        ("XB-SHAPE", text(json), ["convergence": [1, 3]]),
        ("XB-SHAPE", text(json), ["\(name).output_vectors": [192, 3]]),
        ("XB-SHAPE", text(json), ["\(name).singular_values": [3]]),
        ("XB-SHAPE", text(json), ["another": [1]]),
        ("XB-VALUES", text(json), [:]),
      ]
      for (index, (code, metadata, shapes)) in cases.enumerated() {
        let path = directory + "/\(index).xsbases"
        var writer = SafeTensorsWriter(metadata: metadata)
        let standard: [(String, DType, [Int])] = [
          ("module_digests", .u8, [1, 32]), ("convergence", .f64, [1, 4]),
          ("\(name).singular_values", .f64, [2]), ("\(name).output_vectors", .f32, [192, 2]),
          ("\(name).input_vectors", .f32, [576, 2]),
        ]
        for (tensor, dtype, shape) in standard
          + shapes.keys.filter({ $0 == "another" }).map({ ($0, .f32, [1]) })
        {
          let shape = shapes[tensor] ?? shape
          let count = shape.reduce(1, *) * dtype.byteCount
          try writer.add(
            tensor, dtype: dtype, shape: shape, bytes: Array(repeating: 0, count: count))
        }
        try writer.write(to: path)
        #expect {
          _ = try BasisPack.open(path).basis(of: modules[0])
        } throws: {
          ($0 as? Fault)?.code == code && ($0 as? Fault)?.path == path
        }
      }
      // A pack of another base's weight of that name.
      var larger = modules[0]
      larger.outFeatures += 1
      #expect {
        _ = try BasisPack.open(good).basis(of: larger)
      } throws: {
        ($0 as? Fault)?.code == "XB-MODULE" && ($0 as? Fault)?.tensor == name
      }
      #expect {
        try BasisPack.write(to: good, store: store, modules: modules, rank: 0)
      } throws: {
        ($0 as? Fault)?.code == "XB-RANK"
      }
    }
  }
}
