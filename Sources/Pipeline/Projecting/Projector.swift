import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import LinearAlgebra
import Models
import Progress
import Projection
import Recipes
import Sessions
import Tensors
import Threads
import Training

/// Chooses directions and sets latents, one module at a time, from bases already prepared.
package struct Projector {
  let session: BaseSession
  /// The modules, and their updates where there is an adapter.
  let source: JobSource
  /// Curvature from calibration, if there was one.
  var curvature: CurvatureRows?
  /// First directions that a choice looks at; nil for as many as ``LinearModule/candidates(_:rank:)`` says.
  let candidates: Int?
  let seed: UInt64
  /// The pairs of every module that are stored beside the directions; empty without a residual.
  var residuals: [ResidualPairs?]
  /// Where factors may lie that are too large for memory; nil for nowhere.
  var scratch: String?

  /// What the factors of all modules may take in memory.
  private static let mostBytes = 64 << 20

  /// How directions are chosen.
  enum Choice: Sendable {
    case selected, top, random, own
    /// The first singular directions as they are: as many of outputs and inputs as are asked for.
    case leading
  }

  /// Directions and latents at the ranks of `plan`; ranks above a module's smaller side are clipped.
  ///
  /// Top directions cannot differ in number: they take the square rank of as many numbers.
  func run(
    plan: RankPlan, choice: Choice, method: ProjectionMethod
  ) throws(Fault) -> ProjectedAdapter {
    let places = source.modules.indices.filter { plan[$0] != 0 || residual(at: $0) != nil }
    let (store, modules) = (session.bases, places.map { source.modules[$0] })
    let updates = places.map { source.update(at: $0) }
    let ranks = places.map { plan[$0] }
    let residuals = places.map(residual)
    let (candidates, seed, rows) = (self.candidates, self.seed, curvature)
    let path = session.base.path
    let shelf = try shelf(zip(modules, ranks))
    let task = session.log.task("project", total: modules.count, unit: "modules")
    let results = try parallelMap(modules.count, threads: session.threads) {
      (index) throws(Fault) -> (ShelvedBasis, ProjectedModule) in
      let module = modules[index]
      let curvature = try rows?.curvature(of: module)
      let pairs = residuals[index]?.count ?? 0
      let limit = ranks[index].clipped(
        outFeatures: module.outFeatures - pairs, inFeatures: module.inFeatures - pairs)
      let update = updates[index]
      let remainder = try update.map { (update) throws(Fault) in
        try Projector.remainder(update, residuals[index], curvature, method)
      }
      var moduleBasis: ModuleBasis
      var chosen: WeighedChoice?
      switch choice {
      case _ where limit == 0:
        moduleBasis = ModuleBasis(
          withoutDirections: module.name, outFeatures: module.outFeatures,
          inFeatures: module.inFeatures)
      case .selected:
        let candidates = module.candidates(candidates, rank: max(limit.output, limit.input))
        let basis = try store.basis(of: module, leading: candidates)
        let selection: BasisSelection
        (selection, chosen) = try Projector.selection(
          for: remainder, in: basis, curvature, rank: limit, candidates: candidates)
        moduleBasis = try basis.moduleBasis(for: selection)
      case .top:
        moduleBasis = try store.topBasis(of: module, rank: limit.square, omegaSeed: seed)
      case .own:
        guard let update else {
          throw Fault(
            .internalError, "BASIS-OWN", "there is no adapter whose directions they could be",
            tensor: module.name)
        }
        moduleBasis = try ModuleBasis(ownFor: module.name, down: update.loraA, up: update.loraB)
      case .random:
        moduleBasis = try store.moduleBasis(of: module, for: .random(rank: limit, seed: seed))
      case .leading:
        let basis = try store.basis(of: module, leading: max(limit.output, limit.input))
        moduleBasis = try basis.moduleBasis(
          for: .selected(
            output: Array(0..<basis.admissibleRank(limit.output)),
            input: Array(0..<basis.admissibleRank(limit.input))))
      }
      if residuals[index] == nil, moduleBasis.selection.isEmpty {
        throw Assembler.noDirections(of: module, path: path)
      }
      if let residual = residuals[index] {
        moduleBasis = moduleBasis.appending(
          output: residual.output.matrix, input: residual.input.matrix)
        // The equations are of the whole update and of more vectors than were chosen.
        chosen = nil
      }
      let projection: ProjectedModule
      if let update {
        projection = try Projection.fit(
          update: update, basis: moduleBasis, curvature: curvature, method: method, choice: chosen)
      } else {
        projection = Projection.start(
          in: moduleBasis, method: method, seed: seed, stream: UInt64(places[index] + 1))
      }
      task.advance()
      return (
        try shelf.map { (file) throws(Fault) in try ShelvedBasis(moduleBasis, in: file) }
          ?? ShelvedBasis(moduleBasis), projection
      )
    }
    task.finish()
    return ProjectedAdapter(
      modules: modules, bases: results.map(\.0), projections: results.map(\.1),
      residuals: residuals)
  }

  /// A file for the factors of modules at these ranks, where they are large.
  private func shelf(
    _ plan: some Sequence<(LinearModule, LatentRank)>
  ) throws(Fault) -> ScratchFile? {
    let bytes = plan.reduce(0) { sum, module in
      let (module, rank) = module
      return sum + module.outFeatures * min(rank.output, module.outFeatures)
        + module.inFeatures * min(rank.input, module.inFeatures)
    }
    guard let scratch, bytes * MemoryLayout<Float>.size > Projector.mostBytes else { return nil }
    return try ScratchFile(in: scratch)
  }

  /// What a residual leaves of an update; all of it where there is none.
  private static func remainder(
    _ update: LowRankUpdate, _ residual: ResidualPairs?, _ curvature: Curvature?,
    _ method: ProjectionMethod
  ) throws(Fault) -> LowRankUpdate {
    guard let residual else { return update }
    return try Projection.remainder(
      of: update, beside: residual, curvature: curvature, method: method)
  }

  /// The directions that hold most of an update, with what a fit in them need not compute again; where there is none, those
  /// along which the loss moves most.
  private static func selection(
    for update: LowRankUpdate?, in basis: SingularBasis, _ curvature: Curvature?, rank: LatentRank,
    candidates: Int?
  ) throws(Fault) -> (BasisSelection, WeighedChoice?) {
    guard let update else {
      let directions = try WeighedDirections(
        basis.directionRows, curvature: curvature, candidates: candidates)
      return (try Projection.select(directions: directions, rank: rank), nil)
    }
    guard let curvature, curvature.input != nil || curvature.output != nil else {
      return (
        try Projection.select(
          update: update, basis: basis, curvature: nil, rank: rank, candidates: candidates), nil
      )
    }
    let directions = try WeighedDirections(
      basis.directionRows, curvature: curvature, candidates: candidates)
    let choice = try Projection.choose(update: update, directions: directions, rank: rank)
    return (choice.selection, choice)
  }

  /// The pairs of the adapter's module at `place`, if it has any.
  private func residual(at place: Int) -> ResidualPairs? {
    residuals.isEmpty ? nil : residuals[place]
  }

  /// What each module's directions capture, by their numbers, of what a residual leaves; without an adapter, how much the
  /// loss moves along them.
  func energies(
    inputCounts: [Int], outputLimit: Int
  ) throws(Fault) -> [Projection.EnergyTable] {
    let (store, modules) = (session.bases, source.modules)
    let (candidates, rows) = (self.candidates, curvature)
    let updates = modules.indices.map { source.update(at: $0) }
    let residuals = modules.indices.map(residual)
    let task = session.log.task("weigh", total: modules.count, unit: "modules")
    let tables = try parallelMap(modules.count, threads: session.threads) {
      (index) throws(Fault) -> Projection.EnergyTable in
      defer { task.advance() }
      let curvature = try rows?.curvature(of: modules[index])
      let candidates = modules[index].candidates(candidates)
      let basis = try store.basis(of: modules[index], leading: candidates)
      guard let update = updates[index] else {
        return Projection.energies(
          directions: try WeighedDirections(
            basis.directionRows, curvature: curvature, candidates: candidates),
          inputCounts: inputCounts, outputLimit: outputLimit)
      }
      let remainder = try Projector.remainder(
        update, residuals[index], curvature, curvature == nil ? .projected : .kfac)
      return try Projection.energies(
        update: remainder, basis: basis, curvature: curvature, inputCounts: inputCounts,
        outputLimit: outputLimit, candidates: candidates)
    }
    task.finish()
    return tables
  }
}

extension CurvatureRows {
  /// What weighs the errors of a module: read at every call.
  func curvature(of module: LinearModule) throws(Fault) -> Curvature {
    Curvature(
      input: try inputRows(module).map(SecondMoment.init(rows:)),
      output: try outputRows(module).map(SecondMoment.init(rows:)))
  }
}

extension JobRequest.Directions {
  /// The same choice for the stage.
  var choice: Projector.Choice {
    switch self {
    case .selected: .selected
    case .top: .top
    case .own: .own
    }
  }
}
