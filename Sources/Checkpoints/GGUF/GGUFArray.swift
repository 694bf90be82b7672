/// Where an array of a GGUF file lies; its elements are decoded when asked for.
struct GGUFArray: Sendable, Hashable {
  /// Type of the elements.
  var elementType: GGUFValueType
  /// Number of elements.
  var count: Int
  /// First byte of the first element in the file.
  var byteOffset: Int
  /// Bytes of all elements.
  var byteCount: Int
}
