import Foundation
import JSON
import Progress
import Recipes

/// What the log of a worker says, on the live line of the worker.
final class WorkerLog {
  private let log: ProgressLog
  private let place: Int
  /// The job or the group.
  private let whole: ProgressTask
  private let title: String
  private let isSingle: Bool
  private var parts: [String: ProgressTask] = [:]

  init(_ log: ProgressLog, place: Int, _ group: JobGroup) {
    self.log = log
    self.place = place
    isSingle = group.plans.count == 1
    let first = group.plans.first?.name ?? ""
    title = isSingle ? first : "\(first) and \(group.plans.count - 1) more"
    whole = log.task(
      title, total: group.plans.count, unit: isSingle ? "" : "jobs", place: place)
  }

  /// Shows one object of `--log json`.
  func show(_ line: JSONValue) {
    let event = line["event"]?.stringValue
    if event == "note" || event == "warning" {
      let message = line["message"]?.stringValue ?? ""
      let isNamed = event == "warning" || !isSingle || message.hasPrefix(title)
      return log.relay(isNamed ? message : "\(title): \(message)", isWarning: event == "warning")
    }
    guard let name = line["task"]?.stringValue, let completed = line["completed"]?.intValue else {
      return
    }
    let detail = line["detail"]?.stringValue
    let part: ProgressTask
    if let known = parts[name] {
      part = known
      if event != "start" { part.update(completed: completed, detail: detail) }
    } else {
      part = log.task(
        isSingle ? "\(title): \(name)" : name, total: line["total"]?.intValue ?? 0,
        unit: line["unit"]?.stringValue ?? "", resumedAt: completed, place: place)
      parts[name] = part
    }
    if event == "finish" {
      part.finish(detail: detail, isPart: true)
      parts[name] = nil
    }
  }

  /// Says that a job has ended.
  func advance() { whole.advance() }

  /// Takes the live line away.
  ///
  /// - Parameter detail: What became of the group.
  func finish(_ detail: String) {
    for part in parts.values { part.finish(isPart: true) }
    whole.finish(detail: detail)
  }
}
