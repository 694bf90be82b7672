public import Checkpoints
public import Faults
public import Files
import JSON
import LinearAlgebra
import Tensors

/// The first directions of many modules in one file, `.xsbases` (`formats/xsbases.md` §4).
///
/// For fleets, for those without the time for a decomposition, and for several quantisations of one
/// base model: a pack may serve weights it was not computed from, because an artifact names the
/// pack's digest as well as the weights'. Whether that is wanted is the caller's decision.
public struct BasisPack: Sendable {
  /// Where the pack lies.
  public let path: String
  /// The largest number of directions of a module.
  public let rank: Int
  /// The modules, in the order they were written.
  public let moduleNames: [String]
  /// SHA-256 over the weights' digests in module order.
  public let rootDigest: SHA256Digest
  private let file: SafeTensorsFile
  private let places: [UTF8Key: Int]
  private let digests: [UInt8]
  private let convergence: [Double]

  static let format = "xsbases"
  static let schema = "xspress.bases/1"

  /// Opens a pack and checks that all of it is there; vectors are read when asked for.
  ///
  /// - Throws: `XB-FORMAT` for another kind of file, `XB-VERSION` for another version, `XB-METADATA`
  ///   and `XB-SHAPE` naming the field or tensor; what opening a safetensors file throws.
  public static func open(_ path: String) throws(Fault) -> BasisPack {
    do throws(Fault) {
      return try BasisPack(path, try SafeTensorsFile.open(path))
    } catch {
      throw error.at(path: path)
    }
  }

  private init(_ path: String, _ file: SafeTensorsFile) throws(Fault) {
    self.path = path
    self.file = file
    guard file.metadata["format"]?.stringValue == BasisPack.format else {
      throw Fault(.badData, "XB-FORMAT", "not a pack of bases")
    }
    guard file.metadata["version"]?.stringValue == "1" else {
      throw Fault(.unsupported, "XB-VERSION", "a version of .xsbases that this program cannot read")
    }
    guard let text = file.metadata["xspress"]?.stringValue else {
      throw Fault(.badData, "XB-METADATA", "the field \"xspress\" is missing")
    }
    let metadata = JSONField(
      try JSONValue.parse(Array(text.utf8)), path: "xspress", code: "XB-METADATA")
    guard try metadata["schema"].string() == BasisPack.schema else {
      throw metadata["schema"].fault("expected \(BasisPack.schema)")
    }
    let rank = try metadata["rank"].int(in: 1...1 << 20)
    var names: [String] = []
    var places: [UTF8Key: Int] = [:]
    for field in try metadata["modules"].array() {
      let name = try field.string()
      guard places.updateValue(names.count, forKey: UTF8Key(name)) == nil else {
        throw field.fault("the module is listed twice")
      }
      names.append(name)
    }
    self.rank = rank
    self.places = places
    moduleNames = names
    let digestTensor = try file.tensor("module_digests")
    let figureTensor = try file.tensor("convergence")
    guard digestTensor.dtypeName == "U8", digestTensor.shape == [names.count, 32],
      figureTensor.dtypeName == "F64", figureTensor.shape == [names.count, 4],
      file.tensors.count == 2 + 3 * names.count
    else {
      throw Fault(.badData, "XB-SHAPE", "the tensors do not match the list of modules")
    }
    digests = try file.bytes(of: digestTensor)
    convergence = try file.doubles(of: figureTensor)
    rootDigest = SHA256Digest.of(digests)
    for name in names { try BasisPack.check(name, rank: rank, in: file) }
  }

  /// Shapes and types of one module's tensors.
  private static func check(_ name: String, rank: Int, in file: SafeTensorsFile) throws(Fault) {
    let values = try file.tensor("\(name).singular_values")
    let output = try file.tensor("\(name).output_vectors")
    let input = try file.tensor("\(name).input_vectors")
    guard values.dtypeName == "F64", values.shape.count == 1, values.shape[0] <= rank,
      [output, input].allSatisfy({
        $0.dtypeName == "F32" && $0.shape.count == 2 && $0.shape[1] == values.shape[0]
          && $0.shape[0] >= values.shape[0]
      })
    else {
      throw Fault(
        .badData, "XB-SHAPE",
        "shapes \(values.shape), \(output.shape), \(input.shape) are not those of one module",
        tensor: name)
    }
  }

  /// SHA-256 of the weight a module's directions were computed from; nil for an unknown module.
  public func weightDigest(of moduleName: String) -> SHA256Digest? {
    places[UTF8Key(moduleName)].flatMap { place in
      SHA256Digest(
        hex: digests[32 * place..<32 * place + 32].map { byte in
          let digits = String(byte, radix: 16)
          return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined())
    }
  }

  /// The directions of a module.
  ///
  /// - Throws: `XB-MODULE` for a module that is not in the pack or has another shape; `XB-VALUES`
  ///   where the vectors are not orthonormal to 1e-5 or the singular values do not descend.
  public func basis(of module: LinearModule) throws(Fault) -> SingularBasis {
    do throws(Fault) {
      return try read(module)
    } catch {
      throw error.at(path: path, tensor: module.name)
    }
  }

  private func read(_ module: LinearModule) throws(Fault) -> SingularBasis {
    guard let place = places[UTF8Key(module.name)] else {
      throw Fault(.badData, "XB-MODULE", "the module is not in the pack")
    }
    let output = try file.matrix(of: file.tensor("\(module.name).output_vectors"))
    let input = try file.matrix(of: file.tensor("\(module.name).input_vectors"))
    guard output.rows == module.outFeatures, input.rows == module.inFeatures else {
      throw Fault(
        .badData, "XB-MODULE",
        "the pack has a weight of \(output.rows)x\(input.rows), the base one of "
          + "\(module.outFeatures)x\(module.inFeatures)")
    }
    let values = try file.doubles(of: file.tensor("\(module.name).singular_values"))
    let outputRows = output.transposed.inDouble
    let inputRows = input.transposed.inDouble
    let defect = max(outputRows.orthogonalityDefect, inputRows.orthogonalityDefect)
    guard defect <= 1e-5, values.allSatisfy({ $0 > 0 }),
      zip(values, values.dropFirst()).allSatisfy(>=)
    else {
      throw Fault(.badData, "XB-VALUES", "the directions are not orthonormal (\(defect))")
    }
    let figures = Array(convergence[4 * place..<4 * place + 4])
    return SingularBasis(
      moduleName: module.name, singularValues: values, outputRows: outputRows,
      inputRows: inputRows,
      convergence: Convergence(
        route: .stored, residual: figures[0], orthogonality: figures[1], minimumGap: figures[2],
        spanError: figures[3]))
  }

  /// SHA-256 of the file, by which artifacts name the pack.
  public func digest() throws(Fault) -> SHA256Digest { try SHA256Digest.of(InputFile(path)) }
}
