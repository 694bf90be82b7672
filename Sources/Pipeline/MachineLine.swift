import Foundation
import LinearAlgebra

/// One line that says what a figure was measured on: processor, cores allowed, BLAS kernels.
public enum MachineLine {
  /// This machine now.
  public static var current: String {
    "\(processor), \(ProcessInfo.processInfo.activeProcessorCount) cores, "
      + "OpenBLAS \(BLASThreads.coreName) kernels"
  }

  private static var processor: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix("model name") {
      return String(line.drop { $0 != ":" }.dropFirst(2))
    }
    return "unknown processor"
  }
}
