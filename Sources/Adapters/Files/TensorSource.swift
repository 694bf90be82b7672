import Checkpoints
import Faults
import Files
import JSON
import Tensors

/// The tensors of an adapter's file, whatever container holds them.
protocol TensorSource: Sendable {
  /// The tensors in file order.
  var tensors: [TensorInfo] { get }
  /// What the file says about itself: `__metadata__` or GGUF keys.
  var metadata: JSONObject { get }
  /// The values of a tensor of this file, row-major, all finite.
  func values(of tensor: TensorInfo) throws(Fault) -> [Float]
}

extension TensorSource {
  /// A matrix; 65 `AD-SHAPE` unless the tensor has two dimensions.
  func matrix(_ tensor: TensorInfo) throws(Fault) -> Matrix<Float> {
    guard tensor.shape.count == 2 else {
      let isConvolution = tensor.shape.count > 3
      throw Fault(
        isConvolution ? .unsupported : .badData, "AD-SHAPE",
        "shape \(tensor.shape) \(isConvolution ? "is a convolution" : "is not a matrix")",
        tensor: tensor.name)
    }
    // A tensor without elements may claim any size beside its zero.
    guard tensor.shape.allSatisfy({ $0 <= 1 << 24 }) else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape) is no matrix of a model",
        tensor: tensor.name)
    }
    return Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], elements: try values(of: tensor))
  }

  /// A tensor as a matrix with all dimensions but the first in one row: the kernel of a convolution.
  func flattened(_ tensor: TensorInfo) throws(Fault) -> Matrix<Float> {
    let width = tensor.shape.dropFirst().reduce(1, &*)
    guard tensor.shape.count > 1, tensor.shape.allSatisfy({ $0 > 0 && $0 <= 1 << 24 }) else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape) is no kernel of a model", tensor: tensor.name)
    }
    return Matrix(rows: tensor.shape[0], columns: width, elements: try values(of: tensor))
  }

  /// `count` values of a tensor with no other dimension larger than one.
  func vector(_ tensor: TensorInfo, count: Int) throws(Fault) -> [Float] {
    guard tensor.shape.filter({ $0 != 1 }) == (count == 1 ? [] : [count]) else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape), expected [\(count)]", tensor: tensor.name)
    }
    return try values(of: tensor)
  }

  /// The one value of a tensor; 65 `AD-SHAPE` when it holds another number of them.
  func scalar(_ tensor: TensorInfo) throws(Fault) -> Double {
    guard tensor.shape.allSatisfy({ $0 == 1 }) else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape), expected one value", tensor: tensor.name)
    }
    return Double(try values(of: tensor)[0])
  }
}

extension SafeTensorsFile: TensorSource {
  func values(of tensor: TensorInfo) throws(Fault) -> [Float] { try floats(of: tensor) }
}

extension TorchFile: TensorSource {
  var metadata: JSONObject { JSONObject() }
  func values(of tensor: TensorInfo) throws(Fault) -> [Float] { try floats(of: tensor) }
}

/// A GGUF file as a source of tensors.
struct GGUFTensors: TensorSource {
  private let checkpoint: Checkpoint
  let metadata: JSONObject

  init(_ path: String) throws(Fault) {
    checkpoint = try Checkpoint.open(path)
    metadata = checkpoint.metadata.objectValue ?? JSONObject()
  }

  var tensors: [TensorInfo] { checkpoint.tensors }

  /// The file, or the parts of a split.
  func files() throws(Fault) -> [InputFile] {
    try checkpoint.paths.map { (path) throws(Fault) in try InputFile(path) }
  }

  func values(of tensor: TensorInfo) throws(Fault) -> [Float] {
    try checkpoint.floats(tensor.name)
  }
}
