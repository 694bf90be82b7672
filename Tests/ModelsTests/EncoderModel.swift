import Checkpoints
import Foundation
import JSON
import Models
import TestSupport
import Testing

/// One golden encoder and what Transformers computes with it.
struct EncoderModel {
  let name: String
  let modules: [String]
  /// All its texts.
  let batch: TokenBatch

  static func folder(_ name: String) -> String { Checkout.path("golden/models/\(name)") }

  init(_ name: String) throws {
    self.name = name
    let data = try Data(contentsOf: URL(fileURLWithPath: Self.folder(name) + "/case.json"))
    let json = try #require(try JSONValue.parse(Array(data))["parameters"])
    let lines = try Data(contentsOf: URL(fileURLWithPath: Self.folder(name) + "/rows.jsonl"))
    let rows = try lines.split(separator: 0x0a).map { try JSONValue.parse(Array($0)) }
    func numbers(_ value: JSONValue?) -> [Int32] {
      (value?.arrayValue ?? []).compactMap { $0.intValue.map(Int32.init) }
    }
    modules = (json["modules"]?.arrayValue ?? []).compactMap(\.stringValue)
    if json["tokens"] == nil {
      self.batch = try EncoderModel.images(
        name, numbers(.array(rows.compactMap { $0["label"] })))
      return
    }
    var batch = TokenBatch()
    for (row, tokens) in zip(rows, json["tokens"]?.arrayValue ?? []) {
      let ids = numbers(tokens["ids"])
      // Texts of the decoder end with a padding token.
      batch.append(
        whole: ids, types: name == "bert" ? numbers(tokens["types"]) : [],
        position: name == "qwen2-score" ? ids.count - 2 : 0,
        target: Int32(row["label"]?.intValue ?? 0),
        value: row["score"]?.doubleValue.map { Float($0) })
    }
    self.batch = batch
  }

  /// All images of its file, whose numbers lie behind 128 bytes.
  private static func images(_ name: String, _ labels: [Int32]) throws -> TokenBatch {
    let base = try BaseCheckpoint.open(folder(name))
    let shape = try #require(base.configuration.imageShape)
    let path = folder(name) + "/images.npy"
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)).dropFirst(128))
    let values: ImageArray.Values
    if name == "vit" {
      values = .bytes(bytes, try base.imageProcessing(shape))
    } else {
      values = .floats(
        bytes.withUnsafeBytes { raw in
          (0..<bytes.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        })
    }
    let array = ImageArray(values, shape: shape, identity: [])
    var batch = TokenBatch()
    for (index, label) in labels.enumerated() {
      batch.append(
        whole: [Int32](repeating: 0, count: shape.patchCount + 1),
        image: ImageReference(array, index: index), position: 0, target: label)
    }
    return batch
  }

  func expected(_ tensor: String) throws -> [Double] {
    let file = try SafeTensorsFile.open(Self.folder(name) + "/expected.safetensors")
    return try file.doubles(of: try file.tensor(tensor))
  }
}
