public import Faults
import Glibc

extension Fault {
  /// The system's text for an error number, such as `No space left on device`.
  public static func text(errno number: Int32) -> String {
    guard let text = strerror(number) else { return "error \(number)" }
    return String(cString: text)
  }

  /// The fault for a path that cannot be opened or listed (`formats/errors.md` §2).
  public static func cannotOpen(_ path: String, errno number: Int32) -> Fault {
    switch number {
    case EMFILE, ENFILE, ENOMEM:
      Fault(.resources, "IO-LIMIT", "cannot open: \(text(errno: number))", path: path)
    case EAGAIN, ESTALE, ETXTBSY:
      Fault(.temporary, "IO-AGAIN", "cannot open: \(text(errno: number))", path: path)
    case ENXIO:
      // Opening a socket says so.
      Fault(.badData, "PATH", "not a regular file", path: path)
    case EIO, ENODEV:
      Fault(.io, "IO-READ", "cannot open: \(text(errno: number))", path: path)
    default:
      Fault(.missingInput, "IO-OPEN", "cannot open: \(text(errno: number))", path: path)
    }
  }

  /// The fault for a failed read at `offset`.
  static func cannotRead(_ path: String, offset: Int, errno number: Int32) -> Fault {
    let isTemporary = number == EAGAIN || number == ESTALE
    return Fault(
      isTemporary ? .temporary : .io, isTemporary ? "IO-AGAIN" : "IO-READ",
      "cannot read at byte \(offset): \(text(errno: number))", path: path)
  }

  /// The fault for a directory whose entries cannot be read.
  static func cannotList(_ path: String, errno number: Int32) -> Fault {
    var fault = cannotRead(path, offset: 0, errno: number)
    fault.reason = "cannot read the directory: \(text(errno: number))"
    return fault
  }

  /// The fault for a failed write, sync, close or rename of an output.
  static func cannotWrite(
    _ path: String, step: String, errno number: Int32, needed: Int? = nil
  ) -> Fault {
    switch number {
    case ENOSPC, EDQUOT:
      let need = needed.map { "needs \($0) bytes, " } ?? ""
      let free = Paths.freeBytes(at: Paths.parent(of: path)).map { "\($0) bytes free" }
      return Fault(
        .temporary, "OUT-FULL",
        "cannot \(step): \(text(errno: number)) (\(need)\(free ?? "free space unknown"))",
        path: path)
    case EAGAIN, ESTALE:
      return Fault(
        .temporary, "OUT-AGAIN", "cannot \(step): \(text(errno: number))", path: path)
    case EMFILE, ENFILE, ENOMEM:
      return Fault(.resources, "IO-LIMIT", "cannot \(step): \(text(errno: number))", path: path)
    case ENOENT, EACCES, EPERM, EROFS, EISDIR, ENOTDIR, EEXIST, ENAMETOOLONG, ELOOP, EXDEV,
      ENOTEMPTY, EBUSY:
      return Fault(
        .cannotCreate, "OUT-CREATE", "cannot \(step): \(text(errno: number))", path: path)
    default:
      return Fault(.io, "OUT-WRITE", "cannot \(step): \(text(errno: number))", path: path)
    }
  }
}
