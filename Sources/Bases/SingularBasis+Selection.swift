public import Faults
import LinearAlgebra
import Tensors

extension SingularBasis {
  /// The factors for a choice of directions.
  ///
  /// - Throws: `BASIS-RANK` for more directions than there are, `BASIS-INDEX` for indices that are
  ///   not ascending and in range, `BASIS-CLUSTER` where a choice splits a cluster.
  public func moduleBasis(for selection: BasisSelection) throws(Fault) -> ModuleBasis {
    switch selection {
    case .top(let rank, let omegaSeed):
      return try topBasis(rank: rank, omegaSeed: omegaSeed)
    case .selected(let output, let input):
      for (side, indices) in [("output", output), ("input", input)] {
        try SingularBasis.check(
          indices, of: count, clusters: clusters, side: side, moduleName: moduleName)
      }
      return ModuleBasis(
        moduleName: moduleName, outputBasis: outputVectors(output),
        inputBasis: inputVectors(input), outputSingularValues: output.map { singularValues[$0] },
        inputSingularValues: input.map { singularValues[$0] }, selection: selection)
    case .random(let rank, let seed):
      return try ModuleBasis(
        randomFor: moduleName, outFeatures: outFeatures, inFeatures: inFeatures, rank: rank,
        seed: seed)
    case .own: throw BasisSelection.notOfBase(moduleName)
    case .none:
      return try moduleBasis(for: .selected(output: [], input: []))
    }
  }

  /// The largest rank not above `rank` whose cut does not split a cluster.
  ///
  /// The writer moves the cut and records it; the loader reads the rank.
  public func admissibleRank(_ rank: Int) -> Int {
    SingularBasis.admissibleRank(rank, of: count, clusters: clusters)
  }

  static func admissibleRank(_ rank: Int, of count: Int, clusters: [Range<Int>]) -> Int {
    let clipped = min(max(rank, 0), count)
    for cluster in clusters where cluster.lowerBound < clipped && clipped < cluster.upperBound {
      return cluster.lowerBound
    }
    return clipped
  }

  /// `V_c = V_r Q`, `U_c = U_r Q` with `Q = polar(V_rᵀ Ω)`.
  private func topBasis(rank: Int, omegaSeed: UInt64) throws(Fault) -> ModuleBasis {
    guard rank >= 0, rank <= count else {
      throw Fault(
        .badData, "BASIS-RANK", "rank \(rank) of \(count) directions", tensor: moduleName)
    }
    guard admissibleRank(rank) == rank else {
      throw Fault(
        .badData, "BASIS-CLUSTER",
        "rank \(rank) splits directions \(cluster(of: rank)) of equal singular value",
        tensor: moduleName)
    }
    let indices = Array(0..<rank)
    let input = inputRows.selectingRows(indices)
    let polar: Polar
    do throws(Fault) {
      polar = try Canonical.rotation(of: input, seed: omegaSeed, stream: 0)
    } catch {
      throw error.at(tensor: moduleName)
    }
    let rotation = polar.orthogonal
    let values = Array(singularValues.prefix(rank))
    return ModuleBasis(
      moduleName: moduleName,
      outputBasis: outputRows.selectingRows(indices).times(rotation, transposeSelf: true).inFloat,
      inputBasis: input.times(rotation, transposeSelf: true).inFloat,
      outputSingularValues: values, inputSingularValues: values,
      selection: .top(rank: rank, omegaSeed: omegaSeed), condition: polar.condition)
  }

  /// Refuses indices that are not ascending and in range, or that split a cluster.
  static func check(
    _ indices: [Int], of count: Int, clusters: [Range<Int>], side: String, moduleName: String
  ) throws(Fault) {
    guard indices.allSatisfy({ $0 >= 0 && $0 < count }),
      zip(indices, indices.dropFirst()).allSatisfy(<)
    else {
      throw Fault(
        .badData, "BASIS-INDEX",
        "\(side) directions must be ascending and below \(count)", tensor: moduleName)
    }
    guard !clusters.isEmpty else { return }
    let chosen = Set(indices)
    for cluster in clusters {
      let taken = cluster.count(where: chosen.contains)
      guard taken == 0 || taken == cluster.count else {
        throw Fault(
          .badData, "BASIS-CLUSTER",
          "the \(side) directions split \(cluster), which have equal singular values",
          tensor: moduleName)
      }
    }
  }
}
