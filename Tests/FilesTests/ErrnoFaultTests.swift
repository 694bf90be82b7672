import Faults
import Files
import Glibc
import Testing

/// What a number of the system means for a file that is opened (`formats/errors.md` §2).
@Suite struct ErrnoFaultTests {
  static let numbers: [(number: Int32, code: String, exitCode: Int32)] = [
    (EMFILE, "IO-LIMIT", 71), (ENFILE, "IO-LIMIT", 71), (ENOMEM, "IO-LIMIT", 71),
    (EAGAIN, "IO-AGAIN", 75), (ESTALE, "IO-AGAIN", 75), (ETXTBSY, "IO-AGAIN", 75),
    (ENXIO, "PATH", 65), (EIO, "IO-READ", 74), (ENODEV, "IO-READ", 74), (ENOENT, "IO-OPEN", 66),
    (EACCES, "IO-OPEN", 66), (ELOOP, "IO-OPEN", 66),
  ]

  @Test(arguments: numbers)
  func everyNumberHasItsCode(_ item: (number: Int32, code: String, exitCode: Int32)) {
    let found = Fault.cannotOpen("/a", errno: item.number)
    #expect(found.code == item.code && found.exitCode == item.exitCode && found.path == "/a")
    #expect(item.code == "PATH" || found.reason.contains(Fault.text(errno: item.number)))
  }
}
