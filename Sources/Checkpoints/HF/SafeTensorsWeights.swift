internal import Faults
internal import JSON
internal import Tensors

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
  /// The Hugging Face names, which differ from the stored ones where these lack the prefix of the language model.
  private let names: [String]
  /// Tensors that are stored `[inFeatures, outFeatures]`; their shapes here are those of what they are read as.
  private let transposed: Set<Int>
  private let family: Family?

  /// A directory with `config.json` and weights.
  init(directory path: String) throws(Fault) {
    let directory = HFDirectory(path: path)
    guard let configuration = directory.existing("config.json") else {
      throw Fault(
        .missingInput, "IO-OPEN",
        "there is no such file, so its folder is no Hugging Face model; a GGUF file is named itself",
        path: directory.file("config.json"))
    }
    try self.init(
      directory, configuration: try HFConfiguration(configuration),
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
    let family = Family.of(modelType: configuration?.modelType)
    var (names, transposed): ([String], Set<Int>) = ([], [])
    for (index, tensor) in tensors.enumerated() {
      let (name, storage) = family?.names.stored(huggingFace: tensor.name) ?? (tensor.name, .asIs)
      names.append(name)
      guard storage == .transposed, tensor.shape.count == 2 else { continue }
      transposed.insert(index)
      tensors[index].shape.reverse()
    }
    self.tensors = tensors
    self.fileOfTensor = fileOfTensor
    self.names = names
    self.transposed = transposed
    self.family = family
  }

  var paths: [String] { files.compactMap(\.path) }

  /// A warning where the model comes with code of its own, or asks for it (`formats/hf.md` §1.3).
  var codeWarnings: [Warning] {
    var places = directory.programs
    if configuration?.json["auto_map"] != nil { places.append("config.json: auto_map") }
    return places.map {
      Warning("HF-CODE", "the model's own code is not looked at and never run", subject: $0)
    }
  }

  func huggingFaceName(at index: Int) -> String? { names[index] }

  func partNames(at index: Int) -> [String] {
    family?.names.stackParts(names[index], shape: tensors[index].shape) ?? []
  }

  /// Of weights that lie in one tensor with others, which are read one by one; others are read whole.
  func floats(at index: Int, rows: Range<Int>) throws(Fault) -> [Float]? {
    var tensor = tensors[index]
    // Of matrices that lie one behind the other the rows follow one another.
    let isStacked = tensor.shape.count == 3 && !partNames(at: index).isEmpty
    guard isStacked || tensor.shape.count == 2 && !transposed.contains(index),
      let columns = tensor.shape.last, EightBitFloats.Form(rawValue: tensor.dtypeName) == nil
    else { return nil }
    let file = files[fileOfTensor[index]]
    let rowBytes = tensor.byteCount / max(tensor.shape.dropLast().reduce(1, *), 1)
    tensor.shape = [rows.count, columns]
    tensor.byteOffset += rows.lowerBound * rowBytes
    tensor.byteCount = rows.count * rowBytes
    let values = try file.floats(of: tensor)
    try file.checkUnchanged()
    return values
  }

  func floats(at index: Int, threads: Int) throws(Fault) -> [Float] {
    let file = files[fileOfTensor[index]]
    var tensor = tensors[index]
    if transposed.contains(index) { tensor.shape.reverse() }
    let elements = tensor.shape.reduce(1, *)
    try MemoryGuard.check(elements: elements, path: file.path ?? "", tensor: tensor.name)
    var values =
      if let form = EightBitFloats.Form(rawValue: tensor.dtypeName) {
        try eightBitFloats(tensor, form, in: file)
      } else {
        try file.floats(of: tensor, threads: threads)
      }
    try file.checkUnchanged()
    if transposed.contains(index) {
      values =
        Matrix(rows: tensor.shape[0], columns: tensor.shape[1], elements: values).transposed
        .elements
    }
    return values
  }
}
