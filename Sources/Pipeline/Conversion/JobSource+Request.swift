import Adapters
import Checkpoints
import Faults
import Recipes
import Sessions

extension JobSource {
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
      let places: [Int]
      do throws(Fault) {
        places = try targets.places(among: all.map(\.name))
      } catch {
        throw error.at(path: base.path)
      }
      let head = try NewHead(
        rows: request.tuning?.data.file, seed: request.seed, base: base.configuration)
      self.init(modules: places.map { all[$0] }, matched: nil, newHead: head)
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
    self.init(modules: matched.modules, matched: matched)
  }
}
