public import Faults

/// Sizes as people write them: `800`, `64KB`, `1.5MiB` (`formats/manifest.md` §5).
public enum ByteSize {
  /// The number of bytes `text` stands for; KB, MB, GB are powers of 1,000, KiB, MiB, GiB of 1,024.
  ///
  /// At most three decimals, which must come to a whole number of bytes; upper and lower case are the
  /// same.
  ///
  /// - Throws: 64 `SIZE` for anything else, for 0, and for 2⁶³ bytes or more.
  public static func parse(_ text: String) throws(Fault) -> Int {
    let refusal = Fault(
      .usage, "SIZE", "\"\(text)\" is not a size such as 64KB, 1.5MB, 512KiB or 800")
    let lower = text.lowercased()
    let digits = lower.prefix { "0123456789.".contains($0) }
    guard let unit = units[String(lower.dropFirst(digits.count))] else { throw refusal }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { throw refusal }
    let fraction = parts.count == 2 ? String(parts[1]) : ""
    guard fraction.utf8.count <= 3, let whole = Int(parts[0]) else { throw refusal }
    let padded = fraction + String(repeating: "0", count: 3 - fraction.utf8.count)
    guard let thousandths = Int(padded) else { throw refusal }
    let (bytes, isTooBig) = whole.multipliedReportingOverflow(by: unit)
    let (rest, restIsTooBig) = thousandths.multipliedReportingOverflow(by: unit)
    guard !isTooBig, !restIsTooBig, rest % 1000 == 0 else { throw refusal }
    let (sum, sumIsTooBig) = bytes.addingReportingOverflow(rest / 1000)
    guard !sumIsTooBig, sum > 0 else { throw refusal }
    return sum
  }

  private static let units = [
    "": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "kib": 1 << 10,
    "mib": 1 << 20, "gib": 1 << 30,
  ]
}
