public import Faults
internal import Files
internal import JSON

extension Checkpoint {
  /// The text of the chat template; nil where the checkpoint has none.
  ///
  /// `tokenizer.chat_template` of a GGUF file; beside safetensors `chat_template.jinja`, else `chat_template` of
  /// `tokenizer_config.json`, of several named ones `default`. It is a program, and nothing here runs it.
  public func chatTemplate() throws(Fault) -> String? {
    if let weights = source as? GGUFWeights {
      return try weights.header.text("tokenizer.chat_template")
    }
    guard let directory = (source as? SafeTensorsWeights)?.directory else { return nil }
    if let path = directory.existing("chat_template.jinja") {
      return String(decoding: try Self.bytes(path), as: UTF8.self)
    }
    guard let path = directory.existing("tokenizer_config.json") else { return nil }
    do throws(Fault) {
      // Transformers writes a length of 10³⁰ where none is meant.
      let limits = JSONLimits(refusesLargeIntegers: false)
      let template = try JSONValue.parse(try Self.bytes(path), limits: limits)["chat_template"]
      let named = template?.arrayValue?.first { $0["name"]?.stringValue == "default" }
      return template?.stringValue ?? named?["template"]?.stringValue
    } catch {
      throw error.at(path: path)
    }
  }

  private static func bytes(_ path: String) throws(Fault) -> [UInt8] {
    try InputFile(path).readAll(limit: 16 << 20)
  }
}
