/// What a model puts around one text or two (`formats/tokenizers.md` §6).
struct Template: Sendable, Hashable {
  enum Part: Sendable, Hashable {
    /// The first text or the second, with its type.
    case text(isSecond: Bool, type: Int32)
    /// Tokens of the model's.
    case tokens([Int32], type: Int32)
  }

  var single: [Part]
  var pair: [Part]

  /// Nothing around; the second text's type is 1.
  static let none = Template(
    single: [.text(isSecond: false, type: 0)],
    pair: [.text(isSecond: false, type: 0), .text(isSecond: true, type: 1)])

  /// `prefix` before and `suffix` behind; of two texts the second follows directly.
  init(prefix: [Int32], suffix: [Int32]) {
    func around(_ texts: [Part]) -> [Part] {
      let before: [Part] = prefix.isEmpty ? [] : [.tokens(prefix, type: 0)]
      return before + texts + (suffix.isEmpty ? [] : [.tokens(suffix, type: 0)])
    }
    self.init(single: around(Template.none.single), pair: around(Template.none.pair))
  }

  init(single: [Part], pair: [Part]) {
    self.single = single
    self.pair = pair
  }

  /// `[begin] A [separator]`, and of two texts `B [separator]` of type 1 behind.
  static func bert(begin: Int32, separator: Int32) -> Template {
    let first: [Part] = [
      .tokens([begin], type: 0), .text(isSecond: false, type: 0), .tokens([separator], type: 0),
    ]
    return Template(
      single: first,
      pair: first + [.text(isSecond: true, type: 1), .tokens([separator], type: 1)])
  }

  /// `[begin] A [separator]`, and of two texts `[separator] B [separator]` behind, all of type 0.
  static func roberta(begin: Int32, separator: Int32) -> Template {
    let first: [Part] = [
      .tokens([begin], type: 0), .text(isSecond: false, type: 0), .tokens([separator], type: 0),
    ]
    let second: [Part] = [
      .tokens([separator], type: 0), .text(isSecond: true, type: 0), .tokens([separator], type: 0),
    ]
    return Template(single: first, pair: first + second)
  }

  /// The tokens before a single text.
  var prefix: [Int32] {
    single.prefix { !$0.isText }.flatMap(\.ids)
  }

  /// The tokens behind a single text.
  var suffix: [Int32] {
    single.reversed().prefix { !$0.isText }.reversed().flatMap(\.ids)
  }

  /// Whether something stands between two texts.
  var separatesTexts: Bool {
    pair.drop { !$0.isText }.reversed().drop { !$0.isText }.contains { !$0.isText }
  }

  /// The largest id that it names; nil where it names none.
  var largestID: Int32? { (single + pair).flatMap(\.ids).max() }
}

extension Template.Part {
  var isText: Bool { if case .text = self { true } else { false } }

  fileprivate var ids: [Int32] { if case .tokens(let ids, _) = self { ids } else { [] } }
}
