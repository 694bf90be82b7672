internal import Faults
import Tensors

/// Weights in eight-bit floating point: codes times the scales that lie beside them (`formats/hf.md` §4).
struct EightBitFloats {
  /// The two forms that hold weights.
  enum Form: String {
    /// Bias 7, no infinities, NaN 0x7F and 0xFF.
    case e4m3 = "F8_E4M3"
    /// Bias 15, as IEEE 754.
    case e5m2 = "F8_E5M2"

    /// The value of every code.
    var values: [Float] {
      (0..<256).map { code in
        let magnitude = UInt32(code & 0x7f)
        let sign: UInt32 = code < 128 ? 0 : 1 << 31
        switch self {
        case .e4m3:
          if magnitude == 0x7f { return .nan }
          // Exponent and fraction read as a Float32 are too small by 2^(127 − 7): one exact product.
          return Float(bitPattern: sign | (Float(bitPattern: magnitude << 20) * 0x1p120).bitPattern)
        case .e5m2:
          if magnitude > 0x7c { return .nan }
          if magnitude == 0x7c { return Float(bitPattern: sign | 0x7f80_0000) }
          return Float(bitPattern: sign | (Float(bitPattern: magnitude << 21) * 0x1p112).bitPattern)
        }
      }
    }
  }

  /// How the scales of a weight `[outFeatures, inFeatures]` lie.
  enum Scales {
    /// One for all.
    case tensor(Float)
    /// One a row, `[outFeatures]`.
    case rows([Float])
    /// One a block of `rows` by `columns`, `[⌈out/rows⌉, ⌈in/columns⌉]`.
    case blocks([Float], rows: Int, columns: Int)
  }

  /// The block of a checkpoint whose configuration names none.
  static let defaultBlock = (rows: 128, columns: 128)

  /// `code · scale` in Float32, row-major.
  static func decode(
    _ codes: [UInt8], _ form: Form, rows: Int, columns: Int, scales: Scales
  ) -> [Float] {
    let values = form.values
    var result = codes.map { values[Int($0)] }
    switch scales {
    case .tensor(let scale):
      for index in result.indices { result[index] *= scale }
    case .rows(let scales):
      for row in 0..<rows {
        for index in row * columns..<(row + 1) * columns { result[index] *= scales[row] }
      }
    case .blocks(let scales, let height, let width):
      let across = (columns + width - 1) / width
      for row in 0..<rows {
        let first = row / height * across
        for column in 0..<columns {
          result[row * columns + column] *= scales[first + column / width]
        }
      }
    }
    return result
  }
}

extension SafeTensorsWeights {
  /// Suffixes, in place of `.weight`, of the scales of an eight-bit weight and of its input.
  static let scaleSuffixes = [
    ".weight_scale_inv", ".weight_scale", ".input_scale", ".activation_scale",
  ]

  /// The values of an eight-bit tensor.
  ///
  /// - Throws: 69 `HF-SCALE` without scales beside it, 65 `HF-SCALE` for scales that do not fit it.
  func eightBitFloats(
    _ tensor: TensorInfo, _ form: EightBitFloats.Form, in file: SafeTensorsFile
  ) throws(Fault) -> [Float] {
    let (rows, columns) = (tensor.shape.first ?? 1, tensor.shape.dropFirst().reduce(1, *))
    let scales = try scales(of: tensor, form, rows: rows, columns: columns, in: file)
    let values = EightBitFloats.decode(
      try file.bytes(of: tensor), form, rows: rows, columns: columns, scales: scales)
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        .badData, "VAL-NAN", "element \(index) is \(values[index])", path: file.path,
        tensor: tensor.name)
    }
    return values
  }

  /// How the scales beside a weight lie, told by their shape and by the block that the configuration names.
  private func scales(
    of tensor: TensorInfo, _ form: EightBitFloats.Form, rows: Int, columns: Int,
    in file: SafeTensorsFile
  ) throws(Fault) -> EightBitFloats.Scales {
    let inverse = try scale(of: tensor, ".weight_scale_inv")
    let plain = inverse == nil ? try scale(of: tensor, ".weight_scale") : nil
    guard let found = inverse ?? plain else {
      throw Fault(
        .unsupported, "HF-SCALE",
        "\(form.rawValue) without weight_scale or weight_scale_inv beside it", path: file.path,
        tensor: tensor.name)
    }
    if found.values.count == 1 { return .tensor(found.values[0]) }
    if inverse == nil, found.shape == [rows] || found.shape == [rows, 1] {
      return .rows(found.values)
    }
    let named = try configuration?.quantizationBlock()
    guard let block = named ?? (inverse == nil ? nil : EightBitFloats.defaultBlock) else {
      throw Fault(
        .badData, "HF-SCALE", "scales \(found.shape) for a weight \(tensor.shape)",
        path: file.path, tensor: tensor.name)
    }
    let shape = [
      (rows + block.rows - 1) / block.rows, (columns + block.columns - 1) / block.columns,
    ]
    guard tensor.shape.count == 2, found.shape == shape else {
      throw Fault(
        .badData, "HF-SCALE",
        "scales \(found.shape), blocks of \(block.rows)x\(block.columns) need \(shape)",
        path: file.path, tensor: tensor.name)
    }
    return .blocks(found.values, rows: block.rows, columns: block.columns)
  }

  private func scale(
    of tensor: TensorInfo, _ suffix: String
  ) throws(Fault) -> (values: [Float], shape: [Int])? {
    guard tensor.name.hasSuffix(".weight") else { return nil }
    let name = tensor.name.dropLast(".weight".count) + suffix
    for file in files {
      guard let scale = file[String(name)] else { continue }
      return (try file.floats(of: scale), scale.shape)
    }
    return nil
  }
}
