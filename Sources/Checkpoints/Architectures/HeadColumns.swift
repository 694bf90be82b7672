/// Where the heads lie in one row of the product that gives queries, keys and values.
///
/// Legend: `D` head dimension, `H`/`K` query and key-value heads.
public struct HeadColumns: Sendable, Hashable {
  /// First columns of query heads 0 and of what lies between two, then the same of keys and values.
  private let firstQuery, firstKey, firstValue: Int
  private let queryStep, keyValueStep: Int
  /// Columns of a row, (H + 2K)·D.
  public let width: Int

  /// All queries, then all keys, then all values.
  public static func stacked(heads: Int, keyValueHeads: Int, dimension: Int) -> HeadColumns {
    HeadColumns(
      firstQuery: 0, firstKey: heads * dimension, firstValue: (heads + keyValueHeads) * dimension,
      queryStep: dimension, keyValueStep: dimension,
      width: (heads + 2 * keyValueHeads) * dimension)
  }

  /// Query, key and value of the first head, then of the second, and so on (GPT-NeoX).
  public static func byHead(heads: Int, dimension: Int) -> HeadColumns {
    HeadColumns(
      firstQuery: 0, firstKey: dimension, firstValue: 2 * dimension, queryStep: 3 * dimension,
      keyValueStep: 3 * dimension, width: 3 * heads * dimension)
  }

  /// First column of a query head.
  public func query(_ head: Int) -> Int { firstQuery + head * queryStep }
  /// First column of a key head.
  public func key(_ head: Int) -> Int { firstKey + head * keyValueStep }
  /// First column of a value head.
  public func value(_ head: Int) -> Int { firstValue + head * keyValueStep }

  private init(
    firstQuery: Int, firstKey: Int, firstValue: Int, queryStep: Int, keyValueStep: Int, width: Int
  ) {
    self.firstQuery = firstQuery
    self.firstKey = firstKey
    self.firstValue = firstValue
    self.queryStep = queryStep
    self.keyValueStep = keyValueStep
    self.width = width
  }
}
