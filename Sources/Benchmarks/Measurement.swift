import Foundation
import JSON

/// What one process measured; the fields every case and every peer prints.
struct Measurement {
  /// What was measured, such as `bases`.
  var what: String
  /// How long a run took.
  var timing: Timing
  /// Multiplications and additions of one run, counted by formula; 0 where that says nothing.
  var operations = 0.0
  /// Bytes of input or output of one run, as the case defines them.
  var bytes = 0
  /// Fields of the case alone: its sizes, and what shows that the result is right.
  var fields: KeyValuePairs<String, JSONValue> = [:]

  /// Writes the JSON line.
  func print() {
    var object = JSONObject([
      ("what", .string(what)), ("seconds", .number(timing.seconds)),
      ("processor_seconds", .number(timing.processorSeconds)), ("runs", .integer(timing.runs)),
      ("peak_rss_bytes", .integer(Measurement.peakResidentBytes)),
      ("operations", .number(operations)), ("bytes", .integer(bytes)),
    ])
    for (key, value) in fields { object[key] = value }
    Swift.print(JSONValue.object(object).text())
  }

  /// Runs `body` until `minimum` seconds are spent.
  ///
  /// Short work is repeated, long work runs once. Warming up is the caller's part.
  static func time<Failure: Error>(
    atLeast minimum: Double = 0.5, _ body: () throws(Failure) -> Void
  ) throws(Failure) -> Timing {
    let processor = Timing.processorSecondsOfProcess
    var times: [Double] = []
    var total = 0.0
    repeat {
      let start = DispatchTime.now().uptimeNanoseconds
      try body()
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
      times.append(seconds)
      total += seconds
    } while total < minimum
    return Timing(
      seconds: median(times), runs: times.count,
      processorSeconds: (Timing.processorSecondsOfProcess - processor) / Double(times.count))
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// `VmHWM`: unlike `ru_maxrss` it does not begin with the size of the process that started this one.
  private static var peakResidentBytes: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }) ?? []
    return words.count > 1 ? (Int(words[1]) ?? 0) * 1024 : 0
  }
}
