import Faults
import Fleet
import TestSupport
import Testing

/// Which part of a run a process is.
@Suite struct ShardTests {
  @Test func writtenParts() {
    #expect(Shard("3/8")?.description == "3/8")
    for text in ["", "3", "8/8", "-1/8", "1/0", "1/2/3", "a/b", "1 /2", "+1/2"] {
      #expect(Shard(text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    (
      ["SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_MAX": "9"], "3/6"
    ),
    (["SGE_TASK_ID": "1", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "5"], "0/5"),
  ])
  func enginesThatSayHowMany(environment: [String: String], part: String) throws {
    #expect(try Shard.ofEngine(environment)?.description == part)
  }

  @Test(arguments: [
    (["SLURM_ARRAY_TASK_ID": "0"], "0/4"), (["JOB_COMPLETION_INDEX": "3"], "3/4"),
    (["PBS_ARRAY_INDEX": "2"], "2/4"), (["SGE_TASK_ID": "4"], "3/4"),
  ])
  func enginesThatDoNot(environment: [String: String], part: String) throws {
    #expect(try Shard.ofEngine(environment, count: 4)?.description == part)
  }

  @Test func outsideOfArrays() throws {
    #expect(try Shard.ofEngine([:]) == nil)
    #expect(try Shard.ofEngine(["SGE_TASK_ID": "undefined"], count: 3) == nil)
    #expect(
      fault { () throws(Fault) in try Shard.ofEngine(["JOB_COMPLETION_INDEX": "4"], count: 4) }?
        .code == "SHARD")
    // Without a number of parts nobody knows what a whole is.
    #expect(
      fault { () throws(Fault) in try Shard.ofEngine(["PBS_ARRAY_INDEX": "1"]) }?.code == "SHARD")
    #expect(
      fault { () throws(Fault) in try Shard.ofEngine(["SGE_TASK_ID": "0"], count: 4) }?.code
        == "SHARD")
  }
}
