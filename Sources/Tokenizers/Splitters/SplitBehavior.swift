/// What becomes of the matches that text is cut at, as Hugging Face's library names it.
enum SplitBehavior: String, Sendable, Hashable {
  case removed = "Removed"
  case isolated = "Isolated"
  /// A match ends the piece before it; of several in a row the first does, the others are pieces.
  case mergedWithPrevious = "MergedWithPrevious"
  /// A match begins the piece behind it; of several in a row the last does.
  case mergedWithNext = "MergedWithNext"
  /// Matches in a row are one piece.
  case contiguous = "Contiguous"

  /// A stretch of text that matches, or what lies between two.
  struct Part {
    var range: Range<Int>
    var isMatch: Bool
  }

  /// The matches in `range` and what lies between them; empty matches are parts too.
  static func parts(_ matches: [Range<Int>], in range: Range<Int>) -> [Part] {
    var parts: [Part] = []
    var end = range.lowerBound
    for match in matches {
      if end < match.lowerBound {
        parts.append(Part(range: end..<match.lowerBound, isMatch: false))
      }
      parts.append(Part(range: match, isMatch: true))
      end = match.upperBound
    }
    if end < range.upperBound {
      parts.append(Part(range: end..<range.upperBound, isMatch: false))
    }
    return parts
  }

  /// Adds the pieces that `parts` make, without empty ones.
  func append(_ parts: [Part], to pieces: inout [Range<Int>]) {
    let first = pieces.count
    switch self {
    case .removed: pieces += parts.lazy.filter { !$0.isMatch }.map(\.range)
    case .isolated: pieces += parts.lazy.map(\.range)
    case .contiguous:
      var previous = false
      for part in parts {
        if part.isMatch == previous, pieces.count > first, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
    case .mergedWithPrevious:
      var previous = false
      for part in parts {
        if part.isMatch, !previous, pieces.count > first, let last = pieces.popLast() {
          pieces.append(last.lowerBound..<part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
    case .mergedWithNext:
      var previous = false
      for part in parts.reversed() {
        if part.isMatch, !previous, pieces.count > first, let last = pieces.popLast() {
          pieces.append(part.range.lowerBound..<last.upperBound)
        } else {
          pieces.append(part.range)
        }
        previous = part.isMatch
      }
      pieces[first...].reverse()
    }
    pieces.removeSubrange(first..<pieces.count, where: \.isEmpty)
  }
}

extension Array {
  /// Removes the elements of a part that satisfy a condition.
  fileprivate mutating func removeSubrange(
    _ range: Range<Int>, where isRemoved: (Element) -> Bool
  ) {
    guard self[range].contains(where: isRemoved) else { return }
    replaceSubrange(range, with: self[range].filter { !isRemoved($0) })
  }
}
