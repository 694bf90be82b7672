/// The ids of one text or two with what a model puts around them.
public struct TokenizedText: Sendable, Hashable {
  /// The ids.
  public var ids: [Int32] = []
  /// Of each id the type that models with two kinds of text add an embedding for: 0, or 1 for the second.
  public var types: [Int32] = []

  mutating func append(_ ids: [Int32], type: Int32) {
    self.ids += ids
    types += repeatElement(type, count: ids.count)
  }
}
