import Adapters
import Checkpoints
import Faults
import Models
import Progress
import Sessions

/// What the cases of one run share: inputs already found and hashed, bases already opened, and the
/// weights of the last base used.
final class Workshop {
  /// The settings of the run.
  let options: Verifier.Options
  /// Finds inputs and checks their digests.
  let resolver: InputResolver
  private var bases: [String: BaseCheckpoint] = [:]
  private var sessions: (path: String, session: BaseSession)?
  private var loaded: (path: String, weights: DecoderWeights)?

  init(directory: String, options: Verifier.Options) {
    self.options = options
    resolver = InputResolver(directory: directory)
  }

  /// The base at a path, opened once.
  func base(_ path: String) throws(Fault) -> BaseCheckpoint {
    if let base = bases[path] { return base }
    let base = try BaseCheckpoint.open(path)
    bases[path] = base
    return base
  }

  /// A session on the base at a path; that on the base before it is let go.
  func session(_ path: String) throws(Fault) -> BaseSession {
    if let sessions, sessions.path == path { return sessions.session }
    sessions = nil
    let session = try BaseSession(
      path: path, cacheDirectory: options.cacheDirectory, cacheLimit: options.cacheLimit,
      threads: options.threads, log: .silent)
    sessions = (path, session)
    return session
  }

  /// The weights of the base at a path; those of the base before it are let go.
  func weights(_ path: String) throws(Fault) -> DecoderWeights {
    if let loaded, loaded.path == path { return loaded.weights }
    loaded = nil
    let weights = try DecoderWeights(base: try base(path))
    loaded = (path, weights)
    return weights
  }

  /// A decoder of the base at a path, with an adapter where one is given.
  func decoder(base path: String, adapter: String? = nil) throws(Fault) -> Decoder {
    let base = try base(path)
    var updates = UpdateSet(layerCount: base.configuration.layerCount)
    if let adapter {
      let adapter = try Adapter.open(adapter).matched(to: base.configuration)
      guard !adapter.needsResolution, adapter.parts.isEmpty else {
        throw Fault(
          .unsupported, "GV-ADAPTER", "only plain updates of linear modules are verified",
          path: adapter.path)
      }
      for update in adapter.updates {
        let module = try Workshop.module(update.moduleName, of: base)
        guard update.outFeatures == module.outFeatures, update.inFeatures == module.inFeatures
        else {
          throw Fault(
            .badData, "GV-SHAPE",
            "adapter [\(update.outFeatures), \(update.inFeatures)], base "
              + "[\(module.outFeatures), \(module.inFeatures)]", tensor: update.moduleName)
        }
        updates[module.layer, module.kind] = ModuleUpdate(
          loraA: update.loraA, loraB: update.loraB, scaling: update.scaling)
      }
    }
    return Decoder(weights: try weights(path), updates: updates, threads: options.threads)
  }

  /// The linear module of that name.
  ///
  /// - Throws: 65 `GV-MODULE` when the base has none.
  static func module(_ name: String, of base: BaseCheckpoint) throws(Fault) -> LinearModule {
    if let module = base.linearModules.first(where: { $0.name == name }) { return module }
    throw Fault(.badData, "GV-MODULE", "the base has no such module", tensor: name)
  }
}
