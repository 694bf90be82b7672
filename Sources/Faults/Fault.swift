/// The one error type of the project: what went wrong, where, and what a caller can do about it.
///
/// Printed as `error: <path>[: tensor "<name>"]: <reason>: <code>`, one line of at most 400 bytes
/// (`formats/errors.md` §1). Libraries throw it typed; only the command turns it into an exit code.
public struct Fault: Error, Hashable, Sendable {
  /// What kind of failure this is; decides the exit code (`formats/errors.md` §2).
  public enum Kind: Int32, Hashable, Sendable, CaseIterable {
    /// The command line makes no sense.
    case usage = 64
    /// An input is damaged or contradicts itself; trying again cannot help.
    case badData = 65
    /// An input is missing or unreadable.
    case missingInput = 66
    /// An input is well-formed but uses something this version does not support.
    case unsupported = 69
    /// A broken invariant of this program.
    case internalError = 70
    /// The work would exceed the memory or descriptor budget.
    case resources = 71
    /// The output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed.
    case io = 74
    /// A condition that may pass: disk full, lock held, input changed while being read.
    case temporary = 75
  }

  /// What kind of failure this is.
  public var kind: Kind
  /// A short stable word for scripts and tests, such as `ST-SIZE`.
  public var code: String
  /// The file concerned, if any.
  public var path: String?
  /// The tensor, module or field concerned, if any.
  public var tensor: String?
  /// What was expected and what was found, with the numbers.
  public var reason: String

  /// Creates a fault; `path` and `tensor` may be added later by ``at(path:tensor:)``.
  public init(
    _ kind: Kind, _ code: String, _ reason: String, path: String? = nil, tensor: String? = nil
  ) {
    self.kind = kind
    self.code = code
    self.path = path
    self.tensor = tensor
    self.reason = reason
  }

  /// The same fault with the file and tensor filled in where they were unknown.
  public func at(path: String? = nil, tensor: String? = nil) -> Fault {
    var copy = self
    copy.path = copy.path ?? path
    copy.tensor = copy.tensor ?? tensor
    return copy
  }

  /// The process exit code for this fault.
  public var exitCode: Int32 { kind.rawValue }
}
