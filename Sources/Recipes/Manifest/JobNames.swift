public import Faults
import Files

/// Names of jobs, which become names of folders and files (`formats/manifest.md` §6).
public enum JobNames {
  /// The longest name in bytes.
  public static let maximumLength = 200

  /// Checks a name somebody wrote in a manifest; it is used as it stands or not at all.
  ///
  /// - Throws: 65 `NAME`.
  public static func check(_ name: String) throws(Fault) {
    if let reason = defect(of: name) {
      throw Fault(.badData, "NAME", "\"\(name)\" cannot name a job: \(reason)")
    }
  }

  /// A name made from the last part of an adapter's path.
  ///
  /// A plain name stays. Any other gets its foreign bytes replaced by `_`, is cut, and carries the
  /// first 12 hex digits of the SHA-256 of the original, so that different originals stay apart.
  public static func derived(fromPath path: String) -> String {
    let original = Paths.name(of: path)
    if defect(of: original) == nil { return original }
    let kept = original.utf8.prefix(120).map { isPlain($0) ? $0 : UInt8(ascii: "_") }
    var stem = String(decoding: kept, as: UTF8.self)
    if let first = stem.utf8.first, first == UInt8(ascii: "-") || first == UInt8(ascii: ".") {
      stem = "_" + stem
    }
    let digest = SHA256Digest.of(Array(original.utf8)).hex.prefix(12)
    return stem.isEmpty ? "adapter-\(digest)" : "\(stem)-\(digest)"
  }

  /// Refuses two jobs of one name; names that differ in case alone are two names.
  ///
  /// - Throws: 65 `NAME-DUP` naming both adapters.
  public static func checkDistinct(_ jobs: [JobPlan]) throws(Fault) {
    var seen: [[UInt8]: String] = [:]
    for job in jobs {
      let place = job.adapterPath ?? "a start from nothing"
      if let other = seen.updateValue(place, forKey: Array(job.name.utf8)) {
        throw Fault(
          .badData, "NAME-DUP",
          "\(other) and \(place) would both be called \"\(job.name)\"; name one of them")
      }
    }
  }

  /// What is wrong with `name`, or `nil`.
  private static func defect(of name: String) -> String? {
    if name.isEmpty { return "it is empty" }
    if name.utf8.count > maximumLength {
      return "it has \(name.utf8.count) bytes, at most \(maximumLength)"
    }
    if let first = name.utf8.first, first == UInt8(ascii: "-") || first == UInt8(ascii: ".") {
      return "it starts with \"\(name.prefix(1))\""
    }
    guard name.utf8.allSatisfy(isPlain) else {
      return "only letters, digits, and . _ - + are allowed"
    }
    if name.hasSuffix(".") { return "it ends with a dot" }
    let stem = String(name.prefix { $0 != "." }).uppercased()
    return reserved.contains(stem) ? "\(stem) is a device name on some systems" : nil
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"), UInt8(ascii: "+"):
      true
    default: false
    }
  }

  private static let reserved = Set(
    ["CON", "PRN", "AUX", "NUL"] + (1...9).flatMap { ["COM\($0)", "LPT\($0)"] })
}
