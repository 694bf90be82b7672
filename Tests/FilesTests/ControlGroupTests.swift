import Files
import TestSupport
import Testing

@Suite struct ControlGroupTests {
  private func write(_ folder: String, _ files: [String: String]) throws {
    for (name, text) in files {
      try Paths.makeDirectory(Paths.parent(of: Paths.join(folder, name)))
      try AtomicFile.write(Paths.join(folder, name), text: text)
    }
  }

  @Test func version2TakesTheTightestOfTheGroupsAbove() throws {
    try withTemporaryDirectory { root in
      try write(
        root,
        [
          "cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n",
          "a/b/cpu.max": "400000 100000\n",
          "a/memory.max": "1000000\n", "a/memory.current": "600000\n",
          "a/memory.stat": "anon 1\ninactive_file 100000\n", "a/b/memory.max": "max\n",
        ])
      let group = ControlGroup(root: root, membership: "0::/a/b\n")
      #expect(group.cores == 2)
      #expect(group.availableMemory == 500_000)
      let other = ControlGroup(root: root, membership: "0::/\n")
      #expect(other.cores == nil && other.availableMemory == nil)
    }
  }

  /// In a container the path is the host's, the files are at the top.
  @Test func version1AndPathsOfTheHost() throws {
    try withTemporaryDirectory { root in
      try write(
        root,
        [
          "cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n",
          "memory/memory.limit_in_bytes": "9223372036854771712\n",
          "memory/g/memory.limit_in_bytes": "4096\n", "memory/g/memory.usage_in_bytes": "8192\n",
        ])
      let group = ControlGroup(
        root: root, membership: "4:cpu,cpuacct:/docker/abc\n5:memory:/g\n1:name=systemd:/\n")
      #expect(group.cores == 3)
      #expect(group.availableMemory == 0)
    }
  }

  @Test func threadsAreClipped() throws {
    #expect(ProcessLimits.mostThreads(cores: 2) == 4)
    #expect(ProcessLimits.mostThreads(cores: 32) == 32)
    #expect(try ProcessLimits.threads(wanted: 1000, cores: 2) <= 4)
    #expect(ProcessLimits.cores >= 1)
  }
}
