import Glibc

/// What a container may use of the machine: the quotas of this process's control groups.
///
/// A group is bounded by its own files and by those of every group above it, version 2 and version 1 alike.
public struct ControlGroup: Sendable {
  private let root: String
  /// The paths of this process's groups by controller; the empty name is version 2.
  private let groups: [String: String]

  /// The groups of this process.
  public static var current: ControlGroup {
    let bytes = ControlGroup.text("/proc/self/cgroup") ?? ""
    return ControlGroup(root: "/sys/fs/cgroup", membership: bytes)
  }

  /// Groups below `root` as the text of `/proc/self/cgroup` names them.
  public init(root: String, membership: String) {
    self.root = root
    var groups: [String: String] = [:]
    for line in membership.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      for controller in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
        groups[String(controller)] = String(parts[2])
      }
    }
    self.groups = groups
  }

  /// Cores that the CPU quota comes to, rounded up; nil without a quota.
  public var cores: Int? {
    var least: Double?
    func add(_ quota: Double?, _ period: Double?) {
      guard let quota, let period, quota > 0, period > 0 else { return }
      least = min(least ?? .infinity, quota / period)
    }
    for folder in folders("") {
      let words = (ControlGroup.text(folder + "/cpu.max") ?? "").split { " \n".contains($0) }
      add(words.first.flatMap { Double($0) }, words.dropFirst().first.flatMap { Double($0) })
    }
    for folder in folders("cpu") {
      add(
        ControlGroup.number(folder + "/cpu.cfs_quota_us"),
        ControlGroup.number(folder + "/cpu.cfs_period_us"))
    }
    return least.map { Int(Swift.min($0.rounded(.up), 1_048_576)) }
  }

  /// Bytes that may still be used; nil without a limit.
  ///
  /// What the kernel only caches of files counts as free.
  public var availableMemory: Int? {
    var least: Int?
    func add(_ limit: Double?, _ used: Double?, _ folder: String, _ cached: String) {
      // Version 1 says "no limit" by a number near 2⁶³.
      guard let limit, limit >= 0, limit < 0x1p60 else { return }
      let idle = ControlGroup.statistic(cached, in: folder + "/memory.stat") ?? 0
      let rest = max(limit - max((used ?? 0) - idle, 0), 0)
      least = min(least ?? Int.max, Int(rest))
    }
    for folder in folders("") {
      add(
        ControlGroup.number(folder + "/memory.max"),
        ControlGroup.number(folder + "/memory.current"),
        folder, "inactive_file")
    }
    for folder in folders("memory") {
      add(
        ControlGroup.number(folder + "/memory.limit_in_bytes"),
        ControlGroup.number(folder + "/memory.usage_in_bytes"), folder, "total_inactive_file")
    }
    return least
  }

  /// The folder of a controller's group and those above it.
  private func folders(_ controller: String) -> [String] {
    guard var group = groups[controller] else { return [] }
    let top = controller.isEmpty ? root : root + "/" + controller
    // Inside a container the path is the host's; its own files are then those of the top.
    var folders = [top]
    while group.count > 1 {
      folders.append(top + group)
      group = Paths.parent(of: group)
    }
    return folders
  }

  private static func statistic(_ name: String, in path: String) -> Double? {
    for line in (text(path) ?? "").split(separator: "\n") where line.hasPrefix(name + " ") {
      return Double(line.dropFirst(name.count + 1))
    }
    return nil
  }

  private static func number(_ path: String) -> Double? {
    (text(path) ?? "").split(separator: "\n").first.flatMap { Double($0) }
  }

  /// A small file of the kernel, whose size it does not say.
  static func text(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < 1 << 20 {
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
