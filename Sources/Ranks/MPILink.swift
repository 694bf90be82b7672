public import Faults

/// The processes that `mpirun` has started together; of a program started alone, one.
///
/// All calls are made by the thread that opens it.
public final class MPILink: RankLink {
  /// As MPI_COMM_WORLD numbers it.
  public let rank: Int
  /// Processes of MPI_COMM_WORLD.
  public let count: Int
  private let shim: MPIShim

  /// Loads the library and joins the others.
  ///
  /// - Parameter library: The library to load, as `XSPRESS_MPI` names it; nil looks beside the program.
  /// - Throws: 66 or 69 `MPI-SHIM` for a library that is not there or does not fit; 74 `MPI`.
  public init(library: String?) throws(Fault) {
    let shim = try MPIShim(named: library)
    try shim.check("MPI_Init_thread") { shim.initialize() }
    var (rank, size): (Int32, Int32) = (0, 0)
    try shim.check("MPI_Comm_rank") { shim.rank(&rank) }
    try shim.check("MPI_Comm_size") { shim.size(&size) }
    self.shim = shim
    self.rank = Int(rank)
    count = Int(size)
  }

  /// Everybody's bytes, by rank.
  ///
  /// - Throws: 74 `MPI`.
  public func allGather(_ bytes: [UInt8]) throws(Fault) -> [[UInt8]] {
    var counts = [UInt64](repeating: 0, count: count)
    try shim.check("MPI_Allgather") { shim.gatherCounts(UInt64(bytes.count), &counts) }
    let total = counts.reduce(0) { $0 + Int($1) }
    var status: Int32 = 0
    let all = [UInt8](unsafeUninitializedCapacity: total) { all, filled in
      status = bytes.withUnsafeBytes { shim.gatherBytes($0.baseAddress, all.baseAddress, counts) }
      filled = total
    }
    try shim.check("MPI_Bcast") { status }
    var place = 0
    return counts.map { count in
      defer { place += Int(count) }
      return Array(all[place..<place + Int(count)])
    }
  }

  /// Ends MPI; nothing is exchanged afterwards.
  public func finalize() throws(Fault) { try shim.check("MPI_Finalize") { shim.finalize() } }
}
