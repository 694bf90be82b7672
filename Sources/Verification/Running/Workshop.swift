import Checkpoints
import Faults

/// What the cases of one run share: inputs already found and hashed, bases already opened.
final class Workshop {
  /// The settings of the run.
  let options: Verifier.Options
  /// Finds inputs and checks their digests.
  let resolver: InputResolver
  private var bases: [String: BaseCheckpoint] = [:]

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
}
