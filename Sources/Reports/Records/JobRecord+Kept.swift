extension JobRecord {
  /// Of a job that keeps its LoRA, why; nil of any other.
  var keptSentence: String? {
    guard state == .kept else { return nil }
    guard let gate else { return "stays the LoRA that it is" }
    return
      "stays the LoRA that it is: retained gain \(gate.sentence) came nearest of \(gate.tried) "
      + "sizes, the lower end had to reach \(Numerals.fixed(gate.asked, 3))"
  }
}
