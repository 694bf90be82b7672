import ArgumentParser
import Faults
import Foundation
import LinearAlgebra

/// The entry point: parses, runs, and turns every failure into one line and a documented exit code.
@main struct XSPress {
  static func main() {
    // A closed pipe is an error of the write, not a signal; a full file system likewise.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    Interruption.install()
    ProcessMemory.keepFreed()
    do {
      try CPUKernels.check()
      var command = try RootCommand.parseAsRoot()
      try command.run()
    } catch let fault as Fault {
      fail(fault)
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      guard RootCommand.exitCode(for: error) == .success else { fail(usage(error)) }
      RootCommand.exit(withError: error)
    }
  }

  private static func fail(_ fault: Fault) -> Never {
    FileHandle.standardError.write(Data((fault.line + "\n").utf8))
    exit(fault.exitCode)
  }

  /// The parser's message without its usage text, which `--help` shows.
  private static func usage(_ error: any Error) -> Fault {
    let message = RootCommand.message(for: error)
    let first = message.split(separator: "\n").first.map(String.init) ?? "bad command line"
    return Fault(.usage, "USAGE", "\(first); see xspress --help")
  }
}
