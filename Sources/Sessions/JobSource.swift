package import Adapters
package import Checkpoints
package import Files

/// What a job makes latents for: the modules that an adapter changes, or, where it starts from nothing, those of the base
/// that were named.
package struct JobSource: Sendable {
  /// The modules, in model order.
  package let modules: [LinearModule]
  /// The adapter on the base; nil where there is none.
  package let matched: MatchedAdapter?
  /// The head that a job from nothing makes and trains; nil where none is needed.
  package let newHead: NewHead?

  /// A source of `modules`, those of `matched` or of nothing.
  package init(modules: [LinearModule], matched: MatchedAdapter?, newHead: NewHead? = nil) {
    self.modules = modules
    self.matched = matched
    self.newHead = newHead
  }

  /// The adapter as its files say; nil where there is none.
  package var adapter: Adapter? { matched?.adapter }

  /// The updates of ``modules``, in their order; none where there is no adapter.
  package var updates: [LowRankUpdate] { matched?.updates ?? [] }

  /// The update of the module at `place`, if there is an adapter.
  package func update(at place: Int) -> LowRankUpdate? { matched?.updates[place] }

  /// What is changed of the base beside updates.
  package var parts: [AdapterPart] { matched?.parts ?? newHead?.parts ?? [] }

  /// The largest rank of an update; 0 where there is none.
  package var rank: Int { adapter?.rank ?? 0 }

  /// Two jobs with the same one start from the same: the adapter, or nothing in the same modules.
  package var identity: SHA256Digest {
    adapter?.identity
      ?? SHA256Digest.of(Array((["scratch"] + modules.map(\.name)).joined(separator: "\n").utf8))
  }
}
