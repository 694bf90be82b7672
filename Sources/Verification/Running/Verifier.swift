public import Faults
public import Files
import JSON

/// Recomputes golden cases with the product's own code and compares (`formats/golden.md`).
public struct Verifier: Sendable {
  /// Settings of a run.
  public struct Options: Sendable, Hashable {
    /// Whether cases marked slow run too; without them they are no part of the run.
    public var includesSlow: Bool
    /// How many threads the computation may use.
    public var threads: Int
    /// Where singular bases are kept; nil for nowhere.
    public var cacheDirectory: String?
    /// Bytes that all caches may take.
    public var cacheLimit: Int

    /// Settings; by default everything runs.
    public init(
      includesSlow: Bool = true, threads: Int = 1, cacheDirectory: String? = nil,
      cacheLimit: Int = CacheDirectory.defaultByteLimit
    ) {
      self.includesSlow = includesSlow
      self.threads = threads
      self.cacheDirectory = cacheDirectory
      self.cacheLimit = cacheLimit
    }
  }

  private let options: Options

  /// A verifier with its settings.
  public init(_ options: Options = Options()) { self.options = options }

  /// Runs the cases of a directory in order; only those named when `only` is not empty.
  ///
  /// A case that cannot be computed has failed and the next one runs. `report` hears each result as
  /// it comes.
  ///
  /// - Throws: 66 when the directory cannot be read, 65 `GV-EMPTY` when it holds no case, 64
  ///   `GV-NAME` when `only` names a case that is not there.
  public func run(
    _ directory: String, only: [String] = [],
    report: (CaseResult) -> Void = { _ in }
  ) throws(Fault) -> VerificationReport {
    let golden = try GoldenDirectory(directory)
    for name in only where !golden.caseNames.contains(name) {
      throw Fault(.usage, "GV-NAME", "no case is called \(name)", path: directory)
    }
    let workshop = Workshop(directory: directory, options: options)
    var results: [CaseResult] = []
    var leftOut = 0
    for name in golden.caseNames where only.isEmpty || only.contains(name) {
      if let result = runCase(name, in: golden, workshop) {
        report(result)
        results.append(result)
      } else {
        leftOut += 1
      }
    }
    return VerificationReport(directory: directory, results: results, leftOut: leftOut)
  }

  /// The result of one case; nil for a slow one that was not asked for.
  private func runCase(
    _ name: String, in directory: GoldenDirectory, _ workshop: Workshop
  ) -> CaseResult? {
    let golden: GoldenCase
    do throws(Fault) {
      golden = try GoldenCase.read(directory.folder(name), name: name)
    } catch {
      return CaseResult(name: name, fault: error)
    }
    let isSlow = golden.parameters["slow"].value?.boolValue ?? false
    if isSlow, !options.includesSlow { return nil }
    let clock = ContinuousClock()
    let start = clock.now
    func seconds() -> Double {
      let parts = (clock.now - start).components
      return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
    do throws(Fault) {
      switch try compute(golden, workshop) {
      case .measured(let found):
        return CaseResult(golden, measurements: found, seconds: seconds())
      case .skipped(let reason):
        return CaseResult(golden, skipped: reason, seconds: seconds())
      }
    } catch {
      return CaseResult(golden, fault: error, seconds: seconds())
    }
  }

  private func compute(_ golden: GoldenCase, _ workshop: Workshop) throws(Fault) -> Recomputed {
    guard let recomputation = Recomputations.byKind[golden.kind] else {
      return .skipped("this version knows no cases of kind \(golden.kind)")
    }
    var paths: [String: String] = [:]
    for (name, input) in golden.inputs {
      guard let path = try workshop.resolver.locate(input, folder: golden.folder) else {
        return .skipped("input \(name) is absent: \(input.path)")
      }
      paths[name] = path
    }
    let tensors = try golden.tensors.map { input throws(Fault) in
      try GoldenTensors(input, of: golden, workshop.resolver)
    }
    return try recomputation(
      CaseContext(golden: golden, paths: paths, tensors: tensors, workshop: workshop))
  }
}
