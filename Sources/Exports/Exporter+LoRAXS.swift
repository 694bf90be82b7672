import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import LinearAlgebra
import Pipeline
import Sessions
import Tensors

/// The LoRA-XS reference code has the same directions on both sides, `ΔW = U · R · diag(σ) · Vᵀ`.
extension Exporter {
  /// Writes the layout of the reference code; the files written.
  func writeLoRAXS(
    _ loaded: LoadedArtifact, to directory: String, dtype: DType
  ) throws(Fault) -> [String] {
    if let module = loaded.bases.first(where: { $0.residualCount > 0 }) {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "has a residual, which LoRA-XS has no place for; --to peft writes it", path: directory,
        tensor: module.moduleName)
    }
    try session.prepareBases(loaded.modules)
    let session = self.session
    var modules: [LoRAXSWriter.Module] = []
    for index in loaded.modules.indices {
      do throws(Fault) {
        modules.append(
          try Exporter.symmetric(
            loaded.modules[index], loaded.bases[index], loaded.latents[index],
            isEmbedded: loaded.artifact.modules[index].outputBasis != nil, store: session.bases))
      } catch {
        throw error.at(path: directory, tensor: loaded.modules[index].name)
      }
    }
    let rank = try LoRAXSWriter.write(
      modules, to: directory, baseModelName: loaded.artifact.metadata.adapter?.baseModelName,
      taskType: loaded.taskType(on: session), dtype: dtype)
    warnOfPadding(modules.map(\.latent.rows), to: rank, format: "LoRA-XS")
    let folder = Paths.join(directory, LoRAXSWriter.adapterFolder)
    return [
      Paths.join(directory, "reconstr_config.json"), Paths.join(folder, "adapter_config.json"),
      Paths.join(folder, "adapter_model.safetensors"),
    ]
  }

  /// The module in one set of directions S for both sides: those chosen for either side, or the first r.
  ///
  /// `M' = (U_SᵀU) M (VᵀV_S)` and `R = M' diag(σ_S)⁻¹`; exact because U and V lie in the spans of U_S and V_S.
  ///
  /// - Throws: 69 `AD-EXPORT` for directions that are none of the base's.
  private static func symmetric(
    _ module: LinearModule, _ basis: ModuleBasis, _ latent: Matrix<Float>, isEmbedded: Bool,
    store: BasisStore
  ) throws(Fault) -> LoRAXSWriter.Module {
    let directions: [Int]
    switch basis.selection {
    case .selected(let output, let input): directions = Set(output + input).sorted()
    case .top(let rank, _): directions = Array(0..<rank)
    case .random, .own, .none:
      throw Fault(
        .unsupported, "AD-EXPORT",
        "these directions are not the base's singular ones, which LoRA-XS has")
    }
    let both = try store.moduleBasis(
      of: module, for: .selected(output: directions, input: directions))
    let moved: Matrix<Double>
    if case .selected(let output, let input) = basis.selection, !isEmbedded {
      moved = scattered(latent, output: output, input: input, into: directions)
    } else {
      let left: Matrix<Double> = both.outputBasis.converted()
        .times(basis.outputBasis.converted(), transposeSelf: true)
      let right: Matrix<Double> = basis.inputBasis.converted()
        .times(both.inputBasis.converted(), transposeSelf: true)
      moved = left.times(latent.converted()).times(right)
      // A direction outside the span would shorten M.
      guard abs(moved.squaredNorm - latent.squaredNorm) <= 1e-5 * latent.squaredNorm else {
        throw Fault(
          .unsupported, "AD-EXPORT", "the artifact's directions are not the base's first ones")
      }
    }
    let values = both.outputSingularValues
    var ratio = moved
    var down = both.inputBasis.transposed
    for (index, value) in values.enumerated() {
      for row in 0..<ratio.rows { ratio[row, index] /= value }
      for column in 0..<down.columns {
        down[index, column] = Float(Double(down[index, column]) * value)
      }
    }
    return LoRAXSWriter.Module(
      name: module.name, down: down, up: both.outputBasis, latent: ratio.converted())
  }

  /// M with its rows and columns moved to their places among `directions`.
  private static func scattered(
    _ latent: Matrix<Float>, output: [Int], input: [Int], into directions: [Int]
  ) -> Matrix<Double> {
    var places: [Int: Int] = [:]
    for (place, direction) in directions.enumerated() { places[direction] = place }
    var result = Matrix<Double>(rows: directions.count, columns: directions.count)
    for (row, outputDirection) in output.enumerated() {
      for (column, inputDirection) in input.enumerated() {
        guard let i = places[outputDirection], let j = places[inputDirection] else { continue }
        result[i, j] = Double(latent[row, column])
      }
    }
    return result
  }
}
