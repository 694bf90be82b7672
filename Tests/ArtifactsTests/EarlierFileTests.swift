import Artifacts
import Tensors
import TestSupport
import Testing

/// Files of earlier releases stay readable.
@Suite struct EarlierFileTests {
  /// The example of `formats/loraxs.md` before checks took the place of singular values: values in grid steps, probes in
  /// F32, four bytes of each digest, nothing required.
  private static let file = """
    28b52ffd64c603151300d6e06731704bdb7cae1e00879050b8cc002056981658a494682f95816ab153e42447
    ffe2097f0680d19236d9dd6e96ae4eff13452d5a00560059005f1d5396fe45f943e3fbb9ba6ee5f1fdcb2daf
    5d612f02072c08d6bf1dd746718d020bbef6443dee0865d2286d79a5e646a9c8d93196299a6bf0ba54c63ed1
    5ccb148d6fd526eddbc2776a15931645fd6dfbdd8aa256c10860041052e7e9da4862577e720cfb636dbb51dc
    e579af3e12ebed2e1da9f6ac715a4adf6bc74a129d124ad0672369a6f950297b3e9247bed740ea32bafcec0f
    94c2df8b2d17f5565f6d7555e1eca94ac59d5bb2fed52bcf399776812e5074d101926e3a0641cf3d87482242
    10c9d82d5d395499bd55955db571566b435c6c6fe5dd8a11574f98dd04ecef56e37eef417f8bfbd412ea388f
    3e52747c5667423a4dde50a7edac56c67ea40465ac3d75855d631719218c8505c30430201b1a1f210cc701c3
    000054787464061c0c3370918e565d338d6ec619dd8b9fdd175d331db451035d8459d513113ada50297b51d1
    67d84551372765f8cbbf2b68bee769bacd41d041d7a25c6893e698e56d76c90554a8c1189354b911110b6b55
    1b30869053b61e52d984506004d4d04c48945d58fe76501f37ede50094fc4cd157a6313f6d5fe15f10c6528a
    06b600be35910c030b9c4aa78152015adda753f28c0fb8f43bc7128f4eb8322e9817585210a13c427e896e37
    b6ede000f40231604bc8dfad50bcb32c40983ccde63fe9ab2cc7aa4d9c09cb832e879477d15d1b9c4e68cee0
    868eef97a4a2ef70d5064bd4e0a00c07c86ee260c74f1edaea4e8258ff9b203968489ca0710949d0f51960ce
    0c45811ce3bbdbc6
    """

  private func bytes() -> [UInt8] {
    let digits = EarlierFileTests.file.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map {
      UInt8(digits[$0] * 16 + digits[$0 + 1])
    }
  }

  @Test func valuesAndLongDigestsAreRead() throws {
    let artifact = try Artifact(bytes: bytes())
    let module = try #require(artifact.modules.first)
    #expect(module.outputSingularValues == [4, 1])
    #expect(module.inputSingularValues == [2, 1])
    #expect(module.valueCheck == nil)
    #expect(module.probes == [1.5])
    #expect(module.digestPrefix == [0xde, 0xad, 0xbe, 0xef])
    #expect(module.stored.codes == [117, -61, -59, 123])
    #expect(abs(module.latent[0, 0] - 0.5) < 2e-3 && abs(module.latent[0, 1] + 0.03) < 3e-4)
    #expect(try Artifact(bytes: try artifact.bytes()) == artifact)
  }
}
