internal import Faults

/// What only encoders have in GGUF files (`formats/gguf.md` §7.5).
extension GGUFConfiguration {
  /// The key of the names of classes.
  static let labels = "classifier.output_labels"

  /// Refuses a model whose flags are not those that the family is run with, and a vocabulary that no family of its architecture has.
  func checkDemanded() throws(Fault) {
    if let wanted = family.vocabularyInGGUF,
      let found = try header.text("tokenizer.ggml.model"), found != wanted
    {
      throw Fault(
        .unsupported, "GG-UNSUPPORTED",
        "tokenizer.ggml.model is \"\(Fault.escaped(found, limit: 64))\"; of \(family.ggufArchitecture) "
          + "files bert, gpt2 and t5 are supported")
    }
    for (name, wanted) in family.ggufDemanded.sorted(by: { $0.key < $1.key }) {
      guard let found = try header.bool(prefix + name) else {
        throw Fault(.badData, "GG-META", "\(prefix)\(name) is missing")
      }
      guard found == wanted else {
        throw Fault(
          .unsupported, "GG-UNSUPPORTED", "\(prefix)\(name) is \(found), supported is \(wanted)")
      }
    }
  }

  /// Positions, kinds of texts and classes of an encoder.
  func readEncoder(into model: inout DecoderConfiguration) throws(Fault) {
    guard family.hasClassesInGGUF else { return }
    model.positionOffset = weights.positionOffset
    guard let types = weights.tensors.first(where: { $0.name == "token_types.weight" }) else {
      throw Fault(
        .unsupported, "GG-UNSUPPORTED",
        "token_types.weight is missing, as in files of DistilBERT, which is not supported")
    }
    // Other shapes are refused with the other tensors'.
    model.tokenTypeCount = types.shape.first ?? 0
    let key = "tokenizer.ggml.token_type_count"
    if let stated = try header.integer(key), stated != model.tokenTypeCount {
      throw Fault(
        .badData, "GG-META",
        "\(key) is \(stated), token_types.weight has \(model.tokenTypeCount) rows")
    }
    try readClasses(into: &model)
  }

  /// The names of classes, and a head that has its dense layer with it.
  private func readClasses(into model: inout DecoderConfiguration) throws(Fault) {
    if let names = try weights.files[0].strings(prefix + Self.labels) {
      model.statedLabels = try names.map { (bytes) throws(Fault) in
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        throw Fault(.badData, "GG-META", "\(prefix)\(Self.labels) is not UTF-8")
      }
    }
    guard let form = family.classForm, form.dense == .head,
      let name = family.names.ggufModule(.classes),
      let output = weights.tensors.first(where: { $0.name == name + ".weight" }),
      let count = output.shape.first
    else { return }
    let names = model.statedLabels ?? ClassHead.defaultNames(min(count, 1 << 16))
    guard names.count == count, count > 0 else {
      throw Fault(
        .badData, "GG-META",
        "\(prefix)\(Self.labels) has \(names.count) names, \(output.name) has \(count) rows")
    }
    model.classHead = ClassHead(form: form, names: names)
  }
}
