package import Adapters
package import Checkpoints
import Faults
import Files
import Recipes

/// What a job makes latents for: the modules that an adapter changes, or, where it starts from nothing, those of the base
/// that were named.
package struct JobSource: Sendable {
  /// The modules, in model order.
  package let modules: [LinearModule]
  /// The adapter on the base; nil where there is none.
  package let matched: MatchedAdapter?
  /// The head that a job from nothing makes and trains; nil where none is needed.
  let newHead: NewHead?

  /// The source of `request` on the base of `session`.
  ///
  /// - Parameter adapter: The adapter of the request, where the caller has read it already.
  /// - Throws: what opening and matching the adapter throws; what ``TargetModules`` throws.
  init(
    _ request: JobRequest, on session: BaseSession, adapter: Adapter? = nil
  ) throws(Fault) {
    let base = session.base
    guard let path = request.adapterPath else {
      let all = base.linearModules
      let targets = try TargetModules(request.scratch?.modules ?? [TargetModules.allLinear])
      do throws(Fault) {
        modules = try targets.places(among: all.map(\.name)).map { all[$0] }
      } catch {
        throw error.at(path: base.path)
      }
      matched = nil
      newHead = try NewHead(request, base: base.configuration)
      return
    }
    let opened: Adapter
    if let adapter {
      opened = adapter
    } else {
      opened = try Adapter.open(
        path, format: request.adapterFormat, threads: session.threads, memory: session.memory)
    }
    let matched = try MatchedAdapter(
      opened, base: base, magnitudes: request.magnitudes, threads: session.threads)
    modules = matched.modules
    self.matched = matched
    newHead = nil
  }

  /// The adapter as its files say; nil where there is none.
  package var adapter: Adapter? { matched?.adapter }

  /// The updates of ``modules``, in their order; none where there is no adapter.
  package var updates: [LowRankUpdate] { matched?.updates ?? [] }

  /// The update of the module at `place`, if there is an adapter.
  func update(at place: Int) -> LowRankUpdate? { matched?.updates[place] }

  /// What is changed of the base beside updates.
  var parts: [AdapterPart] { matched?.parts ?? newHead?.parts ?? [] }

  /// The largest rank of an update; 0 where there is none.
  package var rank: Int { adapter?.rank ?? 0 }

  /// Two jobs with the same one start from the same: the adapter, or nothing in the same modules.
  var identity: SHA256Digest {
    adapter?.identity
      ?? SHA256Digest.of(Array((["scratch"] + modules.map(\.name)).joined(separator: "\n").utf8))
  }
}
