import Checkpoints

/// The rows of a table of distances that sequences of up to some length need, and where among them each offset's row is.
struct DistanceRows: Sendable {
  /// The rows of the table.
  let rows: Range<Int>
  /// The longest sequence.
  private let length: Int
  /// By offset, from the smallest on: the place among ``rows``.
  private let places: [Int32]

  /// The rows that sequences of up to `length` tokens need.
  init(_ relative: RelativePositions, length: Int) {
    self.length = max(length, 1)
    let reach = self.length - 1
    rows = relative.row(of: -reach)..<relative.row(of: reach) + 1
    let first = rows.lowerBound
    places = (-reach...reach).map { Int32(relative.row(of: $0) - first) }
  }

  /// How many rows there are.
  var count: Int { rows.count }

  /// The places of the rows that a sequence of `length` tokens needs.
  func places(length: Int) -> Range<Int> {
    let middle = self.length - 1
    return Int(places[middle - length + 1])..<Int(places[middle + length - 1]) + 1
  }

  /// Runs `body` with the places of the offsets i − j of a sequence, each at i − j behind the pointer.
  @inline(__always)
  func withPlaces(_ body: (UnsafePointer<Int32>) -> Void) {
    places.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      body(start + (length - 1))
    }
  }
}
