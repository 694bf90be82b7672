import Foundation

/// `peak-memory REPORT COMMAND…` runs the command and writes the most memory that it had resident, in bytes, to REPORT.
///
/// A process of its own, because the system counts for a child what its parent had resident when it was started: the
/// tests of everything are a large parent. This one is small, and has one child.
@main struct PeakMemory {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count > 2 else { exit(64) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[2])
    process.arguments = Array(words[3...])
    try process.run()
    process.waitUntilExit()
    var usage = rusage()
    guard getrusage(RUSAGE_CHILDREN.rawValue, &usage) == 0 else { exit(70) }
    try "\(usage.ru_maxrss << 10)".write(toFile: words[1], atomically: false, encoding: .utf8)
    let status = process.terminationStatus
    exit(process.terminationReason == .uncaughtSignal ? 128 + status : status)
  }
}
