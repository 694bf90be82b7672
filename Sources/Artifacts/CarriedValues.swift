import Checkpoints
public import Faults
public import Tensors

/// A matrix of a carried parameter as it is stored (`formats/loraxs.md` §10.3).
public struct CarriedValues: Sendable, Hashable {
  /// How.
  public let storage: CarriedStorage
  /// Rows; one for a vector.
  public let rows: Int
  /// Columns.
  public let columns: Int
  /// Rounded numbers, row-major; empty for `int8`.
  let values: [Float]
  /// Whole numbers, row-major; empty for floating storage.
  let codes: [Int8]
  /// One scale a row; empty for floating storage.
  let scales: [Float]

  init(
    storage: CarriedStorage, rows: Int, columns: Int, values: [Float] = [], codes: [Int8] = [],
    scales: [Float] = []
  ) {
    self.storage = storage
    self.rows = rows
    self.columns = columns
    self.values = values
    self.codes = codes
    self.scales = scales
  }

  /// Stores a matrix; exactly, in the smallest type that can, where no storage is asked for.
  ///
  /// Vectors have no rows to scale and stay Float32 where `int8` is asked for.
  ///
  /// - Throws: 65 `VAL-RANGE` for a number that is not finite or beyond the storage.
  public init(_ matrix: Matrix<Float>, storage asked: CarriedStorage?) throws(Fault) {
    var storage = asked ?? .exact(matrix.elements)
    if storage == .int8, matrix.rows < 2 { storage = .f32 }
    (rows, columns) = (matrix.rows, matrix.columns)
    self.storage = storage
    if let index = matrix.elements.firstIndex(where: { !$0.isFinite }) {
      throw Fault(.badData, "VAL-RANGE", "element \(index) is \(matrix.elements[index])")
    }
    guard storage == .int8 else {
      values = matrix.elements.map { value in
        switch storage {
        case .f16: HalfPrecision.float(half: HalfPrecision.half(value))
        case .bf16: HalfPrecision.float(brain: HalfPrecision.brain(value))
        case .f32, .int8: value
        }
      }
      if let index = values.firstIndex(where: { !$0.isFinite }) {
        throw Fault(
          .badData, "VAL-RANGE",
          "element \(index) = \(matrix.elements[index]) is beyond \(storage.rawValue)")
      }
      (codes, scales) = ([], [])
      return
    }
    var codes: [Int8] = []
    var scales: [Float] = []
    codes.reserveCapacity(matrix.elements.count)
    for row in 0..<matrix.rows {
      let line = matrix.elements[row * matrix.columns..<(row + 1) * matrix.columns]
      let scale = line.reduce(0) { max($0, abs($1)) } / 127
      scales.append(scale)
      for value in line {
        codes.append(scale > 0 ? Int8(max(-127, min(127, (value / scale).rounded()))) : 0)
      }
    }
    (self.codes, self.scales, values) = (codes, scales, [])
  }

  /// The numbers that a loader uses, `[rows, columns]`.
  public var matrix: Matrix<Float> {
    guard storage == .int8 else { return Matrix(rows: rows, columns: columns, elements: values) }
    var result = Matrix<Float>(rows: rows, columns: columns)
    for row in 0..<rows {
      for index in row * columns..<(row + 1) * columns {
        result.elements[index] = Float(codes[index]) * scales[row]
      }
    }
    return result
  }

  /// Bytes of codes and scales, or of rounded numbers.
  var byteCount: Int { rows * columns * storage.dtype.byteCount + 4 * scales.count }

  // MARK: - Tensors

  func add(_ name: String, to writer: inout SafeTensorsWriter) throws(Fault) {
    guard storage == .int8 else {
      try writer.add(name, dtype: storage.dtype, shape: [rows, columns], floats: values)
      return
    }
    try writer.add(
      name, dtype: .i8, shape: [rows, columns], bytes: codes.map { UInt8(bitPattern: $0) })
    try writer.add(name + CarriedParameter.scales, shape: [rows], floats: scales)
  }

  /// Reads what ``add(_:to:)`` wrote.
  ///
  /// - Throws: 65 `ART-SHAPE` for a tensor that is missing or of another type or shape, `ART-RANGE` for a
  ///   code of −128 or a scale that is negative.
  init(
    _ file: SafeTensorsFile, _ name: String, storage: CarriedStorage, rows: Int, columns: Int
  ) throws(Fault) {
    func tensor(_ name: String, _ dtype: DType, _ shape: [Int]) throws(Fault) -> TensorInfo {
      guard let tensor = file[name], tensor.dtypeName == dtype.rawValue, tensor.shape == shape
      else {
        let found = file[name].map { "is \($0.dtypeName) \($0.shape)" } ?? "is missing"
        throw Fault(
          .badData, "ART-SHAPE",
          "\(found), the list of carried parameters needs "
            + "\(dtype.rawValue) \(shape)", tensor: name)
      }
      return tensor
    }
    let stored = try tensor(name, storage.dtype, [rows, columns])
    guard storage == .int8 else {
      self.init(
        storage: storage, rows: rows, columns: columns, values: try file.floats(of: stored))
      return
    }
    let codes = try file.bytes(of: stored).map { Int8(bitPattern: $0) }
    let scales = try file.floats(of: try tensor(name + CarriedParameter.scales, .f32, [rows]))
    guard !codes.contains(-128), scales.allSatisfy({ $0 >= 0 }) else {
      throw Fault(
        .badData, "ART-RANGE", "a code of -128 or a negative scale", tensor: name)
    }
    self.init(storage: storage, rows: rows, columns: columns, codes: codes, scales: scales)
  }
}
