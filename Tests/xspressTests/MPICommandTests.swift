import Files
import TestSupport
import Testing

/// `tune --mpi` where what it needs is not there; the rest is `Tests/Cluster/mpi.sh`.
@Suite struct MPICommandTests {
  private func tune(_ folder: String, library: String) throws -> Tool.Outcome {
    try Tool.run(
      [
        "tune", "--mpi", "--base", Checkout.path("golden/tiny/model"), "--adapter",
        Checkout.path("golden/tiny/adapter"), "--rank", "4", "--train", "\(folder)/none.jsonl",
        "-o",
        "\(folder)/a.loraxs",
      ], cache: folder, environment: ["XSPRESS_MPI": library])
  }

  @Test func aMissingLibraryIsNamed() throws {
    try withTemporaryDirectory { folder in
      let outcome = try tune(folder, library: "\(folder)/none.so")
      #expect(outcome.status == 66)
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("no libxspress-mpi.so in \(folder)/none.so"), "\(outcome)")
      #expect(outcome.errors.hasSuffix("MPI-SHIM\n"))
    }
  }

  @Test func aFileThatIsNoLibraryIsRefused() throws {
    try withTemporaryDirectory { folder in
      try AtomicFile.write("\(folder)/text.so", text: "no library")
      let outcome = try tune(folder, library: "\(folder)/text.so")
      #expect(outcome.status == 69)
      #expect(outcome.errorLines.count == 1 && outcome.errors.hasSuffix("MPI-SHIM\n"), "\(outcome)")
    }
  }
}
