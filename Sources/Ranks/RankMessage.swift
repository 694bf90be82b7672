import Faults

/// What a rank brings to an exchange.
enum RankMessage {
  /// Its part of what `what` names.
  case part(_ what: String, [UInt8])
  /// That it failed; `isKnown` where all have heard of it already.
  case failed(Fault, isKnown: Bool)
  /// That it has nothing more to do.
  case ended

  /// Whether the rank waits for the end.
  enum Stage: Int {
    case working, ending
  }

  func bytes(_ stage: Stage) -> [UInt8] {
    var bytes = RankBytes()
    bytes.write(stage.rawValue)
    switch self {
    case .part(let what, let part):
      bytes.write(0)
      bytes.write(what)
      part.withUnsafeBytes { bytes.append($0) }
    case .failed(let fault, let isKnown):
      bytes.write(1)
      bytes.write(isKnown)
      bytes.write(Int(fault.kind.rawValue))
      bytes.write(fault.code)
      bytes.write(fault.reason)
      bytes.write(fault.path)
      bytes.write(fault.tensor)
    case .ended: bytes.write(2)
    }
    return bytes.bytes
  }

  static func read(_ bytes: [UInt8]) throws(Fault) -> (message: RankMessage, stage: Stage) {
    var bytes = RankBytes(bytes)
    let stage = Stage(rawValue: try bytes.read()) ?? .working
    switch try bytes.read(Int.self) {
    case 0: return (.part(try bytes.read(), Array(try bytes.rest())), stage)
    case 1:
      let isKnown: Bool = try bytes.read()
      let kind = Fault.Kind(rawValue: Int32(truncatingIfNeeded: try bytes.read(Int.self)))
      var fault = Fault(kind ?? .internalError, try bytes.read(), try bytes.read())
      fault.path = try bytes.read()
      fault.tensor = try bytes.read()
      return (.failed(fault, isKnown: isKnown), stage)
    default: return (.ended, stage)
    }
  }
}
