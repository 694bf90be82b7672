import Checkpoints
package import Evaluation
package import Faults
import Files
import LinearAlgebra
package import Models
import Progress
import Training

/// Second moments of a base without any adapter: computed once, and read by all jobs on it that have the same examples and
/// seed, in this process and, where there is a cache directory, in others.
///
/// Rows of the last examples alone are held, on disk.
package final class SharedMoments {
  /// Where moments came from so far.
  package struct Counts: Sendable, Hashable {
    /// Computed by passes of the base.
    package var computed = 0
    /// Read from the cache.
    package var cached = 0
    /// At hand from an earlier job.
    package var shared = 0
  }

  /// Where moments came from so far.
  package private(set) var counts = Counts()
  private let cache: CurvatureCache?
  private var last: (key: SHA256Digest, rows: CurvatureRows)?

  init(cache: CacheDirectory?) { self.cache = cache.map { CurvatureCache($0) } }

  /// The moments of the base of `session` on `examples`.
  ///
  /// - Parameter directory: Where rows lie while they are in use.
  /// - Throws: as ``BaseSession/curvature(of:examples:seed:scratch:)``.
  package func rows(
    _ session: BaseSession, examples: [TokenizedExample], seed: UInt64, scratch directory: String
  ) throws(Fault) -> CurvatureRows {
    let base = session.asBase
    let key = CurvatureCache.key(model: try base.identity(), examples: examples, seed: seed)
    if let last, last.key == key {
      counts.shared += 1
      return last.rows
    }
    // What is no longer needed makes room on disk first.
    last = nil
    let configuration = base.base.configuration
    // Whoever waited for another process finds what that one has written.
    let lock = try cache?.lock(key)
    defer { withExtendedLifetime(lock) {} }
    let rows: CurvatureRows
    if let known = cache?.read(key, configuration) {
      counts.cached += 1
      session.log.note("second moments of the base: from the cache")
      rows = known
    } else {
      try Interruption.check()
      let weights = try base.weights()
      try weights.hold(.float32, threads: session.threads)
      rows = try session.curvature(
        of: DecoderPool(weights: weights, threads: session.threads),
        examples: examples, seed: seed, scratch: directory)
      counts.computed += 1
      do throws(Fault) {
        try cache?.write(rows, for: key, configuration)
      } catch {
        try Interruption.check()
        session.log.warn([Warning("CACHE", "the second moments were not cached: \(error)")])
      }
    }
    last = (key, rows)
    return rows
  }
}

extension BaseSession {
  /// The second moments of a model over this base.
  ///
  /// - Parameter directory: Where rows lie while they are in use.
  /// - Throws: as ``Calibration/curvature(of:examples:seed:scratch:memory:rowLimit:begin:progress:)``, and 75 `OUT-FULL`.
  package func curvature(
    of model: DecoderPool, examples: [TokenizedExample], seed: UInt64, scratch directory: String
  ) throws(Fault) -> CurvatureRows {
    let task = log.task("calibrate", total: examples.count, unit: "examples")
    let curvature = try Calibration.curvature(
      of: model, examples: examples, seed: seed, scratch: directory, memory: memoryBesideWeights,
      begin: { (bytes) throws(Fault) in try announce(rowBytes: bytes, in: directory) }
    ) { done, _ in task.update(completed: done) }
    task.finish()
    return curvature
  }

  /// Rows of every module of every expert may take more than the model: what they will take is said before the passes, and
  /// refused where it is more than there is.
  ///
  /// - Throws: 75 `OUT-FULL`.
  package func announce(rowBytes bytes: Int, in directory: String) throws(Fault) {
    if let free = Paths.freeBytes(at: directory), free < bytes {
      throw Fault(
        .temporary, "OUT-FULL",
        "the rows of second moments take \(bytes) bytes here, \(free) are free; calibrate on fewer examples or write elsewhere",
        path: directory)
    }
    if bytes >= BaseSession.largeRows {
      log.note("the rows of second moments take \(bytes) bytes of disk in \(directory)")
    }
  }

  /// What is worth saying.
  private static let largeRows = 1 << 30
}
