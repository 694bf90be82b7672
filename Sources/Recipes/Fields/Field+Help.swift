extension Field {
  /// The line of the command line's help: what it is, which words there are, and what holds without it.
  package var helpLine: String {
    var notes: [String] = []
    switch form {
    case .word(let words): notes.append("one of \(words.joined(separator: ", "))")
    case .words(let words): notes.append("one of \(words.joined(separator: ", ")); repeatable")
    case .modules: notes.append("repeatable")
    case .examples: notes.append("self: texts that the LoRA model writes itself")
    default: break
    }
    if standard == Field.required {
      notes.append("required")
    } else if standard != Field.absent, form != .truth {
      notes.append("default: \(standard)")
    }
    let text = help.replacing("`", with: "")
    return notes.isEmpty ? text : "\(text) (\(notes.joined(separator: "; ")))"
  }

  /// What `standard` says where there is no value without one.
  package static let absent = "none"
  /// What `standard` says of a field that its section needs.
  package static let required = "required"
}
