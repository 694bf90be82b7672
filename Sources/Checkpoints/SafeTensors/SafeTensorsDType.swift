import Tensors

/// The element types a safetensors header may name, in the format's own order, with their bits.
///
/// The order decides where the reference writer puts a tensor (`formats/safetensors.md` §4).
enum SafeTensorsDType {
  /// Every name and its bits, in the format's order.
  static let table: [(name: String, bits: Int)] = [
    ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8),
    ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8),
    ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32),
    ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
  ]

  /// Bits of one element, nil for a name the format does not know.
  static func bits(of name: String) -> Int? { table.first { $0.name == name }?.bits }

  /// Place in the format's order.
  static func order(of dtype: DType) -> Int {
    table.firstIndex { $0.name == dtype.rawValue } ?? table.count
  }
}
