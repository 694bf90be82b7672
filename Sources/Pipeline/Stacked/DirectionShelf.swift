import Bases
import Checkpoints
import Faults
import Files
import Synchronization
import Tensors

/// The directions of a base's modules in Float32, read or computed once and kept on disk for the next group of adapters.
///
/// All of them are larger than the base itself; from a scratch file they come back at the speed of the page cache,
/// and memory stays flat in the number of adapters. Thread-safe.
final class DirectionShelf: Sendable {
  private let store: BasisStore
  private let scratch: ScratchFile?
  private let known = Mutex<[String: Entry]>([:])

  private struct Entry {
    let leading: Int?
    let singularValues: [Double]
    let output: ScratchFile.Piece
    let input: ScratchFile.Piece
  }

  /// - Parameter directory: Where scratch files may lie; without one every group reads its directions anew.
  init(store: BasisStore, scratch directory: String?) throws(Fault) {
    self.store = store
    if let directory { scratch = try ScratchFile(in: directory) } else { scratch = nil }
  }

  /// The directions of `module`, the first `leading` of them at least; nil for all.
  func rows(of module: LinearModule, leading: Int?) throws(Fault) -> DirectionRows {
    if let scratch, let entry = known.withLock({ $0[module.name] }), entry.leading == leading {
      let count = entry.singularValues.count
      return DirectionRows(
        moduleName: module.name, singularValues: entry.singularValues,
        outputRows: try scratch.matrix(rows: count, columns: module.outFeatures, entry.output),
        inputRows: try scratch.matrix(rows: count, columns: module.inFeatures, entry.input))
    }
    let rows = try store.basis(of: module, leading: leading).directionRows
    if let scratch {
      let entry = Entry(
        leading: leading, singularValues: rows.singularValues,
        output: try scratch.append(rows.outputRows), input: try scratch.append(rows.inputRows))
      known.withLock { $0[module.name] = entry }
    }
    return rows
  }
}
