/// Where a field stands in help and on the page.
package enum FieldGroup: String, CaseIterable, Sendable {
  /// How the adapter is read.
  case adapter
  /// What is trained where there is no adapter.
  case scratch
  /// How large the artifact becomes and of what it consists.
  case size
  /// How latents are first set.
  case start
  /// How things are stored.
  case storage
  /// How latents are tuned.
  case tuning
  /// Texts that the model writes itself.
  case ownTexts
  /// What is measured.
  case measuring

  /// The heading.
  package var title: String {
    switch self {
    case .adapter: "Reading the adapter"
    case .scratch: "Without an adapter"
    case .size: "Size and form"
    case .start: "First latents"
    case .storage: "Storage"
    case .tuning: "Tuning"
    case .ownTexts: "The model's own texts (data: self)"
    case .measuring: "Measuring"
    }
  }
}
