public import Checkpoints
public import Faults
public import Files
import JSON
import Synchronization
import Tensors

extension BasisPack {
  /// Writes the first `rank` directions of each module.
  ///
  /// A module has fewer where its numerical rank is lower or where the cut would split a cluster.
  ///
  /// - Parameter progress: called with modules done and in all.
  /// - Throws: as ``BasisStore/basis(of:)``; 73 to 75 from the file system; `XB-RANK` for rank 0.
  @discardableResult
  public static func write(
    to path: String, store: BasisStore, modules: [LinearModule], rank: Int,
    progress: @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) -> AtomicFile.Written {
    guard rank > 0, !modules.isEmpty else {
      throw Fault(.usage, "XB-RANK", "a pack needs modules and a rank of at least 1")
    }
    try store.prepare(modules: modules, leading: { _ in rank }, progress: progress)
    let metadata: JSONValue = .object([
      "schema": .string(schema), "rank": .integer(rank),
      "base": [
        "architecture": .string(store.base.configuration.architecture),
        "rootDigest": .string(try store.rootDigest(of: modules).hex),
      ], "modules": .array(modules.map { .string($0.name) }),
    ])
    var writer = SafeTensorsWriter(metadata: [
      (key: "format", value: format), (key: "version", value: "1"),
      (key: "xspress", value: metadata.text()),
    ])
    var digests: [UInt8] = []
    var figures: [Double] = []
    for module in modules {
      let basis = try store.basis(of: module, leading: rank)
      let kept = Array(0..<basis.admissibleRank(rank))
      digests += try store.weightDigest(of: module).bytes
      let measured = basis.convergence
      figures += [
        measured.residual, measured.orthogonality, measured.minimumGap, measured.spanError,
      ]
      try writer.add(
        "\(module.name).singular_values", dtype: .f64, shape: [kept.count],
        bytes: kept.flatMap { basis.singularValues[$0].littleEndianBytes })
      try writer.add("\(module.name).output_vectors", matrix: basis.outputVectors(kept))
      try writer.add("\(module.name).input_vectors", matrix: basis.inputVectors(kept))
    }
    try writer.add("module_digests", dtype: .u8, shape: [modules.count, 32], bytes: digests)
    try writer.add(
      "convergence", dtype: .f64, shape: [modules.count, 4],
      bytes: figures.flatMap(\.littleEndianBytes))
    return try writer.write(to: path)
  }
}

extension Double {
  fileprivate var littleEndianBytes: [UInt8] {
    withUnsafeBytes(of: bitPattern.littleEndian) { Array($0) }
  }
}
