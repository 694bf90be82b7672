public import Faults
import LinearAlgebra
import Tensors

extension ModuleBasis {
  /// Random orthonormal factors, a function of the seed, the module's name and its shape.
  ///
  /// Gaussian columns made orthonormal by the QR factorisation with non-negative diagonal, output side
  /// drawn first. Needs no base weight.
  ///
  /// - Throws: `BASIS-RANK` above `min(outFeatures, inFeatures)`.
  public init(
    randomFor moduleName: String, outFeatures: Int, inFeatures: Int, rank: LatentRank, seed: UInt64
  ) throws(Fault) {
    let limit = min(outFeatures, inFeatures)
    guard (0...limit).contains(rank.output), (0...limit).contains(rank.input) else {
      throw Fault(
        .badData, "BASIS-RANK", "rank \(rank) of a \(outFeatures)x\(inFeatures) weight",
        tensor: moduleName)
    }
    // FNV-1a of the name separates the modules' streams.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in moduleName.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    var generator = SeededGenerator(seed: seed, stream: hash | 1)
    let output = Matrix<Double>(
      rows: outFeatures, columns: rank.output,
      elements: generator.normals(outFeatures * rank.output))
    let input = Matrix<Double>(
      rows: inFeatures, columns: rank.input,
      elements: generator.normals(inFeatures * rank.input))
    self.init(
      moduleName: moduleName, outputBasis: try QR(output).orthonormal.inFloat,
      inputBasis: try QR(input).orthonormal.inFloat, outputSingularValues: [],
      inputSingularValues: [], selection: .random(rank: rank, seed: seed))
  }
}
