import Evaluation
import Faults
public import Files
import LinearAlgebra

/// A cache of states for one teacher.
public final class TeacherStateStore {
  /// The cache.
  let cache: TeacherStateCache
  private let teacher: SHA256Digest
  /// Why states were not kept, if they were not: said once, the run goes on.
  public private(set) var warning: String?

  /// States of the teacher that `identity` names: its base with everything that changes its values, and its adapter.
  public init(cache: TeacherStateCache, identity: SHA256Digest) {
    self.cache = cache
    teacher = identity
  }

  /// Names a chunk's states: the teacher, the tokens in order, and what changes the last bits of products.
  func key(_ chunk: [TokenizedExample]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(teacher.bytes)
    hasher.update(Array("\(OpenBLAS.coreName) \(CPUKernels.name)".utf8))
    for example in chunk { example.update(&hasher) }
    return hasher.finalize()
  }

  func keep(_ values: [Float], for key: SHA256Digest) {
    guard warning == nil else { return }
    do throws(Fault) {
      try cache.write(values, for: key)
    } catch {
      warning = "the teacher's states were not cached: \(error)"
    }
  }
}
