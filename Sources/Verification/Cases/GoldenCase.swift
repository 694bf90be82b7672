public import Faults
import Files
public import JSON

/// One golden case as written: what to compute, from what, and how far off it may be
/// (`formats/golden.md` §2).
public struct GoldenCase: Sendable {
  /// The name of the file that makes a folder a case.
  public static let fileName = "case.json"
  /// What `schema` says.
  public static let schema = "xspress.golden/1"
  /// The longest `case.json`.
  static let sizeLimit = 4 << 20

  /// The path below the golden directory, such as `forward/tiny-base`.
  public let name: String
  /// The folder of the case.
  public let folder: String
  /// What is computed, such as `forward`.
  public let kind: String
  /// One line for people.
  public let title: String
  /// The inputs by name, in file order.
  public let inputs: [(name: String, input: GoldenInput)]
  /// The seed of every seeded stream of the case.
  public let seed: UInt64
  /// What to compute.
  public let parameters: JSONField
  /// The answer, where it is a few numbers.
  public let expected: JSONField
  /// The file of tensors with the answer, if there is one.
  public let tensors: GoldenInput?
  private let tolerances: [(name: String, value: Double)]

  /// Reads `case.json` of a folder; `name` is what the case is called.
  ///
  /// - Throws: 66 when it cannot be read; 65 with `GV-SCHEMA`, `GV-FIELD`, `GV-PATH`, or the code
  ///   of the JSON reader.
  public static func read(_ folder: String, name: String) throws(Fault) -> GoldenCase {
    let path = Paths.join(folder, fileName)
    do throws(Fault) {
      let bytes = try InputFile(path).readAll(limit: sizeLimit)
      let root = JSONField(try JSONValue.parse(bytes), code: "GV-FIELD")
      return try GoldenCase(root, folder: folder, name: name)
    } catch {
      throw error.at(path: path)
    }
  }

  private init(_ root: JSONField, folder: String, name: String) throws(Fault) {
    let schema = try root["schema"].string()
    guard schema == GoldenCase.schema else {
      throw Fault(.badData, "GV-SCHEMA", "schema is \(schema), expected \(GoldenCase.schema)")
    }
    self.name = name
    self.folder = folder
    kind = try root["kind"].string()
    title = try root["title"].string()
    var inputs: [(name: String, input: GoldenInput)] = []
    for (name, field) in try root["inputs"].fields() {
      inputs.append((name, try GoldenInput(field)))
    }
    self.inputs = inputs
    if root["seed"].isPresent {
      guard let seed = UInt64(exactly: try root["seed"].int()) else {
        throw root["seed"].fault("expected an integer of at least 0")
      }
      self.seed = seed
    } else {
      seed = 0
    }
    parameters = root["parameters"]
    _ = try parameters.object()
    expected = root["expected"]
    var tolerances: [(name: String, value: Double)] = []
    for (name, field) in try root["tolerances"].fields() {
      let value = try field.double()
      guard value >= 0, value.isFinite else { throw field.fault("expected a number of at least 0") }
      tolerances.append((name, value))
    }
    self.tolerances = tolerances
    tensors = root["tensors"].isPresent ? try GoldenInput(root["tensors"]) : nil
    for key in ["generator", "precision", "date"] { _ = try root["provenance"][key].string() }
    _ = try root["provenance"]["libraries"].object()
  }

  /// The tolerance called `name`.
  ///
  /// - Throws: 65 `GV-FIELD` when the case states none and there is no default.
  func tolerance(_ name: String, default fallback: Double? = nil) throws(Fault) -> Double {
    if let found = tolerances.first(where: { $0.name == name })?.value ?? fallback { return found }
    throw Fault(.badData, "GV-FIELD", "tolerances.\(name): missing, expected a number")
  }

  /// The input called `name`, if the case has it.
  func input(_ name: String) -> GoldenInput? { inputs.first { $0.name == name }?.input }
}
