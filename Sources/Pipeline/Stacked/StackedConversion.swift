import Adapters
import Artifacts
import Bases
import Checkpoints
package import Faults
import Files
import Foundation
import LinearAlgebra
import Models
import Progress
import Projection
import Recipes
package import Reports
package import Sessions
import Tensors
import Threads

/// Many adapters of one base and recipe, converted without training: module by module, and within a module adapter by
/// adapter, so that directions and weights are read once for all of them.
///
/// Each artifact is the one that a conversion alone writes, to the byte: choosing, fitting and storing are the same
/// functions of the same numbers.
package final class StackedConversion {
  private let session: BaseSession
  private let shelf: DirectionShelf

  /// A conversion on an open base.
  ///
  /// - Parameter scratch: A folder for directions between groups (`DirectionShelf`); nil where one group is all.
  package init(session: BaseSession, scratch: String?) throws(Fault) {
    self.session = session
    shelf = try DirectionShelf(store: session.bases, scratch: scratch)
  }

  /// Whether a job needs nothing but directions of the base, its adapter, a rank, and second moments that others have too.
  package static func accepts(_ request: JobRequest) -> Bool {
    guard case .rank(let rank) = request.target, rank != 0, request.adapterPath != nil else {
      return false
    }
    let isShared = request.calibration?.path != nil && request.calibrationModel == .base
    return request.tuning == nil && request.evaluation == nil
      && (request.calibration == nil || isShared)
      && request.residual == nil && request.form == nil && request.controls.isEmpty
      && request.startArtifactPath == nil
      && (request.directions == .selected || request.directions == .top)
      && (isShared || request.method == .projected || request.method == .zero)
  }

  /// One module of one job.
  private struct Piece: Sendable {
    var basis: ModuleBasis
    var projection: ProjectedModule
    var stored: ArtifactModule
    var proof: ModuleProof
  }

  /// What a module pass needs of a job.
  private struct Job: Sendable {
    /// The updates of its modules.
    var updates: [LowRankUpdate]
    var request: JobRequest
    /// Places of its modules in itself, by name.
    var places: [String: Int]
  }

  /// Converts the jobs of `runners` and writes their artifacts; a fault of one leaves the others.
  ///
  /// Runners must be on this base, and their requests such as ``accepts(_:)``.
  ///
  /// Those that calibrate must do so on the same examples.
  ///
  /// - Throws: what concerns all of them: a weight, basis or example that cannot be read, an interruption.
  package func run(_ runners: [JobRunner]) throws(Fault) -> [Result<JobRecord, Fault>] {
    let start = Date()
    let jobs = runners.map { runner in
      var places: [String: Int] = [:]
      let source = runner.job.source
      for (place, update) in source.updates.enumerated() { places[update.moduleName] = place }
      return Job(updates: source.updates, request: runner.job.request, places: places)
    }
    let modules = session.base.linearModules.filter { module in
      jobs.contains { $0.places[module.name] != nil }
    }
    try session.prepareBases(modules) { module in
      let leading = Set(jobs.map { $0.request.leadingDirections(of: module) })
      return leading.count == 1 ? leading.first ?? nil : nil
    }
    let moments = try runners.first.flatMap { (runner) throws(Fault) in
      try CalibrationStage().run((), in: runner.job)
    }
    // Whatever computed the moments: nothing here runs the model.
    session.dropWeights()
    var pieces = jobs.map { [Piece?](repeating: nil, count: $0.updates.count) }
    var faults = [Fault?](repeating: nil, count: jobs.count)
    for (module, results) in zip(modules, try project(modules, jobs, moments)) {
      for (index, result) in results {
        switch result {
        case .success(let piece): pieces[index][jobs[index].places[module.name] ?? 0] = piece
        case .failure(let fault): faults[index] = faults[index] ?? fault
        }
      }
    }
    let share = Date().timeIntervalSince(start) / Double(max(jobs.count, 1))
    return try write(runners, pieces.map { $0.compactMap(\.self) }, faults, share: share)
  }

  // MARK: - Projection

  private typealias Results = [(index: Int, piece: Result<Piece, Fault>)]

  private func project(
    _ modules: [LinearModule], _ jobs: [Job], _ moments: CurvatureRows?
  ) throws(Fault) -> [Results] {
    let (shelf, store, draws) = (self.shelf, session.bases, session.probeDraws)
    let basePath = session.base.path
    let task = session.log.task(
      jobs.count == 1 ? "project" : "project \(jobs.count) adapters", total: modules.count,
      unit: "modules")
    let results = try parallelMap(modules.count, threads: session.threads) {
      (index) throws(Fault) -> Results in
      let module = modules[index]
      let digest = try store.weightDigest(of: module)
      let curvature = try moments?.curvature(of: module)
      // Jobs of a group agree in what a recipe is, and with it in the directions they look at.
      var directions: Directions?
      var known: [Int: [Probe.Draw]] = [:]
      var results: Results = []
      for (number, job) in jobs.enumerated() {
        guard let place = job.places[module.name] else { continue }
        try Interruption.check()
        let choice: Directions
        if let directions {
          choice = directions
        } else {
          choice = try Directions(of: module, job.request, curvature, shelf: shelf, store: store)
          directions = choice
        }
        let draw: [Probe.Draw]
        if let drawn = known[place] {
          draw = drawn
        } else {
          draw = try draws.draws(of: module, index: place)
          known[place] = draw
        }
        results.append(
          (
            number,
            Result { () throws(Fault) in
              let (update, request) = (job.updates[place], job.request)
              let (basis, chosen) = try choice.basis(
                of: module, update: update, request: request)
              let projection = try Projection.fit(
                update: update, basis: basis, curvature: curvature, method: request.method,
                choice: chosen)
              let proof = ModuleProof(basis, draws: draw)
              var latent: Matrix<Float> = projection.latent.converted()
              if request.storage.isCoarse, let curvature {
                latent = try Projector.rounded(
                  latent, basis: basis, curvature: curvature, storage: request.storage)
              }
              let stored = try Assembler.module(
                module, basis: basis, latent: latent, residual: nil,
                digest: digest, proof: proof, storage: request.storage,
                embeds: request.embedsBases, basePath: basePath)
              return Piece(
                basis: basis.withoutVectors, projection: projection, stored: stored, proof: proof)
            }
          ))
      }
      task.advance()
      return results
    }
    task.finish()
    return results
  }

  // MARK: - Artifacts

  /// An artifact on its way to disk, and what it is checked against.
  private struct Draft: Sendable {
    var artifact: AssembledArtifact
    var proofs: [ModuleProof]
    var digests: [SHA256Digest]
    var path: String
  }

  /// An artifact whose bytes were checked, and what of it costs how much.
  private struct Encoded: Sendable {
    var file: AtomicFile.Content
    var parts: [SizeRecord.Part]
    var seconds: Double
  }

  private func write(
    _ runners: [JobRunner], _ pieces: [[Piece]], _ faults: [Fault?], share: Double
  ) throws(Fault) -> [Result<JobRecord, Fault>] {
    var tuned: [TunedAdapter] = []
    var drafts: [Result<Draft, Fault>] = []
    for (index, runner) in runners.enumerated() {
      let (job, pieces) = (runner.job, pieces[index])
      let result = StackedConversion.result(job, pieces)
      tuned.append(result)
      if let fault = faults[index] {
        drafts.append(.failure(fault))
        continue
      }
      drafts.append(
        Result { () throws(Fault) in
          let digests = try session.moduleDigests(job.source.modules)
          return Draft(
            artifact: try job.assembler(job.request.storage).artifact(
              of: result.projected, modules: pieces.map(\.stored), digests: digests),
            proofs: pieces.map(\.proof), digests: digests, path: job.request.outputPath)
        })
    }
    let finished = drafts
    let encoded = try parallelMap(drafts.count, threads: session.threads) {
      (index) throws(Fault) -> Result<Encoded, Fault> in
      Result { () throws(Fault) in try StackedConversion.encode(try finished[index].get()) }
    }
    var files = AtomicFile.write(encoded.compactMap { try? $0.get().file })[...]
    return runners.indices.map { index in
      Result { () throws(Fault) in
        let (job, file) = (runners[index].job, try encoded[index].get())
        let artifact = try drafts[index].get().artifact
        guard let written = files.popFirst() else {
          throw Fault(.internalError, "ART-WRITE", "fewer files than artifacts")
        }
        if case .rank(let rank) = job.request.target {
          job.warnOfClipping(tuned[index].projected, rank: rank)
        }
        job.note(stage: "project, share of \(runners.count)", seconds: share)
        job.note(stage: "store", seconds: file.seconds)
        return try job.run(
          RecordStage(),
          (
            StoredResult(tuned: tuned[index], artifact: artifact),
            WrittenFile(
              digest: try written.get().digest, byteCount: try written.get().byteCount,
              parts: file.parts), nil, nil
          ))
      }
    }
  }

  /// What the pieces of one job come to.
  private static func result(_ job: JobContext, _ pieces: [Piece]) -> TunedAdapter {
    let projected = ProjectedAdapter(
      modules: job.source.modules, bases: pieces.map { ShelvedBasis($0.basis) },
      projections: pieces.map(\.projection), residuals: pieces.map { _ in nil })
    let projector = Projector(
      session: job.session, source: job.source, curvature: nil,
      candidates: job.request.candidates, seed: job.request.seed, residuals: [])
    let start = Start(
      form: .directions, storage: job.request.storage, projector: projector, plan: .uniform(0),
      projected: projected, bytes: 0)
    return TunedAdapter(start: start, projected: projected, latents: [], planDigest: "")
  }

  /// Encodes an artifact and checks what a loader would find in those bytes.
  private static func encode(_ draft: Draft) throws(Fault) -> Encoded {
    let start = Date()
    let encoded = try EncodedArtifact(draft.artifact.artifact)
    let decoded = encoded.decoded
    var digests: [String: SHA256Digest] = [:]
    for (module, digest) in zip(draft.artifact.artifact.modules, draft.digests) {
      digests[module.moduleName] = digest
    }
    try decoded.checkBase { (name) throws(Fault) in digests[name] }
    guard decoded.modules.count == draft.proofs.count else {
      throw Fault(
        .internalError, "ART-WRITE", "\(decoded.modules.count) of \(draft.proofs.count) modules")
    }
    for (stored, proof) in zip(decoded.modules, draft.proofs) {
      do throws(Fault) {
        guard
          ArtifactLoader.selection(stored, metadata: decoded.metadata) == proof.selection
        else {
          throw Fault(.internalError, "ART-WRITE", "decodes to other directions")
        }
        try proof.check(stored)
      } catch {
        throw error.at(tensor: stored.moduleName)
      }
    }
    return Encoded(
      file: (draft.path, encoded.bytes), parts: try encoded.parts(),
      seconds: Date().timeIntervalSince(start))
  }
}
