import Faults
import JSON

extension JSONValue {
  /// The document with a last member `warnings`, one line a kind.
  func adding(warnings: [Warning]) -> JSONValue {
    guard var object = objectValue else { return self }
    object["warnings"] = .array(warnings.lines.map { .string($0) })
    return .object(object)
  }
}
