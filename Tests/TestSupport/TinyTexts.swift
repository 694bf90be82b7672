/// Lines of data in the letters that the tiny model's tokenizer knows (`TinyLlama.addTokenizer`).
public enum TinyTexts {
  private static let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")

  /// `count` prompts of three letters with two choices, all different up to 576; the choices are right in turn.
  public static func choices(_ count: Int) -> String {
    (0..<count).map { index in
      let text = String([letters[index % 3], letters[index % 24], letters[index / 24 % 24]])
      return "{\"prompt\": \"\(text)\", \"choices\": [\"C\", \"D\"], \"answer\": \(index % 2)}\n"
    }.joined()
  }

  /// `count` openings of three letters for texts of one token, all different up to 576.
  public static func openings(_ count: Int) -> String {
    (0..<count).map { index in
      let text = String([letters[index % 24], letters[index / 24 % 24], letters[index * 7 % 24]])
      return "{\"opening\": \"\(text)\", \"length\": 1}\n"
    }.joined()
  }
}
