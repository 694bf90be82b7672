/// How the form of an artifact was chosen: what was tried, on which rows, and what became of each.
public struct RaceRecord: Hashable, Sendable {
  /// What chose the pairs of a candidate; the raw value is `pairs` of `formats/record.md` §7.
  public enum PairChoice: String, Hashable, Sendable {
    /// The loss that the curvature puts on what is left out.
    case curvature
    /// The plain energy of what is left out.
    case energy = "plain energy"
  }

  /// One candidate in one round.
  public struct Entry: Hashable, Sendable {
    /// From 1.
    public var round: Int
    /// `directions`, `pairs` or `both`.
    public var form: String
    /// How its latents are stored.
    public var store: String
    /// What chose its pairs; nil for directions.
    public var pairChoice: PairChoice?
    /// Its ranks or pairs, for people.
    public var size: String
    /// Bytes of its artifact at the start.
    public var bytes: Int
    /// Optimiser steps of the round; 0 where nothing is trained.
    public var steps: Int
    /// Loss on the rows after these steps; the share of energy that is not captured where there are no rows.
    public var loss: Double
    /// Wall time of the round.
    public var seconds: Double
    /// Whether it went on.
    public var isKept: Bool

    /// Creates an entry.
    public init(
      round: Int, form: String, store: String, pairChoice: PairChoice? = nil, size: String,
      bytes: Int, steps: Int, loss: Double, seconds: Double, isKept: Bool
    ) {
      self.round = round
      self.form = form
      self.store = store
      self.pairChoice = pairChoice
      self.size = size
      self.bytes = bytes
      self.steps = steps
      self.loss = loss
      self.seconds = seconds
      self.isKept = isKept
    }
  }

  /// What chose: `kl`, `ce`, `mix` on rows, or `energy`.
  public var measure: String
  /// Rows that chose.
  public var rows: Int
  /// Round after round, candidates in their order.
  public var entries: [Entry]

  /// Creates a record.
  public init(measure: String, rows: Int, entries: [Entry]) {
    self.measure = measure
    self.rows = rows
    self.entries = entries
  }

  /// What won.
  public var winner: Entry? { entries.last { $0.isKept } }

  /// Wall time of all rounds.
  public var seconds: Double { entries.reduce(0) { $0 + $1.seconds } }
}
