/// Where the heads lie in one row of the product that gives queries, keys and values.
///
/// Legend: `D` head dimension, `H`/`K` query and key-value heads.
public struct HeadColumns: Sendable, Hashable {
  private let firstKey, firstValue: Int
  /// Columns from one query head to the next of its group, and how many a group has.
  private let dimension, groupSize: Int
  /// Columns from one group of queries to the next, and from one key or value to the next.
  private let groupStep, keyValueStep: Int
  /// Columns of a row, (H + 2K)·D.
  public let width: Int

  /// All queries, then all keys, then all values.
  public static func stacked(heads: Int, keyValueHeads: Int, dimension: Int) -> HeadColumns {
    HeadColumns(
      firstKey: heads * dimension, firstValue: (heads + keyValueHeads) * dimension,
      dimension: dimension, groupSize: 1, groupStep: dimension, keyValueStep: dimension,
      width: (heads + 2 * keyValueHeads) * dimension)
  }

  /// Queries, key and value of the first key-value head, then of the second, and so on (GPT-NeoX, Falcon).
  public static func byGroup(heads: Int, keyValueHeads: Int, dimension: Int) -> HeadColumns {
    let size = heads / keyValueHeads
    let step = (size + 2) * dimension
    return HeadColumns(
      firstKey: size * dimension, firstValue: (size + 1) * dimension, dimension: dimension,
      groupSize: size, groupStep: step, keyValueStep: step, width: keyValueHeads * step)
  }

  /// First column of a query head.
  public func query(_ head: Int) -> Int {
    head / groupSize * groupStep + head % groupSize * dimension
  }
  /// First column of a key head.
  public func key(_ head: Int) -> Int { firstKey + head * keyValueStep }
  /// First column of a value head.
  public func value(_ head: Int) -> Int { firstValue + head * keyValueStep }

  private init(
    firstKey: Int, firstValue: Int, dimension: Int, groupSize: Int, groupStep: Int,
    keyValueStep: Int, width: Int
  ) {
    self.firstKey = firstKey
    self.firstValue = firstValue
    self.dimension = dimension
    self.groupSize = groupSize
    self.groupStep = groupStep
    self.keyValueStep = keyValueStep
    self.width = width
  }
}
