import Faults
import Files
import Glibc

/// The functions of `MPI/xspress_mpi.c`, from a library that is loaded when they are first wanted.
struct MPIShim: Sendable {
  /// What ``MPI/xspress_mpi.c`` calls its version.
  private static let version: Int32 = 1
  /// The library's file.
  static let name = "libxspress-mpi.so"

  typealias Call = @convention(c) @Sendable () -> Int32
  typealias Number = @convention(c) @Sendable (UnsafeMutablePointer<Int32>) -> Int32
  typealias GatherCounts =
    @convention(c) @Sendable (UInt64, UnsafeMutablePointer<UInt64>) -> Int32
  typealias GatherBytes =
    @convention(c) @Sendable (
      UnsafeRawPointer?, UnsafeMutableRawPointer?, UnsafePointer<UInt64>
    ) -> Int32
  typealias Explain =
    @convention(c) @Sendable (Int32, UnsafeMutablePointer<CChar>, Int32) -> Void

  let initialize: Call
  let rank: Number
  let size: Number
  let gatherCounts: GatherCounts
  let gatherBytes: GatherBytes
  let finalize: Call
  let explain: Explain

  /// Loads the library at `named`, or where it is installed: beside the program, or in `../lib/xspress`.
  ///
  /// - Throws: 66 `MPI-SHIM` where there is none; 69 where it does not load or is another version's.
  init(named: String?) throws(Fault) {
    let folder = Paths.parent(of: RankPlace.program)
    let places =
      named.map { [$0] } ?? [
        "\(folder)/\(MPIShim.name)", "\(folder)/../lib/xspress/\(MPIShim.name)",
      ]
    guard let path = places.first(where: { access($0, R_OK) == 0 }) else {
      throw Fault(
        .missingInput, "MPI-SHIM",
        "no \(MPIShim.name) in \(places.joined(separator: " or ")): build it with mpicc (make mpi-shim), or name it "
          + "in XSPRESS_MPI")
    }
    // Global, since an MPI library loads parts of itself that look for its symbols there.
    guard let library = dlopen(path, RTLD_NOW | RTLD_GLOBAL) else {
      throw Fault(
        .unsupported, "MPI-SHIM", "does not load: \(dlerror().map { String(cString: $0) } ?? "")",
        path: path)
    }
    func symbol(_ name: String) throws(Fault) -> UnsafeMutableRawPointer {
      guard let symbol = dlsym(library, "xspress_mpi_" + name) else {
        throw Fault(.unsupported, "MPI-SHIM", "has no xspress_mpi_\(name)", path: path)
      }
      return symbol
    }
    let found = unsafeBitCast(try symbol("version"), to: Call.self)()
    guard found == MPIShim.version else {
      throw Fault(
        .unsupported, "MPI-SHIM",
        "is of version \(found), \(MPIShim.version) is needed: build it again", path: path)
    }
    initialize = unsafeBitCast(try symbol("init"), to: Call.self)
    rank = unsafeBitCast(try symbol("rank"), to: Number.self)
    size = unsafeBitCast(try symbol("size"), to: Number.self)
    gatherCounts = unsafeBitCast(try symbol("allgather_counts"), to: GatherCounts.self)
    gatherBytes = unsafeBitCast(try symbol("allgather_bytes"), to: GatherBytes.self)
    finalize = unsafeBitCast(try symbol("finalize"), to: Call.self)
    explain = unsafeBitCast(try symbol("error"), to: Explain.self)
  }

  /// Calls an MPI function.
  ///
  /// - Throws: 74 `MPI` with the library's reason.
  func check(_ what: String, _ call: () -> Int32) throws(Fault) {
    let status = call()
    guard status != 0 else { return }
    var text = [CChar](repeating: 0, count: 512)
    explain(status, &text, Int32(text.count))
    let reason = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw Fault(.io, "MPI", "\(what): \(String(decoding: reason, as: UTF8.self))")
  }
}
