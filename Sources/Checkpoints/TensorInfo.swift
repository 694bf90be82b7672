/// One tensor of a checkpoint as its file describes it.
public struct TensorInfo: Sendable, Hashable {
  /// Name as stored.
  public var name: String
  /// How values are stored, such as `F32`, `BF16` or `Q4_1`.
  public var dtypeName: String
  /// Sizes in Hugging Face order, slowest first.
  public var shape: [Int]
  /// First byte in its file.
  public var byteOffset: Int
  /// Bytes in its file.
  public var byteCount: Int

  /// An entry from its parts; nothing is checked here.
  public init(name: String, dtypeName: String, shape: [Int], byteOffset: Int, byteCount: Int) {
    self.name = name
    self.dtypeName = dtypeName
    self.shape = shape
    self.byteOffset = byteOffset
    self.byteCount = byteCount
  }
}
