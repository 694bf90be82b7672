internal import Faults
public import JSON

extension Checkpoint {
  /// What the file says about itself, for people.
  ///
  /// GGUF metadata with arrays reduced to type and count, or the `__metadata__` of safetensors files.
  /// Long text is cut; templates are not rendered.
  public var metadata: JSONValue {
    if let weights = source as? GGUFWeights {
      return .object(
        JSONObject(weights.header.metadata.map { ($0.key, Self.summary($0.value)) }))
    }
    guard let weights = source as? SafeTensorsWeights else { return .object([:]) }
    let members = weights.files.flatMap(\.metadata.members)
    return .object(
      JSONObject(
        members.map { ($0.key, .string(Self.cut(Array(($0.value.stringValue ?? "").utf8)))) }))
  }

  private static let longestText = 1024

  private static func summary(_ value: GGUFValue) -> JSONValue {
    switch value {
    case .unsigned(let number): Int64(exactly: number).map { .integer($0) } ?? .unsigned(number)
    case .signed(let number): .integer(number)
    case .number(let number): .number(number)
    case .bool(let bool): .bool(bool)
    case .string(let bytes): .string(cut(bytes))
    case .array(let array):
      .object(["type": .string("\(array.elementType)"), "count": .integer(array.count)])
    }
  }

  private static func cut(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix(longestText), as: UTF8.self)
    return bytes.count > longestText ? text + "..." : text
  }
}
