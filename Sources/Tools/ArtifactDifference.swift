import Artifacts
import Bases
import Checkpoints
public import Faults
import Files
public import JSON
import LinearAlgebra
import Pipeline
public import Sessions
import Tensors

/// Two artifacts beside each other, module by module (`xspress.diff/1`).
///
/// What is compared is the update itself, `ΔW = U M Vᵀ`: with directions that are orthonormal,
/// `⟨ΔW_A, ΔW_B⟩ = ⟨M_A, (U_AᵀU_B) M_B (V_AᵀV_B)ᵀ⟩`. Chosen directions of one base agree where their numbers do, so
/// that no base is needed; other directions are regenerated from it.
public struct ArtifactDifference: Sendable {
  /// One module of either.
  public struct Module: Sendable {
    /// Its name.
    public var name: String
    /// Rows and columns of the latents, nil where an artifact does not have the module.
    public var left: [Int]?
    /// As ``left``.
    public var right: [Int]?
    /// `‖ΔW_A‖` and `‖ΔW_B‖`; nil where the directions cannot be compared.
    public var norms: (left: Double, right: Double)?
    /// `‖ΔW_A − ΔW_B‖ ⁄ ‖ΔW_A‖`; nil where it cannot be told, or ΔW_A is zero.
    public var relative: Double?
    /// Cosine between the two; nil likewise.
    public var cosine: Double?
  }

  /// Settings that differ, as names and values of either.
  public let settings: [(name: String, left: String, right: String)]
  /// The modules of either, in module order.
  public let modules: [Module]

  /// Whether the files are equal, byte by byte.
  public let isEqualFile: Bool

  /// Whether nothing differs: settings, modules and every stored number; nil where a base would have to tell.
  public var isSame: Bool? {
    if isEqualFile { return true }
    guard settings.isEmpty, modules.allSatisfy({ $0.left == $0.right }) else { return false }
    if modules.contains(where: { $0.norms.map { $0.left != $0.right } ?? false }) { return false }
    let distances = modules.map { $0.norms.map { $0.left == 0 } ?? false ? 0 : $0.relative }
    if distances.contains(where: { $0.map { $0 != 0 } ?? false }) { return false }
    return distances.contains(nil) ? nil : true
  }

  /// Compares the files at `left` and `right`; a session on their base regenerates directions.
  ///
  /// - Throws: what reading and loading throw; 65 `ART-BASE` for artifacts of different bases.
  public init(
    _ left: String, _ right: String, session: BaseSession? = nil, memory: Int? = nil
  ) throws(Fault) {
    let artifacts = (
      try Artifact.read(left, memory: memory), try Artifact.read(right, memory: memory)
    )
    isEqualFile =
      try SHA256Digest.of(try InputFile(left)) == SHA256Digest.of(try InputFile(right))
    let bases = (artifacts.0.metadata.base, artifacts.1.metadata.base)
    let names = (
      Set(artifacts.0.modules.map(\.moduleName)), Set(artifacts.1.modules.map(\.moduleName))
    )
    if names.0 == names.1, bases.0.rootDigest != bases.1.rootDigest {
      throw Fault(
        .badData, "ART-BASE",
        "made for another base: root digest \(bases.1.rootDigest.hex.prefix(16)), the first has "
          + bases.0.rootDigest.hex.prefix(16), path: right)
    }
    var loaded: (LoadedArtifact, LoadedArtifact)?
    if let session {
      let loader = ArtifactLoader(session: session)
      loaded = (try loader.load(artifacts.0), try loader.load(artifacts.1))
    }
    settings = ArtifactDifference.settings(artifacts.0, artifacts.1)
    var places: (left: [String: Int], right: [String: Int]) = ([:], [:])
    for (index, module) in artifacts.0.modules.enumerated() {
      places.left[module.moduleName] = index
    }
    for (index, module) in artifacts.1.modules.enumerated() {
      places.right[module.moduleName] = index
    }
    var order: [(order: ModuleOrder, name: String)] = []
    for name in names.0.union(names.1) { order.append((try ModuleOrder(name), name)) }
    modules = order.sorted { $0.order < $1.order }.map { entry in
      let (l, r) = (places.left[entry.name], places.right[entry.name])
      var module = Module(
        name: entry.name, left: l.map { artifacts.0.modules[$0].latentShape },
        right: r.map { artifacts.1.modules[$0].latentShape })
      guard let l, let r else { return module }
      let (a, b) = (artifacts.0.modules[l], artifacts.1.modules[r])
      let sides: (a: Directions, b: Directions)?
      if let loaded {
        sides = (.vectors(loaded.0.bases[l]), .vectors(loaded.1.bases[r]))
      } else {
        sides = Directions.indexed(a, artifacts.0.metadata).flatMap { left in
          Directions.indexed(b, artifacts.1.metadata).map { (left, $0) }
        }
      }
      if let sides { module.compare(a.latent, sides.a, b.latent, sides.b) }
      return module
    }
  }

