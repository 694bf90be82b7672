internal import Foundation

/// A text while it is normalised.
struct NormalizedText {
  var bytes: [UInt8]
  /// Whether its first character is, or stands in the place of, the first of the whole text.
  var isFirst: Bool
  /// Whether another text comes before the whole one.
  var continues: Bool
}

/// A step that rewrites text before it is split; a normalizer of Hugging Face's library (`formats/tokenizers.md` §4).
enum Normalizer: Sendable {
  /// Canonical or compatible, composed or not.
  case form(UnicodeForm)
  case lowercase
  /// Removes marks.
  case stripAccents
  /// Removes white space at the ends.
  case strip(left: Bool, right: Bool)
  case replace(SplitPattern, with: [UInt8])
  /// Puts a text in front, unless the text follows another.
  case prepend([UInt8])
  case bert(BertOptions)
  /// What SentencePiece's rule `nmt` does with control characters and odd spaces.
  case nmt
  /// SentencePiece's table of replacements, a grapheme at a time as Hugging Face's library applies it.
  case precompiled(CharacterMap)
  /// SentencePiece's own: its table at every place, and spaces.
  case sentencePiece(SentencePieceRules)

  enum UnicodeForm: String, Sendable, Hashable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    /// The form of a text, by the Unicode of this platform.
    func of(_ text: String) -> String {
      let text = Self.spelledOut(text)
      return switch self {
      case .nfc: text.precomposedStringWithCanonicalMapping
      case .nfd: text.decomposedStringWithCanonicalMapping
      case .nfkc: text.precomposedStringWithCompatibilityMapping
      case .nfkd: text.decomposedStringWithCompatibilityMapping
      }
    }

    /// Three vowel signs of Tibetan as their two parts.
    ///
    /// They are of combining class 0 and their parts are not: the platform would not order marks across them.
    private static func spelledOut(_ text: String) -> String {
      guard text.unicodeScalars.contains(where: { parts[$0] != nil }) else { return text }
      var result = String.UnicodeScalarView()
      for scalar in text.unicodeScalars { result.append(contentsOf: parts[scalar] ?? [scalar]) }
      return String(result)
    }

    private static let parts: [Unicode.Scalar: [Unicode.Scalar]] = [
      "\u{f73}": ["\u{f71}", "\u{f72}"], "\u{f75}": ["\u{f71}", "\u{f74}"],
      "\u{f81}": ["\u{f71}", "\u{f80}"],
    ]
  }

  struct BertOptions: Sendable, Hashable {
    var cleansText = true
    var spacesChinese = true
    var stripsAccents = true
    var lowercases = true
  }

  func apply(to text: inout NormalizedText) {
    if text.bytes.isEmpty { return }
    switch self {
    case .form(let form):
      // ASCII is in every form.
      guard text.bytes.contains(where: { $0 >= 0x80 }) else { return }
      text.bytes = Array(form.of(String(decoding: text.bytes, as: UTF8.self)).utf8)
    case .lowercase:
      text.rewrite { $1.append(contentsOf: $0.properties.lowercaseMapping.unicodeScalars) }
    case .stripAccents: text.remove { CharacterClass.mark.contains($0.value) }
    case .strip(let left, let right): text.strip(left: left, right: right)
    case .replace(let pattern, let content): text.replace(pattern, with: content)
    case .prepend(let content):
      if !(text.continues && text.isFirst) { text.bytes = content + text.bytes }
    case .bert(let options): text.apply(options)
    case .nmt: text.applyNMT()
    case .precompiled(let map): text.apply(map)
    case .sentencePiece(let rules): text.bytes = rules.apply(to: text)
    }
  }
}

extension NormalizedText {
  /// Writes something in the place of each character.
  mutating func rewrite(_ write: (Unicode.Scalar, inout String.UnicodeScalarView) -> Void) {
    var result = String.UnicodeScalarView()
    var isStart = true
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      write(scalar, &result)
      if isStart, result.isEmpty { isFirst = false }
      isStart = false
    }
    bytes = Array(String(result).utf8)
  }

  mutating func remove(_ isRemoved: (Unicode.Scalar) -> Bool) {
    rewrite { if !isRemoved($0) { $1.append($0) } }
  }

  fileprivate mutating func strip(left: Bool, right: Bool) {
    var scalars = Substring(decoding: bytes, as: UTF8.self).unicodeScalars
    if left {
      let rest = scalars.drop { $0.properties.isWhitespace }
      if rest.startIndex != scalars.startIndex { isFirst = false }
      scalars = rest
    }
    while right, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    bytes = Array(String(scalars).utf8)
  }

  fileprivate mutating func replace(_ pattern: SplitPattern, with content: [UInt8]) {
    let text = ScalarBuffer(bytes)
    let matches = pattern.matches(in: text, 0..<text.count)
    guard let first = matches.first else { return }
    if first.lowerBound == 0, !first.isEmpty, content.isEmpty { isFirst = false }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + matches.count * content.count)
    var end = 0
    for match in matches {
      result += text.slice(end..<match.lowerBound)
      result += content
      end = match.upperBound
    }
    result += text.slice(end..<text.count)
    bytes = result
  }

  fileprivate mutating func apply(_ options: Normalizer.BertOptions) {
    if options.cleansText {
      rewrite { scalar, result in
        if scalar.value == 0 || scalar.value == 0xfffd { return }
        if CharacterClass.control.contains(scalar.value) { return }
        result.append(scalar.properties.isWhitespace ? " " : scalar)
      }
    }
    if options.spacesChinese, bytes.contains(where: { $0 >= 0x80 }) {
      rewrite { scalar, result in
        let isChinese = CharacterClass.chinese.contains(scalar.value)
        if isChinese { result.append(" ") }
        result.append(scalar)
        if isChinese { result.append(" ") }
      }
    }
    if options.stripsAccents {
      Normalizer.form(.nfd).apply(to: &self)
      if bytes.contains(where: { $0 >= 0x80 }) {
        remove { CharacterClass.nonspacingMark.contains($0.value) }
      }
    }
    if options.lowercases { Normalizer.lowercase.apply(to: &self) }
  }

  fileprivate mutating func applyNMT() {
    rewrite { scalar, result in
      switch scalar.value {
      case 0x01...0x08, 0x0b, 0x0e...0x1f, 0x7f, 0x8f, 0x9f: break
      case 0x09, 0x0a, 0x0c, 0x0d, 0x1680, 0x200b...0x200f, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd:
        result.append(" ")
      default: result.append(scalar)
      }
    }
  }

  fileprivate mutating func apply(_ map: CharacterMap) {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for character in String(decoding: bytes, as: UTF8.self) {
      let grapheme = Array(character.utf8)
      if grapheme.count < 6, let replacement = map.replacement(ofShortestPrefixOf: grapheme[...]) {
        result += replacement
      } else {
        for scalar in character.unicodeScalars {
          let part = Array(UTF8.encode(scalar).map(Array.init) ?? [])
          result += map.replacement(ofShortestPrefixOf: part[...]) ?? part[...]
        }
      }
    }
    // In the original library a first character that is replaced by nothing leaves its place to the next.
    bytes = result
  }
}
