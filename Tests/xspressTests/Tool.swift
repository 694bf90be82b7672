import Foundation
import TestSupport

/// Runs the built tool as a user would and captures what it says.
enum Tool {
  /// Streams and exit code of one run.
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    /// The lines on stderr.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
    /// Those of them that are not warnings: one where the command failed.
    var faultLines: [String] { errorLines.filter { !$0.hasPrefix("warning: ") } }
  }

  /// The binary beside the running test bundle, of the same build.
  static let path = beside("xspress")

  /// Another product of that build.
  static func beside(_ name: String) -> String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// Runs `xspress` with `arguments`, its cache in `cache`; progress is off unless they say otherwise.
  ///
  /// - Parameters:
  ///   - environment: Variables added to this process's.
  ///   - limits: Commands of a shell before it, such as `ulimit -v 1000000`.
  ///   - redirections: Of the shell, such as `>&-`.
  ///   - peak: A file for the most bytes that it had resident.
  static func run(
    _ arguments: [String], cache: String? = nil, environment added: [String: String] = [:],
    limits: String? = nil, redirections: String = "", peak: String? = nil
  ) throws -> Outcome {
    let process = Process()
    let saysOtherwise = arguments.contains {
      ["--log", "--quiet", "--help", "--version"].contains($0)
    }
    let arguments = arguments + (saysOtherwise ? [] : ["--log", "none"])
    if limits != nil || !redirections.isEmpty {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      let text = "\(limits ?? "true"); exec \"$0\" \"$@\" \(redirections)"
      process.arguments = ["-c", text, path] + arguments
    } else if let peak {
      process.executableURL = URL(fileURLWithPath: beside("peak-memory"))
      process.arguments = [peak, path] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
    }
    var environment = ProcessInfo.processInfo.environment
    if let cache { environment["XDG_CACHE_HOME"] = cache }
    environment.merge(added) { $1 }
    process.environment = environment
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // Both pipes stay far below their capacity in these tests but for large JSON: read stdout first.
    let outputData = output.fileHandleForReading.readDataToEndOfFile()
    let errorData = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
      errors: String(decoding: errorData, as: UTF8.self))
  }
}
