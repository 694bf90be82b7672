import Faults
import Foundation
import JSON

/// How the answer is found in a text that a model writes (`formats/data.md` §2.6).
public enum AnswerForm: Sendable, Hashable {
  /// The last number: digits, with a sign, commas between thousands and a fraction.
  case number
  /// What stands in the last `\boxed{…}`.
  case boxed
  /// What follows the last occurrence of these words, to the end of the line.
  case after(String)
  /// The first of these words that stands in the text.
  case firstOf([String])

  /// The form that a line asks for.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init(_ field: JSONField) throws(Fault) {
    switch field.value?.stringValue {
    case "number": self = .number
    case "boxed": self = .boxed
    default:
      if field["first_of"].isPresent {
        self = .firstOf(try AnswerForm.words(field["first_of"]))
        return
      }
      guard field["after"].isPresent else {
        throw field.fault(
          "expected \"number\", \"boxed\", {\"after\": text} or {\"first_of\": [text]}")
      }
      let words = try field["after"].string()
      guard !words.isEmpty else { throw field["after"].fault("is empty") }
      self = .after(words)
    }
  }

  private static func words(_ field: JSONField) throws(Fault) -> [String] {
    var words: [String] = []
    for word in try field.array() {
      let text = try word.string()
      guard !text.isEmpty else { throw word.fault("is empty") }
      words.append(text)
    }
    guard words.count > 1 else { throw field.fault("needs two texts or more") }
    return words
  }

  /// The answer in `text`, in the one spelling in which answers are compared; nil where there is none.
  public func answer(in text: String) -> String? {
    switch self {
    case .number: AnswerForm.lastNumber(in: Array(text.utf8))
    case .boxed: AnswerForm.lastBox(in: Array(text.utf8))
    case .after(let words): AnswerForm.rest(of: text, after: words)
    case .firstOf(let words): AnswerForm.first(of: words, in: text)
    }
  }

  // MARK: - Numbers

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Read from the front, so that a number goes as far as it can; without commas, zeros in front or behind, and `-0`.
  private static func lastNumber(in text: [UInt8]) -> String? {
    let (comma, point) = (UInt8(ascii: ","), UInt8(ascii: "."))
    func isDigit(at index: Int) -> Bool {
      text.indices.contains(index) && self.isDigit(text[index])
    }
    var last: String?
    var index = 0
    while index < text.count {
      guard
        isDigit(at: index)
          || text[index] == point && isDigit(at: index + 1) && !isDigit(at: index - 1)
      else {
        index += 1
        continue
      }
      let isNegative = index > 0 && text[index - 1] == UInt8(ascii: "-")
      var (whole, fraction): ([UInt8], [UInt8]) = ([], [])
      while isDigit(at: index)
        || index < text.count && text[index] == comma && isDigit(at: index + 1) && !whole.isEmpty
      {
        if text[index] != comma { whole.append(text[index]) }
        index += 1
      }
      if index < text.count, text[index] == point {
        index += 1
        while isDigit(at: index) {
          fraction.append(text[index])
          index += 1
        }
      }
      last = spelled(whole, fraction, isNegative: isNegative)
    }
    return last
  }

  private static func spelled(
    _ whole: [UInt8], _ fraction: [UInt8], isNegative: Bool
  ) -> String {
    let zero = UInt8(ascii: "0")
    let front = whole.drop { $0 == zero }
    let behind = fraction.prefix((fraction.lastIndex { $0 != zero } ?? -1) + 1)
    let size =
      (front.isEmpty ? "0" : String(decoding: front, as: UTF8.self))
      + (behind.isEmpty ? "" : "." + String(decoding: behind, as: UTF8.self))
    return isNegative && size != "0" ? "-" + size : size
  }

  // MARK: - Boxes and words

  /// The content of the last box whose braces are balanced, or of a box without braces to the end of its formula; without blanks.
  private static func lastBox(in text: [UInt8]) -> String? {
    let name = Array("\\boxed".utf8)
    func isNamed(_ index: Int) -> Bool { text[..<index].suffix(name.count).elementsEqual(name) }
    // Of every open brace where its box begins, if it is one's.
    var open: [Int?] = []
    var (closed, bare): (Range<Int>?, Int?) = (nil, nil)
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "{"): open.append(isNamed(index) ? index + 1 : nil)
      case UInt8(ascii: "}"):
        guard let begun = open.popLast(), let start = begun, start > closed?.lowerBound ?? -1
        else { continue }
        closed = start..<index
      case UInt8(ascii: " ") where isNamed(index): bare = index + 1
      default: break
      }
    }
    func formula(from start: Int) -> Range<Int> {
      text[start...].prefix { $0 != UInt8(ascii: "$") && $0 != 0x0a }.indices
    }
    guard let content = closed ?? bare.map(formula) else { return nil }
    let shown = text[content].filter { $0 > UInt8(ascii: " ") }
    return shown.isEmpty ? nil : String(decoding: shown, as: UTF8.self)
  }

  /// Of words that begin at the same place the one that is named first.
  private static func first(of words: [String], in text: String) -> String? {
    var found: (word: String, place: String.Index)?
    for word in words {
      guard let place = text.range(of: word)?.lowerBound else { continue }
      if found.map({ place < $0.place }) ?? true { found = (word, place) }
    }
    return found?.word
  }

  /// In lower case, without blanks and marks around it.
  private static func rest(of text: String, after words: String) -> String? {
    guard let found = text.range(of: words, options: .backwards) else { return nil }
    let line = text[found.upperBound...].prefix { !$0.isNewline }
    let marks = CharacterSet.whitespaces.union(CharacterSet(charactersIn: ".,;:!?\"'()[]*"))
    let answer = line.trimmingCharacters(in: marks).lowercased()
    return answer.isEmpty ? nil : answer
  }
}

extension ArraySlice<UInt8> {
  /// The last place where `pattern`, which is not empty, stands.
  fileprivate func lastRange(of pattern: [UInt8]) -> Range<Int>? {
    guard count >= pattern.count else { return nil }
    return stride(from: endIndex - pattern.count, through: startIndex, by: -1).lazy
      .map { $0..<$0 + pattern.count }.first { self[$0].elementsEqual(pattern) }
  }
}
