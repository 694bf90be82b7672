internal import Faults

/// What ``Checkpoint`` needs from a format: a list of tensors and their decoded values.
protocol WeightSource: Sendable {
  /// The tensors in file order.
  var tensors: [TensorInfo] { get }

  /// The files that hold the tensors.
  var paths: [String] { get }

  /// The Hugging Face name of tensor `index`, where its format and family tell one.
  func huggingFaceName(at index: Int) -> String?

  /// The Hugging Face names of the rows or matrices of tensor `index`, where these are tensors of their own there; else none.
  func partNames(at index: Int) -> [String]

  /// The values of tensor `index`, row-major, in Hugging Face row order, all finite.
  func floats(at index: Int, threads: Int) throws(Fault) -> [Float]

  /// The values of some rows of tensor `index`, those of all its matrices counted on, as of ``floats(at:threads:)``; nil where a
  /// format has them with all others alone.
  func floats(at index: Int, rows: Range<Int>) throws(Fault) -> [Float]?
}

extension WeightSource {
  func partNames(at index: Int) -> [String] { [] }
  func floats(at index: Int, rows: Range<Int>) throws(Fault) -> [Float]? { nil }
}
