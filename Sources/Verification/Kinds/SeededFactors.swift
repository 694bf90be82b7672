import Checkpoints
import LinearAlgebra
import Models
import Tensors

/// The update that a case of a model puts beside a linear module, and what it probes the module's second moments with
/// (`formats/golden.md` §5.4).
struct SeededFactors {
  /// The rank of the updates.
  static let rank = 2
  /// `O·M·Iᵀ` of `output` [out, rank], `core` [rank, rank] and `input` [in, rank].
  let update: ModuleUpdate
  /// One number a feature.
  let inputProbe, outputProbe: [Float]

  init(seed: UInt64, index: Int, _ module: LinearModule) {
    var generator = SeededGenerator(seed: seed, stream: UInt64(100 + index))
    func factor(_ rows: Int, _ columns: Int, _ scale: Double) -> Matrix<Float> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Float($0 * scale) })
    }
    let (outs, ins) = (module.outFeatures, module.inFeatures)
    let (outScale, inScale) = (1 / Double(outs).squareRoot(), 1 / Double(ins).squareRoot())
    let output = factor(outs, SeededFactors.rank, outScale)
    let core = factor(SeededFactors.rank, SeededFactors.rank, 1)
    update = ModuleUpdate(
      inputFactor: factor(ins, SeededFactors.rank, inScale), core: core, outputFactor: output)
    inputProbe = factor(ins, 1, inScale).elements
    outputProbe = factor(outs, 1, outScale).elements
  }
}
