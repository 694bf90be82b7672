import Checkpoints
import Faults
import Files
import Tensors

/// The tensors of an answer, or of an input, in Float64.
struct GoldenTensors {
  private let file: SafeTensorsFile

  /// The tensors of a file.
  init(path: String) throws(Fault) { file = try SafeTensorsFile.open(path) }

  /// The tensors of a case's answer, digest checked; they lie below the folder of the case.
  ///
  /// - Throws: 66 when the file is not there: an answer is part of its case, not an input.
  init(
    _ input: GoldenInput, of golden: GoldenCase, _ resolver: InputResolver
  ) throws(Fault) {
    let path = Paths.join(golden.folder, input.path)
    try resolver.check(input, at: path)
    try self.init(path: path)
  }

  /// Whether there is a tensor of that name.
  func contains(_ name: String) -> Bool { file[name] != nil }

  /// The names in file order.
  var names: [String] { file.tensors.map(\.name) }

  /// The shape of a tensor.
  func shape(_ name: String) throws(Fault) -> [Int] { try file.tensor(name).shape }

  /// The elements of a tensor, row after row.
  func doubles(_ name: String) throws(Fault) -> [Double] { try file.doubles(of: file.tensor(name)) }

  /// The elements of an integer tensor.
  func integers(_ name: String) throws(Fault) -> [Int] { try file.integers(of: file.tensor(name)) }

  /// A matrix in Float64, `[rows, columns]`.
  func matrix(_ name: String) throws(Fault) -> Matrix<Double> {
    let shape = try shape(name)
    guard shape.count == 2 else {
      throw Fault(.badData, "GV-SHAPE", "\(shape.count) dimensions, expected 2", tensor: name)
    }
    return Matrix(rows: shape[0], columns: shape[1], elements: try doubles(name))
  }

  /// A matrix in Float32, `[rows, columns]`.
  func floatMatrix(_ name: String) throws(Fault) -> Matrix<Float> {
    try file.matrix(of: file.tensor(name))
  }
}
