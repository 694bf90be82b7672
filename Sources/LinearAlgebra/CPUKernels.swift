import CKernels
public import Faults

/// Which kernels of our own run: the CPU's quickest, or others of its that `XSPRESS_CPU` asks for.
///
/// Levels differ in the width of a vector, so in the order of sums and in last bits: a golden answer is met by each
/// within its tolerance, and an artifact is equal byte for byte on one level alone.
public enum CPUKernels {
  /// The environment variable that asks for a level.
  public static let variable = "XSPRESS_CPU"

  /// The level in force: `generic`, `avx2`, `avx512` or `avx512bf16`.
  public static var name: String { String(cString: cpu_name(cpu_level())) }

  /// The levels of this CPU, the lowest first.
  public static var available: [String] {
    (0...cpu_best()).map { String(cString: cpu_name($0)) }
  }

  /// Whether products of bfloat16 are the CPU's own, and quick; else pairs are widened, which halves the memory and takes longer.
  public static var multipliesBFloat16: Bool { cpu_level() >= Int32(CPU_AVX512BF16) }

  /// Refuses a level that the CPU has not, or that there is not.
  ///
  /// - Throws: 64 `CPU`, naming those there are.
  public static func check() throws(Fault) {
    let asked = cpu_asked()
    guard asked < 0 || asked > cpu_best() else { return }
    let found = asked < 0 ? "is none of the levels" : "asks for \(String(cString: cpu_name(asked)))"
    throw Fault(
      .usage, "CPU", "\(variable) \(found); this CPU has \(available.joined(separator: ", "))")
  }
}
