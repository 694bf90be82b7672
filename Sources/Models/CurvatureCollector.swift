public import Checkpoints
import LinearAlgebra
import Synchronization
import Threads

/// Collects ``CurvatureSums`` during backward passes of several decoders at once.
///
/// There is one set of sums however many decoders there are, and every module's are added to in the order of the
/// batches: neither memory nor bits depend on the number of threads. Batches pass the modules in the same order, so one
/// waits for the batch before it for no longer than a module's sum takes.
public final class CurvatureCollector: Sendable {
  /// The sums of a module.
  private final class Lane: Sendable {
    let turnstile = Turnstile()
    /// Nil where another module has the same inputs.
    let input: Mutex<SymmetricSum>?
    let output: Mutex<SymmetricSum>

    let inFeatures: Int

    init(_ module: LinearModule, ownsInput: Bool) {
      inFeatures = module.inFeatures
      input = ownsInput ? Mutex(SymmetricSum(size: module.inFeatures)) : nil
      output = Mutex(SymmetricSum(size: module.outFeatures))
    }
  }

  private let inputOwners: [CurvatureSums.Key: CurvatureSums.Key]
  private let lanes: [CurvatureSums.Key: Lane]
  private let tokenCount = Mutex(0)

  /// A collector for models of this shape; holds all it will need, ``CurvatureSums/byteCount(_:)``.
  public init(_ configuration: DecoderConfiguration) {
    inputOwners = CurvatureSums.inputOwners(configuration)
    var lanes: [CurvatureSums.Key: Lane] = [:]
    for module in configuration.linearModules {
      let key = CurvatureSums.Key(module)
      lanes[key] = Lane(module, ownsInput: inputOwners[key] == key)
    }
    self.lanes = lanes
  }

  /// What the backward pass of batch `number` adds to; batches are numbered from 0 without gaps.
  public func accumulator(batch number: Int) -> CurvatureAccumulator {
    CurvatureAccumulator(self, batch: number)
  }

  /// Ends all waiting: a batch has failed, and the sums are worth nothing.
  public func cancel() {
    for lane in lanes.values { lane.turnstile.close() }
  }

  /// What has been seen, once all batches are through.
  public var sums: CurvatureSums {
    CurvatureSums(
      inputs: lanes.compactMapValues { lane in lane.input?.withLock { $0 } },
      outputs: lanes.mapValues { lane in lane.output.withLock { $0 } }, inputOwners: inputOwners,
      tokenCount: tokenCount.withLock { $0 })
  }

  func addTokens(_ count: Int) {
    tokenCount.withLock { $0 += count }
  }

  /// Adds `xᵀx` for the module's inputs `[tokens, in]` and `gᵀg` for its output gradients `[tokens, out]`, which
  /// lie in rows of `stride`, when all batches before have.
  func add(
    _ layer: Int, _ kind: LinearKind, batch: Int, input: UnsafePointer<Float>,
    gradient: UnsafePointer<Float>, stride: Int, tokens: Int
  ) {
    guard let lane = lanes[CurvatureSums.Key(layer: layer, kind: kind)] else { return }
    lane.turnstile.pass(batch) {
      lane.input?.withLock { $0.add(input, rows: tokens, stride: lane.inFeatures) }
      lane.output.withLock { $0.add(gradient, rows: tokens, stride: stride) }
    }
  }
}
