import Artifacts
import Bases
import Checkpoints
import Faults
import Projection
import Recipes
import Sessions

/// Divides a byte budget over a job's modules by what their next directions capture.
struct BudgetPlanner {
  private let tables: [Projection.EnergyTable]
  private let shapes: [(outFeatures: Int, inFeatures: Int)]

  /// Numbers of input directions that are considered.
  private static let inputCounts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64]

  /// Output directions considered: longer lists take long to grow.
  private static let mostOutputDirections = 1024

  /// Looks at every module's directions.
  init(_ projection: Projector) throws(Fault) {
    shapes = projection.source.modules.map { ($0.outFeatures, $0.inFeatures) }
    let sides = shapes.map { min($0.outFeatures, $0.inFeatures) }
    tables = try projection.energies(
      inputCounts: BudgetPlanner.inputCounts,
      outputLimit: min(BudgetPlanner.mostOutputDirections, sides.max() ?? 0))
  }

  /// Ranks for any budget of latents in `storage`: from the bytes that the model counts to a plan.
  func plans(
    _ allocation: JobRequest.Allocation, storage: LatentStorage
  ) -> (_ bytes: Double) -> RankPlan {
    let model = ByteModel(storage: storage, numbers: .tuned)
    switch allocation {
    case .energy:
      let division = BudgetAllocation(tables.indices.map { offers($0, model) })
      return { .perModule(division.ranks(within: $0)) }
    case .uniform:
      let shapes = uniformOffers(model)
      return { bytes in
        guard
          let best = shapes.filter({ $0.bytes <= bytes }).max(by: { $0.energy < $1.energy })
        else { return .uniform(0) }
        return filled(best.rank, left: bytes - best.bytes, model)
      }
    }
  }

  /// `rank` in all modules and larger ones in some, step by step those that gain most per byte, as far as `left` bytes go.
  private func filled(_ rank: LatentRank, left: Double, _ model: ByteModel) -> RankPlan {
    var ranks = shapes.map { rank.clipped(outFeatures: $0.outFeatures, inFeatures: $0.inFeatures) }
    var left = left
    var isLarger = true
    while isLarger {
      isLarger = false
      var steps: [(module: Int, rank: LatentRank, bytes: Double, slope: Double)] = []
      for module in shapes.indices {
        guard let step = next(ranks[module], in: module, model) else { continue }
        steps.append((module, step.rank, step.bytes, step.energy / step.bytes))
      }
      steps.sort { ($1.slope, $0.module) < ($0.slope, $1.module) }
      for step in steps where step.bytes <= left {
        left -= step.bytes
        ranks[step.module] = step.rank
        isLarger = true
      }
    }
    let isUniform = ranks.indices.allSatisfy {
      ranks[$0]
        == rank.clipped(outFeatures: shapes[$0].outFeatures, inFeatures: shapes[$0].inFeatures)
    }
    return isUniform ? .uniform(rank) : .perModule(ranks)
  }

  /// One output direction more, or where there is none the next number of input ones: what it adds, and what that costs.
  private func next(
    _ rank: LatentRank, in module: Int, _ model: ByteModel
  ) -> (rank: LatentRank, energy: Double, bytes: Double)? {
    let table = tables[module]
    guard let place = table.inputCounts.firstIndex(of: rank.input), rank.output > 0,
      rank.output <= table.energies[place].count
    else { return nil }
    let energy = table.energies[place][rank.output - 1]
    var larger = [LatentRank(output: rank.output + 1, input: rank.input)]
    if place + 1 < table.inputCounts.count {
      larger.append(LatentRank(output: rank.output, input: table.inputCounts[place + 1]))
    }
    for option in larger {
      guard let place = table.inputCounts.firstIndex(of: option.input),
        option.output <= table.energies[place].count
      else { continue }
      let gain = table.energies[place][option.output - 1] - energy
      let bytes = cost(of: option, in: module, model) - cost(of: rank, in: module, model)
      if gain > 0, bytes > 0 { return (option, gain, bytes) }
    }
    return nil
  }

  /// Every rank that a module could have.
  private func offers(_ module: Int, _ model: ByteModel) -> [BudgetAllocation.Offer] {
    zip(tables[module].inputCounts, tables[module].energies).flatMap { input, energies in
      energies.enumerated().map { place, energy in
        let rank = LatentRank(output: place + 1, input: input)
        return BudgetAllocation.Offer(
          rank: rank, energy: energy, bytes: cost(of: rank, in: module, model))
      }
    }
  }

  /// Every shape that all modules could have, clipped where one is smaller.
  private func uniformOffers(_ model: ByteModel) -> [BudgetAllocation.Offer] {
    let outputs = tables.map { $0.energies.first?.count ?? 0 }.max() ?? 0
    let inputs = tables.map(\.inputCounts).max { $0.count < $1.count } ?? []
    return inputs.enumerated().flatMap { place, input in
      (0..<outputs).map { output in
        let rank = LatentRank(output: output + 1, input: input)
        var (energy, bytes) = (0.0, 0.0)
        for (module, table) in tables.enumerated() where place < table.energies.count {
          let energies = table.energies[place]
          energy += energies[min(output, energies.count - 1)]
          bytes += cost(
            of: rank.clipped(
              outFeatures: shapes[module].outFeatures, inFeatures: shapes[module].inFeatures),
            in: module, model)
        }
        return BudgetAllocation.Offer(rank: rank, energy: energy, bytes: bytes)
      }
    }
  }

  private func cost(of rank: LatentRank, in module: Int, _ model: ByteModel) -> Double {
    model.bytes(
      rows: rank.output, columns: rank.input, outFeatures: shapes[module].outFeatures,
      inFeatures: shapes[module].inFeatures)
  }
}
