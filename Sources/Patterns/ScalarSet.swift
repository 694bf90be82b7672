/// A set of Unicode scalars, as a regular expression spells it.
package struct ScalarSet: Sendable {
  package var ranges: [ClosedRange<UInt32>] = []
  package var classes: [(class: ScalarClass, isNegated: Bool)] = []
  /// Sets in a set, `[a[bc]]`.
  package var nested: [ScalarSet] = []
  /// Sets that a member must lie in as well, `[a-z&&[^m]]`.
  package var limits: [ScalarSet] = []
  package var isNegated = false
  package var ignoresCase = false

  /// All but the end of a line.
  package static let line = ScalarSet(ranges: [0x0a...0x0a], isNegated: true)
  /// Everything.
  package static let all = ScalarSet(isNegated: true)

  package init(ranges: [ClosedRange<UInt32>] = [], isNegated: Bool = false) {
    self.ranges = ranges
    self.isNegated = isNegated
  }

  /// One scalar.
  package init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  /// A class or its complement.
  package init(_ class: ScalarClass, isNegated: Bool = false) { classes = [(`class`, isNegated)] }

  /// The one scalar in the set, nil where there are more or where it is a class.
  var single: UInt32? {
    guard classes.isEmpty, nested.isEmpty, limits.isEmpty, !isNegated, ranges.count == 1,
      ranges[0].count == 1
    else { return nil }
    return ranges[0].lowerBound
  }

  package func contains(_ scalar: Unicode.Scalar) -> Bool {
    guard ignoresCase else { return holds(scalar) != isNegated }
    let twins = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
    // U+017F is the one letter of ASCII's whose capital is another letter's: s, S and it are one.
    let isHeld =
      holds(scalar)
      || twins.contains { twin in
        let scalars = twin.unicodeScalars
        return scalars.count == 1 && scalars.first.map(holdsInEitherCase) == true
      }
    return isHeld != isNegated
  }

  /// Whether the scalar or its small letter is held: `(?i:s)` takes U+017F, whose capital is S.
  private func holdsInEitherCase(_ scalar: Unicode.Scalar) -> Bool {
    if holds(scalar) { return true }
    let small = scalar.properties.lowercaseMapping.unicodeScalars
    return small.count == 1 && small.first.map(holds) == true
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    let isHeld =
      ranges.contains { $0.contains(scalar.value) }
      || classes.contains { $0.class.contains(scalar) != $0.isNegated }
      || nested.contains { $0.contains(scalar) }
    return isHeld && limits.allSatisfy { $0.contains(scalar) }
  }
}
