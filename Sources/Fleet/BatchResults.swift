public import Faults
public import JSON
import Recipes
import Reports

/// The results of a batch as one document and one exit code.
public enum BatchResults {
  /// `xspress.batch/1`.
  public static func json(_ results: [JobResult]) -> JSONValue {
    func count(_ state: JobResult.State) -> JSONValue {
      .integer(results.count { $0.state == state })
    }
    return .object([
      "schema": "xspress.batch/1", "listed": .integer(results.count), "done": count(.done),
      "failed": count(.failed), "rejected": count(.rejected), "kept": count(.kept),
      "skipped": count(.skipped),
      "planned": count(.planned),
      "jobs": .array(
        results.map(document)),
    ])
  }

  private static func document(_ job: JobResult) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("name", .string(job.name)), ("state", .string(job.state.rawValue)),
      ("artifact", job.artifactPath.map { .string($0) } ?? .null),
      ("error", job.fault.map { .string($0.line) } ?? .null),
      ("gate", job.record?.gate?.json ?? .null),
      ("warnings", .array((job.record?.warnings ?? []).map { .string($0) })),
    ]
    if let recipe = job.recipe { members.append(("recipe", recipe.json)) }
    return .object(JSONObject(members))
  }

  /// The fault that a batch ends with: that of its failures, whose exit code tells whether running it again can help;
  /// where none failed, that of a rejected job, and then that of one that is still to be done; nil where all are done.
  public static func fault(_ results: [JobResult]) -> Fault? {
    func faults(_ state: JobResult.State) -> [Fault] {
      results.filter { $0.state == state }.compactMap(\.fault)
    }
    return representative(of: faults(.failed)) ?? representative(of: faults(.rejected))
      ?? representative(of: faults(.skipped))
  }

  /// The fault that stands for several in the one error line; nil for none.
  public static func representative(of faults: [Fault]) -> Fault? {
    let code = exitCode(of: faults)
    return faults.first { $0.exitCode == code }
  }

  /// The exit code of work whose parts failed with `faults`, by the same rule.
  public static func exitCode(of faults: [Fault]) -> Int32 {
    let permanent = faults.filter { $0.kind != .temporary }.map(\.exitCode)
    return permanent.min() ?? (faults.isEmpty ? 0 : Fault.Kind.temporary.rawValue)
  }
}
