/// Builds safetensors bytes, whole or broken.
public enum SafeTensorsBytes {
  /// A file from header text and data.
  public static func file(_ header: String, data: [UInt8] = []) -> [UInt8] {
    file(Array(header.utf8), data: data)
  }

  /// A file from header bytes and data.
  public static func file(_ header: [UInt8], data: [UInt8] = []) -> [UInt8] {
    length(UInt64(header.count)) + header + data
  }

  /// The length field.
  public static func length(_ count: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
  }

  /// One entry.
  public static func entry(
    _ name: String = "w", dtype: String = "\"F32\"", shape: String = "[1]",
    offsets: String = "[0,4]"
  ) -> String {
    "\"\(name)\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  /// A file of one tensor with 4 bytes of data.
  public static func one(
    _ name: String = "w", dtype: String = "\"F32\"", shape: String = "[1]",
    offsets: String = "[0,4]", data: Int = 4
  ) -> [UInt8] {
    file(
      "{\(entry(name, dtype: dtype, shape: shape, offsets: offsets))}",
      data: [UInt8](repeating: 0, count: data))
  }
}
