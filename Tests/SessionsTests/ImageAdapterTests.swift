import Adapters
import Checkpoints
import Evaluation
import Faults
import Models
import Progress
import Sessions
import Tensors
import TestSupport
import Testing

/// A PEFT adapter for classes of images, whose modules have the names of Transformers' class and not those of its files: the logits
/// are PEFT's (`golden/tools/make_images.py`).
@Suite struct ImageAdapterTests {
  private static let base = Checkout.path("golden/models/vit")

  @Test func logitsArePEFTs() throws {
    let session = try BaseSession(
      path: Self.base, cacheDirectory: nil, threads: 2, log: ProgressLog(style: .none))
    let matched = try MatchedAdapter(try Adapter.open(Self.base + "/adapter"), base: session.base)
    #expect(matched.updates.count == 4 && matched.parts.count == 2)
    let names = matched.updates.map(\.moduleName)
    #expect(names.allSatisfy { $0.hasPrefix("vit.encoder.layer.") }, "\(names)")
    let changed = session.changed(by: matched.parts)
    let decoder = Decoder(
      weights: try changed.weights(), updates: matched.decoderUpdates(layerCount: 2), threads: 1)
    let examples = try withTemporaryDirectory { folder in
      try ImageFiles.copy(to: folder)
      let set = try DataSet(path: folder + "/rows.jsonl")
      let shape = try #require(session.configuration.imageShape)
      return try set.tokenized(by: nil, for: session.configuration) { () throws(Fault) in
        nil
      } imageProcessing: { () throws(Fault) in
        try session.base.imageProcessing(shape)
      }
    }
    let batch = examples.reduce(into: TokenBatch()) { $0.append($1) }
    #expect(batch.images.count == 4)
    let logits = decoder.head.logits(try decoder.forward(batch))
    let file = try SafeTensorsFile.open(Self.base + "/expected.safetensors")
    #expect(
      relativeError(logits.elements, try file.doubles(of: file.tensor("adapter.logits"))) < 1e-5)
  }

  /// A file of images counts once for `--memory`, whatever is made of its rows, and the largest once more.
  @Test func imagesCountForMemory() throws {
    let session = try BaseSession(
      path: Self.base, cacheDirectory: nil, threads: 2, log: ProgressLog(style: .none)
    ).changed(
      by: MatchedAdapter(
        try Adapter.open(Self.base + "/adapter"),
        base: BaseCheckpoint.open(Self.base)
      ).parts)
    let shape = try #require(session.configuration.imageShape)
    try withTemporaryDirectory { folder in
      try ImageFiles.copy(to: folder)
      let examples = try session.tokenized(DataSet(path: folder + "/rows.jsonl"))
      var demand = MemoryPlan.Demand()
      #expect(demand.imageBytes == 0)
      demand.add(forward: examples)
      demand.add(recorded: examples, together: false)
      #expect(demand.imageBytes == 2 * 4 * shape.height * shape.width * shape.channels)
      #expect(demand.union(demand).imageBytes == demand.imageBytes)
    }
  }
}
