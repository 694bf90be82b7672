package import Faults
import Foundation
import Progress
import Reports

/// One step of a job: what it needs goes in, what it makes comes out.
///
/// Whatever else it uses or keeps (the base, data, checkpoints, warnings) is the context's.
package protocol Stage<Input, Output> {
  /// What it needs of the stages before it.
  associatedtype Input
  /// What it makes.
  associatedtype Output

  /// What its time is noted under; nil where it takes none worth noting.
  static var name: String? { get }

  /// Whether there is anything to do, whose time is worth noting; where there is not, ``run(_:in:)`` says what nothing comes
  /// to.
  func isNeeded(for input: Input, in job: JobContext) -> Bool

  /// Does the step.
  func run(_ input: Input, in job: JobContext) throws(Fault) -> Output
}

extension Stage {
  /// There is.
  package func isNeeded(for input: Input, in job: JobContext) -> Bool { true }
}

/// Wall times of stages, in the order in which they first ended.
struct StageClock {
  private var times: [(name: String, seconds: Double)] = []
  private var start = Date()

  /// Notes the time since the last note under `name`; what ran before under that name is added to.
  mutating func lap(_ name: String) {
    let now = Date()
    add(now.timeIntervalSince(start), to: name)
    start = now
  }

  /// Adds `seconds` to `name`, whenever they passed.
  mutating func add(_ seconds: Double, to name: String) {
    if let place = times.firstIndex(where: { $0.name == name }) {
      times[place].seconds += seconds
    } else {
      times.append((name, seconds))
    }
  }

  /// For the record.
  var settings: [Setting] {
    times.map {
      Setting($0.name, String(format: $0.seconds < 0.1 ? "%.3f s" : "%.1f s", $0.seconds))
    }
  }
}
