internal import Faults
internal import JSON

/// The head for classes that `config.json` and the tensors of a model tell of (`formats/hf.md` §3.6).
extension HFConfiguration {
  /// The most classes of a head.
  private static let mostClasses = 1 << 16

  /// Reads which classes the model's files name, and whether it has a head for them.
  ///
  /// - Throws: 69 `CFG-UNSUPPORTED` for a head that answers something else, 65 `CFG` for names that contradict each other.
  func readClasses(
    _ family: Family, has: (String) -> Bool, into model: inout DecoderConfiguration
  ) throws(Fault) {
    guard let form = family.classForm else { return }
    let names = family.names(of: model)
    model.hasPooler = form.dense == .base && has(names.parameter(.pooler))
    model.statedLabels = try statedLabels()
    if form.pooling == .last { model.paddingToken = tokenID("pad_token_id") }
    let classes = (json["architectures"]?.arrayValue ?? []).compactMap(\.stringValue)
    let isNamed = classes.contains { name in
      ["ForSequenceClassification", "ForImageClassification"].contains(where: name.hasSuffix)
    }
    guard isNamed || has(names.parameter(.classes)) else { return }
    if !isNamed, let other = classes.first {
      throw unsupported(
        "architectures names \(Fault.escaped(other, limit: 64)), whose head is not one for whole texts or images"
      )
    }
    let head = ClassHead(form: form, names: model.statedLabels ?? ClassHead.defaultNames(2))
    try checkProblem(head)
    model.classHead = head
  }

  /// The names of classes by `id2label`, or as many as `num_labels` says; nil where neither is there.
  private func statedLabels() throws(Fault) -> [String]? {
    var count: Int?
    if let value = json["num_labels"], !value.isNull {
      count = try integer(value, "num_labels", 1...Self.mostClasses)
    }
    guard let table = json["id2label"], !table.isNull else {
      return count.map(ClassHead.defaultNames)
    }
    let members = table.objectValue?.members ?? []
    var names = [String?](repeating: nil, count: members.count)
    for member in members {
      if let id = Int(member.key), names.indices.contains(id) {
        names[id] = member.value.stringValue
      }
    }
    let found = names.compactMap(\.self)
    guard !found.isEmpty, found.count == members.count, found.count <= Self.mostClasses,
      count.map({ $0 == found.count }) ?? true
    else {
      throw Fault(
        .badData, "CFG",
        "id2label must name every class from 0 on, as many as num_labels where that is there")
    }
    return found
  }

  /// Refuses a task that is neither one class of several nor one number.
  private func checkProblem(_ head: ClassHead) throws(Fault) {
    guard let value = json["problem_type"], !value.isNull else { return }
    let wanted = head.isRegression ? "regression" : "single_label_classification"
    guard value.stringValue == wanted else {
      throw unsupported(
        "problem_type is \(Fault.escaped(value.text(), limit: 64)); \(head.count) "
          + (head.isRegression ? "class is" : "classes are") + " understood as \(wanted)")
    }
  }
}
