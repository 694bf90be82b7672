import ArgumentParser
import Faults
import Files
import Foundation
import LinearAlgebra

/// The entry point: parses, runs, and turns every failure into one line and a documented exit code.
@main struct XSPress {
  static func main() {
    OpenBLAS.restartWithKernels()
    ProcessLimits.reserveStandardDescriptors()
    // A closed pipe is an error of the write, not a signal; a full file system likewise.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    Interruption.install()
    ProcessMemory.keepFreed()
    do {
      try ProcessLimits.checkDescriptors()
      try CPUKernels.check()
      try CommandLineText.checkEncoding()
      try UsageText.checkHelp(Array(CommandLine.arguments.dropFirst()))
      var command = try RootCommand.parseAsRoot()
      try command.run()
    } catch let fault as Fault {
      fail(fault)
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      guard RootCommand.exitCode(for: error) == .success else {
        fail(UsageText(Array(CommandLine.arguments.dropFirst())).fault(error))
      }
      help(RootCommand.fullMessage(for: error))
    }
  }

  /// Help and version, which are results like others.
  private static func help(_ text: String) -> Never {
    do throws(Fault) {
      try StandardOutput.write(text)
    } catch {
      fail(error)
    }
    exit(0)
  }

  private static func fail(_ fault: Fault) -> Never {
    var fault = fault
    if fault.code == Interruption.code { fault.reason += "; go on with: \(CommandLineText.own)" }
    // That nobody reads it is no reason to crash.
    _ = Array((fault.line + "\n").utf8).withUnsafeBytes {
      SystemCalls.posix.write(STDERR_FILENO, $0)
    }
    exit(fault.exitCode)
  }
}
