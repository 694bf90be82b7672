#if canImport(Glibc)
  import Glibc
#endif

/// Numbers as people read them, independent of the locale.
package enum Numerals {
  /// What stands where nothing was measured.
  static let absent = "–"

  /// `value` with a fixed number of decimals; `nan` or `inf` when it is not finite.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : (value < 0 ? "-inf" : "inf") }
    var power = 1.0
    for _ in 0..<decimals { power *= 10 }
    let scaled = (abs(value) * power).rounded()
    guard scaled < 9e15 else { return value.description }
    let whole = Int(scaled) / Int(power)
    let rest = String(Int(scaled) % Int(power))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(whole) }
    return "\(sign)\(whole)." + String(repeating: "0", count: decimals - rest.utf8.count) + rest
  }

  /// A share in [0, 1] as `89.4%`.
  package static func percent(_ share: Double, _ decimals: Int = 1) -> String {
    share.isFinite ? fixed(share * 100, decimals) + "%" : fixed(share, decimals)
  }

  /// A small share with as many decimals as it needs: `0.087%`, `16.2%`.
  package static func smallPercent(_ share: Double) -> String {
    percent(share, share < 0.001 ? 3 : (share < 0.1 ? 2 : 1))
  }

  /// An interval of shares as `86.4–91.8%`.
  static func percentRange(_ range: ClosedRange<Double>) -> String {
    "\(fixed(range.lowerBound * 100, 1))–\(fixed(range.upperBound * 100, 1))%"
  }

  /// An interval of differences of shares, in points: `-1.2 to +0.4`.
  static func pointsRange(_ range: ClosedRange<Double>) -> String {
    "\(signed(range.lowerBound * 100, 1)) to \(signed(range.upperBound * 100, 1))"
  }

  /// `value` with its sign, always.
  static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = fixed(value, decimals)
    return value > 0 && text.contains { $0 != "0" && $0 != "." } ? "+" + text : text
  }

  /// Bytes in powers of 1,000 with three figures: `845 B`, `38.2 kB`, `9.82 MB`.
  package static func bytes(_ count: Int) -> String {
    guard count >= 1000 else { return "\(count) B" }
    var value = Double(count)
    var unit = 0
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return fixed(value, value < 9.995 ? 2 : (value < 99.95 ? 1 : 0)) + " " + units[unit]
  }

  /// `9823640` as `9,823,640`.
  package static func grouped(_ count: Int) -> String {
    var out: [Character] = []
    for (position, digit) in String(abs(count)).reversed().enumerated() {
      if position > 0, position % 3 == 0 { out.append(",") }
      out.append(digit)
    }
    return (count < 0 ? "-" : "") + String(out.reversed())
  }

  /// How many times smaller: `43.1×`, `257×`.
  package static func ratio(_ value: Double) -> String {
    guard value.isFinite else { return absent }
    return fixed(value, value < 99.95 ? 1 : 0) + "×"
  }

  /// Seconds as `0.8 s`, `42 s`, `12 min 05 s`, `2 h 03 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return fixed(seconds, 0) + " s" }
    if seconds < 9.95 { return fixed(seconds, 1) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if whole < 3600 { return "\(whole / 60) min \(two(whole % 60)) s" }
    return "\(whole / 3600) h \(two(whole / 60 % 60)) min"
  }

  /// A p-value: three decimals, or `2e-05` when that would be zero.
  static func pValue(_ p: Double) -> String {
    guard p.isFinite, p > 0, p < 0.001 else { return fixed(p, 3) }
    guard p >= 1e-300 else { return "<1e-300" }
    var exponent = floor(log10(p))
    var mantissa = (p / pow(10, exponent)).rounded()
    if mantissa >= 10 { (mantissa, exponent) = (1, exponent + 1) }
    return "\(fixed(mantissa, 0))e\(fixed(exponent, 0))"
  }
}
