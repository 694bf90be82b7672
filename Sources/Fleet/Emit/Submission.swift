public import Faults
import Files

/// What an engine is asked to run: the parts of a planned run, then `collect` (`formats/run.md` §5).
public struct Submission: Sendable {
  /// An engine.
  public enum Engine: String, Sendable, CaseIterable {
    /// A script that submits arrays with sbatch.
    case slurm
    /// Indexed Jobs.
    case k8s
    /// A Snakefile.
    case snakemake
  }

  /// The run directory, as the machines see it.
  public var run: String
  /// Parts.
  public var shards: Int
  /// Cores of a part.
  public var cpus = 4
  /// Memory of a part in bytes.
  public var memory = 8_000_000_000
  /// Time limit of a part in minutes.
  public var minutes = 120
  /// How often a part is tried again after an exit code that says so.
  public var retries = 3
  /// Parts at once.
  public var parallel = 64
  /// Largest number of elements of a Slurm array: `MaxArraySize − 1`.
  public var largestArray = 1000
  /// A container image with `xspress` in it.
  public var image = "xspress:latest"
  /// The PersistentVolumeClaim that holds the run and its inputs.
  public var claim = "xspress"
  /// Where it is mounted; paths in the manifest start there.
  public var mount = "/data"
  /// A Kueue queue, if any.
  public var queue: String?

  /// The parts of a run, about 25 jobs each.
  public init(run: String, jobs: Int) {
    self.run = run
    shards = max((jobs + 24) / 25, 1)
  }

  /// The text to submit.
  ///
  /// - Throws: 64 `EMIT` for numbers that no engine takes.
  public func text(for engine: Engine) throws(Fault) -> String {
    let counts = [shards, cpus, minutes, max(retries, 1), parallel, largestArray]
    guard retries >= 0, counts.allSatisfy({ (1...Submission.most).contains($0) }),
      (1_000_000...1 << 50).contains(memory)
    else {
      throw Fault(
        .usage, "EMIT",
        "parts, cores, minutes and elements are from 1 to \(Submission.most), memory from 1MB to 1PiB"
      )
    }
    return switch engine {
    case .slurm: slurm
    case .k8s: kubernetes
    case .snakemake: snakemake
    }
  }

  /// Exit codes after which a part is tried again: temporary, killed (most likely for memory, or by the engine), stopped.
  static let retried = [75, 137, 143]

  /// More of anything than an engine has.
  private static let most = 100_000_000

  /// Mebibytes, rounded up.
  var mebibytes: Int { (memory + (1 << 20) - 1) >> 20 }

  /// The run's name as a DNS label with room for a suffix.
  var label: String {
    let name = Paths.name(of: run).lowercased().map { character -> Character in
      character.isASCII && (character.isLetter || character.isNumber) ? character : "-"
    }
    let trimmed = String(name.prefix(40)).split(separator: "-").joined(separator: "-")
    return "xspress-" + (trimmed.isEmpty ? "run" : trimmed)
  }
}

extension String {
  /// The text as one word of a POSIX shell.
  public var shellWord: String {
    let isPlain =
      !isEmpty
      && unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || "0123456789_-+=./:,%@".unicodeScalars.contains($0))
      }
    return isPlain ? self : "'" + replacing("'", with: "'\\''") + "'"
  }
}
