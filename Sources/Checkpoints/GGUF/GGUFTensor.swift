/// One entry of a GGUF tensor table, checked against the file (`formats/gguf.md` §4).
struct GGUFTensor: Sendable, Hashable {
  /// Name as stored.
  var name: String
  /// How its values are stored.
  var type: GGUFTensorType
  /// Sizes, slowest first: the reverse of the file's order, so `[outFeatures, inFeatures]`.
  var shape: [Int]
  /// First byte in the file.
  var byteOffset: Int
  /// Bytes in the file.
  var byteCount: Int

  /// Number of values.
  var elementCount: Int { shape.reduce(1, *) }
}
