/// How the figures of a report are defined, in the same words on every page: paragraphs, terms between `**`.
enum MethodNotes {
  static let paragraphs = [
    """
    **Stored** is the artifact read back from disk, so quantisation is in its figures. **Accuracy**: for completions, \
    greedy decoding equals the completion exactly; for choices, the choice with the highest summed log-likelihood is the \
    answer. **NLL**: mean of −ln p over completion tokens, full vocabulary. **KL** and **agreement** compare with the LoRA \
    model, position by position. Where answers are numbers, **r** is Pearson's and what stands as NLL their mean squared \
    error. **Retained** is (accuracy − base) ⁄ (LoRA − base).
    """,
    """
    Intervals of accuracy are Wilson's; intervals of differences come from a seeded paired bootstrap over examples; p is \
    McNemar's, exact and two-sided. A control has about the artifact's bytes; NLL decides who wins, because it resolves \
    differences that accuracy cannot. Where tuning or calibration saw an example that is measured, a warning says of how \
    many (EVAL-SEEN).
    """,
    """
    Sizes: **as shipped** is the adapter's weights file; **as F16** is two bytes for each of its parameters. kB and MB are \
    powers of 1,000.
    """,
  ]

  /// The paragraphs as markup; they hold nothing that wants escaping.
  static let html = paragraphs.map { paragraph in
    let parts = paragraph.split(separator: "**", omittingEmptySubsequences: false)
    let text = parts.enumerated().map { $0 % 2 == 1 ? "<b>\($1)</b>" : String($1) }
    return "<p>\(text.joined())</p>"
  }.joined(separator: "\n")
}
