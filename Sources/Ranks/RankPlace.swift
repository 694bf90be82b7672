import Files
import Glibc

/// Where a rank runs.
public struct RankPlace: Sendable, Hashable {
  /// The machine's name.
  public var host: String
  /// The cores it may run on, as the system writes them.
  public var cores: String

  /// A place.
  public init(host: String, cores: String) {
    self.host = host
    self.cores = cores
  }

  /// This process's.
  public static var here: RankPlace {
    var name = utsname()
    uname(&name)
    let host = withUnsafeBytes(of: name.nodename) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return RankPlace(host: host, cores: ProcessLimits.coreMask)
  }

  /// The file of the running program.
  public static var program: String {
    guard let path = realpath("/proc/self/exe", nil) else { return "/proc/self/exe" }
    defer { free(path) }
    return String(cString: path)
  }
}