  private static func settings(
    _ left: Artifact, _ right: Artifact
  ) -> [(name: String, left: String, right: String)] {
    func facts(_ artifact: Artifact) -> [(String, String)] {
      let metadata = artifact.metadata
      return [
        ("directions", metadata.directions.rawValue), ("stored as", metadata.storage.rawValue),
        ("adapter", metadata.adapter?.digest.hex ?? "none"), ("made by", metadata.createdBy),
        ("carried parameters", "\(artifact.carried.count)"),
      ] + metadata.record.members.map { ($0.key, $0.value.text()) }
    }
    let others = facts(right)
    var result: [(name: String, left: String, right: String)] = []
    for (name, value) in facts(left) {
      let other = others.first { $0.0 == name }?.1 ?? "none"
      if other != value { result.append((name, value, other)) }
    }
    for (name, value) in others where !facts(left).contains(where: { $0.0 == name }) {
      result.append((name, "none", value))
    }
    return result
  }

  /// `xspress.diff/1`.
  public var json: JSONValue {
    func shape(_ shape: [Int]?) -> JSONValue {
      shape.map { .array($0.map { .integer($0) }) } ?? .null
    }
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return .object([
      "schema": "xspress.diff/1", "same": isSame.map { .bool($0) } ?? .null,
      "settings": .array(
        settings.map {
          .object(["name": .string($0.name), "a": .string($0.left), "b": .string($0.right)])
        }),
      "modules": .array(
        modules.map {
          .object([
            "name": .string($0.name), "a": shape($0.left), "b": shape($0.right),
            "norm_a": number($0.norms?.left), "norm_b": number($0.norms?.right),
            "relative": number($0.relative), "cosine": number($0.cosine),
          ])
        }),
    ])
  }
}

/// The directions of one side of a comparison.
private enum Directions {
  case vectors(ModuleBasis)
  case indices(output: [Int], input: [Int])

  /// Numbers of chosen directions of the base, which are orthonormal; nil for others and beside a residual.
  static func indexed(_ module: ArtifactModule, _ metadata: ArtifactMetadata) -> Directions? {
    guard module.residual == nil, module.outputBasis == nil, module.inputBasis == nil else {
      return nil
    }
    switch metadata.directions {
    case .selected: return .indices(output: module.outputIndices, input: module.inputIndices)
    case .top, .random, .own: return nil
    }
  }

  /// `U_AᵀU_B` and `V_AᵀV_B`; nil where the kinds differ.
  func products(with other: Directions) -> (output: Matrix<Double>, input: Matrix<Double>)? {
    switch (self, other) {
    case (.vectors(let a), .vectors(let b)):
      return (
        a.outputBasis.exactTimes(b.outputBasis, transposeSelf: true),
        a.inputBasis.exactTimes(b.inputBasis, transposeSelf: true)
      )
    case (.indices(let output, let input), .indices(let otherOutput, let otherInput)):
      return (Directions.overlap(output, otherOutput), Directions.overlap(input, otherInput))
    default: return nil
    }
  }

  private static func overlap(_ left: [Int], _ right: [Int]) -> Matrix<Double> {
    var result = Matrix<Double>(rows: left.count, columns: right.count)
    for (row, a) in left.enumerated() {
      for (column, b) in right.enumerated() where a == b { result[row, column] = 1 }
    }
    return result
  }
}

extension ArtifactDifference.Module {
  fileprivate mutating func compare(
    _ a: Matrix<Float>, _ left: Directions, _ b: Matrix<Float>, _ right: Directions
  ) {
    func product(
      _ x: Matrix<Float>, _ first: Directions, _ y: Matrix<Float>, _ second: Directions
    ) -> Double? {
      guard let (output, input) = first.products(with: second) else { return nil }
      let image = output.times(y.inDouble).times(input, transposeOther: true)
      return zip(x.elements, image.elements).reduce(0) { $0 + Double($1.0) * $1.1 }
    }
    guard let aa = product(a, left, a, left), let bb = product(b, right, b, right),
      let ab = product(a, left, b, right)
    else { return }
    norms = (max(aa, 0).squareRoot(), max(bb, 0).squareRoot())
    // Equal numbers in equal directions differ by nothing, whatever rounding says.
    let square = aa == bb && ab == aa ? 0 : max(aa + bb - 2 * ab, 0)
    relative = aa > 0 ? (square / aa).squareRoot() : bb > 0 ? nil : 0
    cosine = aa > 0 && bb > 0 ? ab / (aa * bb).squareRoot() : nil
  }
}

extension ArtifactModule {
  fileprivate var latentShape: [Int] { [latent.rows, latent.columns] }
}
