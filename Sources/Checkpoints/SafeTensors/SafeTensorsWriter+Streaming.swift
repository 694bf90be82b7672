public import Faults
public import Tensors

extension SafeTensorsWriter {
  /// Adds a tensor whose Float32 values are made, and rounded to `dtype`, when they are written: a whole
  /// model passes through one tensor at a time.
  ///
  /// - Throws: as ``add(_:dtype:shape:produce:)``; 65 `VAL-RANGE` while writing.
  public mutating func add(
    _ name: String, dtype: DType, shape: [Int],
    floats: @escaping @Sendable () throws(Fault) -> [Float]
  ) throws(Fault) {
    try add(name, dtype: dtype, shape: shape) { () throws(Fault) in
      try ElementEncoding.bytes(floats(), dtype, tensor: name)
    }
  }
}
