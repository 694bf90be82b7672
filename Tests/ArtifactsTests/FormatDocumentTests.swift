import Artifacts
import Checkpoints
import Compression
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// The example of `formats/loraxs.md` §8 is a real file.
@Suite struct FormatDocumentTests {
  /// The artifact that the section describes.
  private func example() throws -> Artifact {
    let latent = Matrix<Float>(rows: 2, columns: 2, elements: [0.51, -0.03, -0.23, 0.06])
    let module = ArtifactModule(
      moduleName: "layers.0.q_proj", outFeatures: 4, inFeatures: 3,
      stored: try StoredLatent(latent, storage: .int8), outputIndices: [0, 2],
      inputIndices: [1, 2],
      valueCheck: SingularValueCheck.code(output: [4, 1.125], input: [2, 1.125]), probes: [1.5],
      digestPrefix: [0xde])
    return try Artifact(
      modules: [module],
      metadata: ArtifactMetadata(
        createdBy: "xspress 1.0",
        base: .init(
          architecture: "llama", name: "tiny", rootDigest: SHA256Digest.of(Array("b".utf8))),
        origin: .adapter(
          .init(
            name: "a", format: "peft", digest: SHA256Digest.of(Array("a".utf8)), byteCount: 1000,
            parameterCount: 14, rank: 2)),
        directions: .selected, storage: .int8,
        record: JSONObject([("method", "projected")])))
  }

  @Test func hexDumpIsTheFile() throws {
    let document = String(
      decoding: try InputFile(Checkout.path("formats/loraxs.md")).readAll(limit: 1 << 20),
      as: UTF8.self)
    let lines = document.split(separator: "\n").map(String.init)
    let dumped = lines.filter { $0.hasPrefix("    file ") }.flatMap { line in
      line.dropFirst(9).split(separator: " ").dropFirst().compactMap { UInt8($0, radix: 16) }
    }
    let example = try example()
    #expect(try Artifact(bytes: dumped) == example)
    // The content is the same whatever the version of zstd.
    let content = try Zstd.decompress(dumped, limit: 1 << 16)
    #expect(content == (try Zstd.decompress(try example.bytes(), limit: 1 << 16)))
    let annotated = lines.filter { $0.hasPrefix("    data ") }.flatMap { line in
      line.dropFirst(9).split(separator: "|")[0].split(separator: " ").dropFirst()
        .compactMap { UInt8($0, radix: 16) }
    }
    #expect(annotated == Array(content.suffix(annotated.count)))
  }

  @Test func schemaListsTheMembersThatAreWritten() throws {
    let schema = try JSONValue.parse(
      try InputFile(Checkout.path("formats/loraxs.schema.json")).readAll(limit: 1 << 20))
    let content = try Zstd.decompress(try example().bytes(), limit: 1 << 16)
    let metadata = try SafeTensorsFile(bytes: content).metadata
    let text = try #require(metadata["xspress"]?.stringValue)
    let value = try JSONValue.parse(text)
    let written = try #require(value.objectValue)
    let known = try #require(schema["properties"]?.objectValue)
    for key in written.keys { #expect(known[key] != nil, "\(key)") }
    for key in schema["required"]?.arrayValue ?? [] {
      #expect(written[key.stringValue ?? ""] != nil, "\(key)")
    }
    for part in ["base", "adapter"] {
      let properties = try #require(known[part]?["properties"]?.objectValue)
      for key in written[part]?.objectValue?.keys ?? [] {
        #expect(properties[key] != nil, "\(part).\(key)")
      }
    }
  }
}
