import Foundation
import LinearAlgebra

/// One line that says what a figure was measured on: processor, cores allowed, memory, BLAS kernels.
public enum MachineLine {
  /// This machine now.
  public static var current: String {
    "\(processor), \(ProcessInfo.processInfo.activeProcessorCount) cores, \(memory), "
      + "OpenBLAS \(OpenBLAS.coreName) kernels, own \(CPUKernels.name)"
  }

  private static let processor = value("model name", in: "/proc/cpuinfo") ?? "unknown processor"

  /// The memory of the machine, which the kernel gives in units of 1024 bytes.
  private static let memory: String = {
    let words = value("MemTotal", in: "/proc/meminfo")?.split(separator: " ")
    guard let kibibytes = words?.first.flatMap({ Int($0) }) else { return "unknown memory" }
    return "\((Double(kibibytes) / 104_857.6).rounded() / 10) GiB"
  }()

  /// What follows the colon on the first line that begins with `key`.
  private static func value(_ key: String, in path: String) -> String? {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      return String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
    }
    return nil
  }
}
