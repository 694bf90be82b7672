import Pipeline
package import Recipes

/// Jobs that are done together: stacked ones of one base and recipe, or a single one.
package struct JobGroup: Sendable {
  package var plans: [JobPlan]
  /// Whether they go through the stacked conversion.
  package var isStacked: Bool
  /// Bytes of their adapters.
  package var bytes: Int
  /// Of a single job that ended a worker: that it is to be recorded as failed.
  var crash: WorkerCrash?
  /// Whether nothing may run beside it: it ended a worker that had others beside it.
  package var isAlone = false

  /// A group never holds more: what is done is recorded now and then.
  static let largest = 64

  /// What a worker has open after it.
  package var base: String { plans.first.map(JobGroup.base) ?? "" }

  /// What jobs must agree in to cost alike.
  var key: String {
    "\(base)\n\(plans.first?.digest(inputs: []) ?? "")"
  }

  /// A group of jobs whose adapters have so many bytes.
  package init(plans: [JobPlan], isStacked: Bool, bytes: Int) {
    self.plans = plans
    self.isStacked = isStacked
    self.bytes = bytes
  }

  /// Groups of `plans`, base by base, in the order in which base and recipe first come.
  ///
  /// - Parameters:
  ///   - byteLimit: What the adapters of a group may take in memory.
  ///   - parts: Into how many groups at least jobs of one kind are divided, if there are so many: one for each worker.
  package static func groups(
    of plans: [JobPlan], run: RunDirectory, byteLimit: Int, parts: Int
  ) -> [JobGroup] {
    var groups: [JobGroup] = []
    // Bases in the order in which they come, so that each is opened once.
    var bases: [String: Int] = [:]
    for plan in plans where bases[base(plan)] == nil { bases[base(plan)] = bases.count }
    let sorted = plans.enumerated().sorted {
      (bases[base($0.element)] ?? 0, $0.offset) < (bases[base($1.element)] ?? 0, $1.offset)
    }.map(\.element)
    let stackable = sorted.map { isStackable($0, run: run) }
    // Digests of options leave names of files out.
    let keys = sorted.map {
      "\(base($0))\n\($0.recipe.calibration?.path ?? "")\n\($0.digest(inputs: []))"
    }
    var counts: [String: Int] = [:]
    for (key, isStackable) in zip(keys, stackable) where isStackable {
      counts[key, default: 0] += 1
    }
    /// The group of a key that is still open.
    var open: [String: Int] = [:]
    for (index, plan) in sorted.enumerated() {
      guard stackable[index] else {
        groups.append(
          JobGroup(
            plans: [plan], isStacked: false, bytes: RunPlan.adapterByteCount(plan)))
        continue
      }
      let limit = min(largest, max((counts[keys[index]] ?? 1) + parts - 1, 1) / max(parts, 1))
      let bytes = RunPlan.adapterByteCount(plan)
      // In memory an adapter may take twice its bytes.
      if let place = open[keys[index]], groups[place].plans.count < max(limit, 1),
        2 * (groups[place].bytes + bytes) <= byteLimit
      {
        groups[place].plans.append(plan)
        groups[place].bytes += bytes
      } else {
        open[keys[index]] = groups.count
        groups.append(JobGroup(plans: [plan], isStacked: true, bytes: bytes))
      }
    }
    return groups
  }

  /// Two halves of it; itself where it is a single job.
  var halves: [JobGroup] {
    guard plans.count > 1 else { return [self] }
    let middle = (plans.count + 1) / 2
    return [plans[..<middle], plans[middle...]].map {
      JobGroup(plans: Array($0), isStacked: isStacked, bytes: bytes / 2)
    }
  }

  private static func base(_ plan: JobPlan) -> String {
    plan.basePath + "\n" + (plan.recipe.basesPath ?? "")
  }

  private static func isStackable(_ plan: JobPlan, run: RunDirectory) -> Bool {
    StackedConversion.accepts(
      JobRequest(plan: plan, outputPath: run.artifactPath(plan.name)))
  }
}
