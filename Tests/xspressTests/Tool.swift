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
  }

  /// The binary beside the test bundle.
  static var path: String {
    Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }.map {
      $0.bundleURL.deletingLastPathComponent().appendingPathComponent("xspress").path
    } ?? Checkout.path(".build/release/xspress")
  }

  /// Runs `xspress` with `arguments`, progress off, its cache in `cache`.
  ///
  /// - Parameters:
  ///   - limits: Commands of a shell before it, such as `ulimit -v 1000000`.
  ///   - redirections: Of the shell, such as `>&-`.
  static func run(
    _ arguments: [String], cache: String? = nil, limits: String? = nil, redirections: String = ""
  ) throws -> Outcome {
    let process = Process()
    if limits != nil || !redirections.isEmpty {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      let text = "\(limits ?? "true"); exec \"$0\" \"$@\" \(redirections)"
      process.arguments = ["-c", text, path] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
    }
    var environment = ProcessInfo.processInfo.environment
    if let cache { environment["XDG_CACHE_HOME"] = cache }
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
