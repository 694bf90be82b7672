internal import Faults

/// The tensors of one or more safetensors files.
struct SafeTensorsWeights: WeightSource {
  let tensors: [TensorInfo]
  /// `config.json` beside the weights, where there is one.
  let configuration: HFConfiguration?
  /// The folder of the weights, where other files of the model are found.
  let directory: HFDirectory
  /// The open files.
  let files: [SafeTensorsFile]
  private let fileOfTensor: [Int]

  /// A directory with `config.json` and weights.
  init(directory path: String) throws(Fault) {
    let directory = HFDirectory(path: path)
    try self.init(
      directory, configuration: try HFConfiguration(directory.file("config.json")),
      files: try directory.openWeights())
  }

  /// One file, with `config.json` where there is one beside it.
  init(file path: String, directory: HFDirectory) throws(Fault) {
    let file = try SafeTensorsFile.open(path)
    var configuration: HFConfiguration?
    if let path = directory.existing("config.json") { configuration = try HFConfiguration(path) }
    try self.init(directory, configuration: configuration, files: [file])
  }

  private init(
    _ directory: HFDirectory, configuration: HFConfiguration?, files: [SafeTensorsFile]
  ) throws(Fault) {
    self.directory = directory
    self.configuration = configuration
    self.files = files
    var tensors: [TensorInfo] = []
    var fileOfTensor: [Int] = []
    for (index, file) in files.enumerated() {
      tensors += file.tensors
      fileOfTensor += Array(repeating: index, count: file.tensors.count)
    }
    self.tensors = tensors
    self.fileOfTensor = fileOfTensor
  }

  var paths: [String] { files.compactMap(\.path) }

  func huggingFaceName(at index: Int) -> String? { tensors[index].name }

  func floats(at index: Int, threads: Int) throws(Fault) -> [Float] {
    let file = files[fileOfTensor[index]]
    let tensor = tensors[index]
    let elements = tensor.shape.reduce(1, *)
    try MemoryGuard.check(elements: elements, path: file.path ?? "", tensor: tensor.name)
    let values =
      if let form = EightBitFloats.Form(rawValue: tensor.dtypeName) {
        try eightBitFloats(tensor, form, in: file)
      } else {
        try file.floats(of: tensor, threads: threads)
      }
    try file.checkUnchanged()
    return values
  }
}
