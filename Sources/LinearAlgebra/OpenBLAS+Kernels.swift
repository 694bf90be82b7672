import CKernels
import Foundation

/// Kernels for CPUs that are newer than the library.
extension OpenBLAS {
  /// What chooses the kernels, read once, when the library is loaded.
  public static let variable = "OPENBLAS_CORETYPE"

  /// Families without AVX2: what the library takes a CPU for that it does not know.
  private static let old: Set<String> = [
    "Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2", "Penryn",
    "Dunnington",
    "Nehalem", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Nano",
  ]

  /// The family that serves a CPU whose best level is `level` (`cpu.h`) where the library took it for `core`; nil where that is no
  /// mistake.
  package static func family(of core: String, level: String) -> String? {
    guard old.contains(core) else { return nil }
    switch level {
    case "avx2": return "Haswell"
    case "avx512", "avx512bf16": return "SkylakeX"
    default: return nil
    }
  }

  /// Starts the program again with kernels for this CPU where the library took it for an old one and nobody has chosen.
  ///
  /// OpenBLAS 0.3.21 (Debian 12) knows no Intel CPU after Sapphire Rapids and takes it for a Prescott of 2004: a calibrated conversion
  /// took 1.7 times as long. There is no call that changes kernels. To be called before anything else: arguments, descriptors and the
  /// environment but for ``variable`` stay. Where it cannot be done nothing happens.
  public static func restartWithKernels() {
    guard getenv(variable) == nil,
      let family = family(of: coreName, level: CPUKernels.available.last ?? ""),
      setenv(variable, family, 1) == 0
    else { return }
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    unsetenv(variable)
  }
}
