/// How families of chat models write a user's turn, told by the literal text of their template; the template itself
/// is never run.
public enum ChatForm: CaseIterable, Sendable {
  /// `<|im_start|>` (SmolLM2, Qwen).
  case chatML
  /// `<|start_header_id|>` (Llama 3).
  case llama3

  /// The form whose marker stands in `template`; nil for any other.
  public init?(template: String) {
    guard let form = ChatForm.allCases.first(where: { template.contains($0.marker) }) else {
      return nil
    }
    self = form
  }

  private var marker: String {
    switch self {
    case .chatML: "<|im_start|>"
    case .llama3: "<|start_header_id|>"
    }
  }

  /// A user's turn, left for the model to write, and the beginning of its answer.
  var opening: Opening {
    switch self {
    case .chatML:
      Opening(text: "<|im_start|>user\n", then: "<|im_end|>\n<|im_start|>assistant\n")
    case .llama3:
      Opening(
        text: "<|start_header_id|>user<|end_header_id|>\n\n",
        then: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
    }
  }
}
