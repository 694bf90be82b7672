package import Bases
package import Checkpoints
package import Faults
import Synchronization

/// The draws of a base model's modules, remembered: every artifact on it needs the same.
package final class ProbeDraws: Sendable {
  private let base: BaseCheckpoint
  private let known = Mutex<[Key: [Probe.Draw]]>([:])

  private struct Key: Hashable {
    let module: String
    let index: Int
  }

  init(base: BaseCheckpoint) {
    self.base = base
  }

  /// The draws of a module that is the `index`-th of its artifact.
  package func draws(of module: LinearModule, index: Int) throws(Fault) -> [Probe.Draw] {
    let key = Key(module: module.name, index: index)
    if let draws = known.withLock({ $0[key] }) { return draws }
    let draws = Probe.draws(weight: try base.matrix(module.weightName), index: index)
    known.withLock { $0[key] = draws }
    return draws
  }
}
