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

  /// Where an array is not all parts in turn, which part an element is nobody can tell.
  @Test(
    arguments: [
      (["TASK_ID": "6", "TASK_MIN": "6", "TASK_MAX": "7"], 8),
      (["TASK_ID": "4", "TASK_MIN": "0", "TASK_MAX": "6", "TASK_COUNT": "4"], nil),
      (["TASK_ID": "6", "TASK_MIN": "0", "TASK_MAX": "6", "TASK_COUNT": "2"], 7),
      (["TASK_ID": "1", "TASK_MIN": "0", "TASK_MAX": "9223372036854775807"], 4),
      (
        ["TASK_ID": "9223372036854775807", "TASK_MIN": "0", "TASK_MAX": "9223372036854775807"], nil
      ),
      (["TASK_ID": "1", "TASK_MIN": "3", "TASK_MAX": "2"], nil),
    ] as [([String: String], Int?)])
  func arraysThatAreNotAllParts(variables: [String: String], count: Int?) {
    let environment = Dictionary(
      uniqueKeysWithValues: variables.map { ("SLURM_ARRAY_\($0)", $1) })
    #expect(
      fault { () throws(Fault) in try Shard.ofEngine(environment, count: count) }?.code == "SHARD")
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
