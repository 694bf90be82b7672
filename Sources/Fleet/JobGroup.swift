import Pipeline
import Recipes

/// Jobs that are done together: stacked ones of one base and recipe, or a single one.
struct JobGroup: Sendable {
  var plans: [JobPlan]
  /// Whether they go through the stacked conversion.
  var isStacked: Bool

  /// A group never holds more: what is done is recorded now and then.
  static let largest = 64

  /// Groups of `plans`, in the order in which their base and recipe first come.
  ///
  /// - Parameters:
  ///   - byteLimit: What the adapters of a group may take in memory.
  ///   - suspects: Jobs of which fewer are done together.
  static func groups(
    of plans: [JobPlan], run: RunDirectory, byteLimit: Int, suspects: [WorkerOrder.Suspects]
  ) -> [JobGroup] {
    var limits: [String: (set: Int, limit: Int)] = [:]
    for (set, suspects) in suspects.enumerated() {
      for job in suspects.jobs { limits[job] = (set + 1, suspects.limit) }
    }
    var order: [String] = []
    var open: [String: (plans: [JobPlan], bytes: Int)] = [:]
    var places: [String: Int] = [:]
    var groups: [JobGroup] = []
    func base(_ plan: JobPlan) -> String { plan.basePath + "\n" + (plan.recipe.basesPath ?? "") }
    // Bases in the order in which they come, so that each is opened once.
    var bases: [String: Int] = [:]
    for plan in plans where bases[base(plan)] == nil { bases[base(plan)] = bases.count }
    let sorted = plans.enumerated().sorted {
      (bases[base($0.element)] ?? 0, $0.offset) < (bases[base($1.element)] ?? 0, $1.offset)
    }.map(\.element)
    func close(_ key: String) {
      guard let group = open.removeValue(forKey: key), let place = places[key] else { return }
      groups[place].plans = group.plans
    }
    for plan in sorted {
      guard isStackable(plan, run: run) else {
        groups.append(JobGroup(plans: [plan], isStacked: false))
        continue
      }
      let suspicion = limits[plan.name]
      // Digests of options leave names of files out.
      let examples = plan.recipe.calibration?.path ?? ""
      let key =
        "\(suspicion?.set ?? 0)\n\(base(plan))\n\(examples)\n\(plan.digest(inputs: []))"
      let bytes = 2 * RunPlan.byteCount(plan.adapterPath)
      if let group = open[key],
        group.plans.count >= min(suspicion?.limit ?? largest, largest)
          || group.bytes + bytes > byteLimit
      {
        close(key)
      }
      if open[key] == nil {
        places[key] = groups.count
        groups.append(JobGroup(plans: [], isStacked: true))
        order.append(key)
      }
      open[key, default: ([], 0)].plans.append(plan)
      open[key]?.bytes += bytes
    }
    for key in order { close(key) }
    return groups
  }

  private static func isStackable(_ plan: JobPlan, run: RunDirectory) -> Bool {
    StackedConversion.accepts(
      JobRequest(plan: plan, outputPath: run.artifactPath(plan.name)))
  }
}
