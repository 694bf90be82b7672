public import ArgumentParser
import Faults
public import Fleet
import Progress
import Recipes

/// `xspress emit slurm|k8s|snakemake RUN`.
struct EmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit",
    abstract: "Prints what an engine needs to do a planned run.",
    discussion: """
      Nothing is submitted. A part that exits with 75, 137 or 143 is tried again, as often as --retries says; any other \
      failure is final. The report is collected whatever became of the parts.

      EXAMPLES
        xspress emit slurm run --shards 16 > submit.sh && bash submit.sh
        xspress emit k8s /data/run \\
          --image registry/xspress:1 --claim data --queue batch | kubectl apply -f -
        xspress emit snakemake run > Snakefile && snakemake --cores 8
      """)

  @Argument(help: "slurm, k8s or snakemake.")
  var engine: Submission.Engine

  @Argument(help: "The run directory, as the engine's machines see it.")
  var runDirectory: String

  @Option(help: "Parts (default: one for 25 jobs; needs the run's plan).")
  var shards: Int?

  @Option(help: "Cores of a part.")
  var cpus = 4

  @Option(help: "Memory of a part, such as 8GB.")
  var mem = "8GB"

  @Option(help: "Time limit of a part in minutes.")
  var minutes = 120

  @Option(help: "How often a part is tried again.")
  var retries = 3

  @Option(help: "Parts at once.")
  var parallel = 64

  @Option(help: "slurm: largest array, below MaxArraySize of the site.")
  var largestArray = 1000

  @Option(help: "k8s: the container image.")
  var image = "xspress:latest"

  @Option(help: "k8s: the PersistentVolumeClaim that holds the run and its inputs.")
  var claim = "xspress"

  @Option(help: "k8s: where the claim is mounted.")
  var mount = "/data"

  @Option(help: "k8s: a Kueue queue.")
  var queue: String?

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let jobs = try shards == nil ? RunPlan.read(RunDirectory(runDirectory)).plan.jobs.count : 0
    let mount = mount.split(separator: "/").reduce("") { "\($0)/\($1)" }
    if engine == .k8s, !(runDirectory + "/").hasPrefix(mount + "/") {
      shared.progress.warn([
        Warning(
          "EMIT",
          "pods see the claim at \(mount), and the run does not lie there: plan it with paths below that (--mount)",
          subject: runDirectory)
      ])
    }
    var submission = Submission(run: runDirectory, jobs: jobs)
    if let shards { submission.shards = shards }
    submission.cpus = cpus
    submission.memory = try ByteSize.parse(mem)
    submission.minutes = minutes
    submission.retries = retries
    submission.parallel = parallel
    submission.largestArray = largestArray
    submission.image = image
    submission.claim = claim
    submission.mount = mount.isEmpty ? "/" : mount
    submission.queue = queue
    try StandardOutput.write(try submission.text(for: engine))
  }
}

extension Submission.Engine: ExpressibleByArgument {}
