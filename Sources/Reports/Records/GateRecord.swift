/// What `--min-retained` found: the retained gain of the artifact as stored, on rows that chose nothing of its tuning.
public struct GateRecord: Hashable, Sendable {
  /// The share of the LoRA's gain that was asked for.
  public var asked: Double
  /// The share retained.
  public var retained: Double
  /// Its paired-bootstrap 95% interval, whose lower end is what is compared with `asked`.
  public var interval95: ClosedRange<Double>
  /// How many rows it was measured on.
  public var rows: Int
  /// The rank or bytes it was measured at: the first that passed, or the one that came nearest.
  public var size: String
  /// How many sizes were judged, on the same rows.
  public var tried: Int

  /// Whether the artifact retains enough.
  public var passes: Bool { interval95.lowerBound >= asked }

  /// This one, or an earlier one whose lower end came nearer, with as many sizes judged as by now.
  public func nearer(than earlier: GateRecord?) -> GateRecord {
    guard var earlier, earlier.interval95.lowerBound >= interval95.lowerBound else { return self }
    earlier.tried = tried
    return earlier
  }

  /// `0.953 (95% interval 0.910 to 0.981) on 64 rows with rank 16x4`.
  public var sentence: String {
    "\(Numerals.fixed(retained, 3)) (95% interval \(Numerals.fixed(interval95.lowerBound, 3)) to "
      + "\(Numerals.fixed(interval95.upperBound, 3))) on \(rows) rows with \(size)"
  }

  /// Creates a record.
  public init(
    asked: Double, retained: Double, interval95: ClosedRange<Double>, rows: Int, size: String,
    tried: Int
  ) {
    self.asked = asked
    self.retained = retained
    self.interval95 = interval95
    self.rows = rows
    self.size = size
    self.tried = tried
  }
}
