import Adapters
import Checkpoints
import Evaluation
import Faults
import Files
import Foundation
import JSON
import Models
import Progress
import Sessions
import Tensors
import TestSupport
import Testing

/// A PEFT adapter for classes on an encoder for masked tokens: its saved head is the model's, and the logits are PEFT's
/// (`golden/tools/make_classes.py`).
@Suite struct EncoderAdapterTests {
  private static let names = ["roberta-masked", "deberta-masked"]

  private func folder(_ name: String) -> String { Checkout.path("golden/models/\(name)") }

  private func session(_ name: String) throws -> BaseSession {
    try BaseSession(
      path: folder(name), cacheDirectory: nil, threads: 2, log: ProgressLog(style: .none))
  }

  @Test(arguments: names) func logitsArePEFTs(_ name: String) throws {
    let session = try session(name)
    let matched = try MatchedAdapter(
      try Adapter.open(folder(name) + "/adapter"), base: session.base)
    #expect(matched.updates.count == 4 && matched.parts.count == 4)
    #expect(!matched.adapter.warnings.contains { $0.kind == "AD-HEAD" })
    let changed = session.changed(by: matched.parts)
    #expect(changed.configuration.classHead?.count == 2)
    let decoder = Decoder(
      weights: try changed.weights(), updates: matched.decoderUpdates(layerCount: 2), threads: 1)
    let json = try JSONValue.parse(
      InputFile(folder(name) + "/case.json").readAll(limit: 1 << 20))
    func numbers(_ value: JSONValue?) -> [Int32] {
      (value?.arrayValue ?? []).compactMap { $0.intValue.map(Int32.init) }
    }
    var batch = TokenBatch()
    for tokens in json["parameters"]?["tokens"]?.arrayValue ?? [] {
      batch.append(whole: numbers(tokens["ids"]), position: 0, target: 0)
    }
    let logits = decoder.head.logits(try decoder.forward(batch))
    let file = try SafeTensorsFile.open(folder(name) + "/expected.safetensors")
    #expect(
      relativeError(logits.elements, try file.doubles(of: file.tensor("adapter.logits"))) < 1e-5)
  }

  /// A head for tokens has the shape of one for texts; what it is for is said by the configuration alone.
  @Test(arguments: names) func headsForTokensAreCarriedAndNotRun(_ name: String) throws {
    let session = try session(name)
    try withTemporaryDirectory { parent in
      let copy = parent + "/adapter"
      try FileManager.default.copyItem(atPath: folder(name) + "/adapter", toPath: copy)
      let path = copy + "/adapter_config.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains("\"SEQ_CLS\""))
      for task in ["SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"] {
        try text.replacingOccurrences(of: "SEQ_CLS", with: task)
          .write(toFile: path, atomically: true, encoding: .utf8)
        let matched = try MatchedAdapter(try Adapter.open(copy), base: session.base)
        #expect(matched.parts.count == 4)
        let found = fault { () throws(Fault) in try matched.checkAnswers() }
        #expect((found == nil) == (task == "SEQ_CLS"))
        if let found {
          #expect(found.code == "MD-HEAD" && found.exitCode == 69 && found.reason.contains(task))
        }
      }
    }
  }

  /// The base has nothing to answer with, so that it is measured with the adapter's head; the model itself stays without.
  @Test(arguments: names) func theBaseBorrowsTheHead(_ name: String) throws {
    let session = try session(name)
    let matched = try MatchedAdapter(
      try Adapter.open(folder(name) + "/adapter"), base: session.base)
    let changed = session.changed(by: matched.parts)
    #expect(changed.asBase.configuration.classHead?.count == 2)
    #expect(session.asBase === session && !session.configuration.answers)
    #expect(try DecoderWeights(base: session.base).classes == nil)
    #expect(try changed.asBase.weights().classes != nil)
  }

  /// Half a head is none: it is carried, and nothing runs it.
  @Test(arguments: names) func halfAHeadIsCarried(_ name: String) throws {
    let session = try session(name)
    let matched = try MatchedAdapter(
      try Adapter.open(folder(name) + "/adapter"), base: session.base)
    let half = matched.parts.filter { $0.module != session.configuration.classModules[0] }
    #expect(half.count == 2)
    #expect(session.changed(by: half).configuration.classHead == nil)
  }

  /// An adapter of the model without a head names its modules without the first component.
  @Test(arguments: names) func namesMayLackTheFirstComponent(_ name: String) throws {
    let session = try session(name)
    let adapter = try Adapter.open(folder(name) + "/adapter")
    let bare = adapter.updates.map { update in
      LowRankUpdate(
        moduleName: String(update.moduleName.drop { $0 != "." }.dropFirst()), loraA: update.loraA,
        loraB: update.loraB, scaling: update.scaling)
    }
    try withTemporaryDirectory { folder in
      try PEFTWriter.write(bare, to: folder + "/adapter", baseModelName: nil)
      let found = try Adapter.open(folder + "/adapter").matched(to: session.base.configuration)
      #expect(found.updates.map(\.moduleName) == adapter.updates.map(\.moduleName))
    }
  }
}
