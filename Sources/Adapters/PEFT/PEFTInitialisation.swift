import JSON

extension PEFTConfiguration {
  /// What `init_lora_weights` did to the base (`formats/peft.md` §5).
  enum Initialisation: Hashable {
    /// Nothing.
    case unchanged
    /// PiSSA by a whole SVD: its first factors can be computed again.
    case principal
    /// OLoRA: the same by QR.
    case orthogonal

    /// The initialisation that a known value names.
    init(_ value: JSONValue?) {
      switch value?.stringValue {
      case "pissa": self = .principal
      case "olora": self = .orthogonal
      default: self = .unchanged
      }
    }

    /// Whether the value is one of those whose effect on the base is known.
    static func isKnown(_ value: JSONValue) -> Bool {
      switch value {
      case .null, .bool: true
      case .string(let text):
        ["gaussian", "orthogonal", "eva", "mica", "pissa", "olora"].contains(text)
      default: false
      }
    }
  }
}
