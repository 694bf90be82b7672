/// What becomes of DoRA's magnitudes (`formats/peft.md` §5.3).
public enum MagnitudeHandling: String, Sendable, Hashable, CaseIterable {
  /// Their effect is part of the update, which becomes full-rank: what directions do not hold of it is lost.
  case approximate
  /// They are carried beside the update, as one factor a row of the weight: nothing is lost.
  case keep
}
