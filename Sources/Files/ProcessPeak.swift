import Glibc

/// Memory that processes hold, as the kernel counts it.
public enum ProcessPeak {
  /// The most that this process held since ``reset()``, or since it began where the kernel does not forget; nil where it does
  /// not say.
  public static var byteCount: Int? { value("VmHWM:", of: "self") }

  /// Begins counting anew.
  public static func reset() {
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = write(descriptor, "5", 1)
    close(descriptor)
  }

  /// What process `process` holds now; nil where it is gone.
  public static func resident(_ process: Int32) -> Int? { value("VmRSS:", of: "\(process)") }

  private static func value(_ key: String, of process: String) -> Int? {
    for line in (ControlGroup.text("/proc/\(process)/status") ?? "").split(separator: "\n")
    where line.hasPrefix(key) {
      return line.split { " \t".contains($0) }.dropFirst().first.flatMap { Int($0) }
        .map { $0 * 1024 }
    }
    return nil
  }
}
