import Files
import TestSupport
import Testing

/// Every kind of bad input that the catalogue of checkpoints knows (1 to 50 safetensors, 51 to 98 GGUF, 99 to 119
/// directories and paths), and the test that has it: the numbers of `SafeTensorsRefusalTests` are these.
@Suite struct CatalogueTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let numbers: ClosedRange<Int>
    let file: String
    let texts: [String]
    var testDescription: String { "\(numbers) \(file)" }

    init(_ number: Int, _ file: String, _ texts: String...) {
      (numbers, self.file, self.texts) = (number...number, file, texts)
    }

    init(_ numbers: ClosedRange<Int>, _ file: String, _ texts: String...) {
      (self.numbers, self.file, self.texts) = (numbers, file, texts)
    }
  }

  private static let refusals = "CheckpointsTests/SafeTensors/SafeTensorsRefusalTests.swift"
  private static let read = "CheckpointsTests/SafeTensors/SafeTensorsTests.swift"
  private static let edges = "CheckpointsTests/SafeTensors/SafeTensorsEdgeTests.swift"
  private static let gguf = "CheckpointsTests/GGUFRejectionTests.swift"
  private static let ggufRead = "CheckpointsTests/GGUFReaderTests.swift"
  private static let types = "CheckpointsTests/GGUFTypeTests.swift"
  private static let split = "CheckpointsTests/GGUFSplitTests.swift"
  private static let base = "CheckpointsTests/BaseCheckpointTests.swift"
  private static let folders = "CheckpointsTests/HFDirectoryTests.swift"
  private static let inputs = "FilesTests/InputFileTests.swift"

  /// Refusals that bear their number.
  static let numbered =
    [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    + [22, 23, 24, 26, 27, 28, 30, 31, 33, 34, 35, 36, 38, 39, 40, 41, 42, 43, 44, 45, 46]

  static let safetensors: [Row] =
    numbered.map { Row($0, refusals, "Refusal(\($0), ", "Refusal(\n      \($0), ") } + [
      Row(8, edges, "hundredMillionBlanksAreRead()"),
      Row(21, read, "composedAndDecomposedNamesAreTwoTensors()"),
      Row(25, edges, "metadataOfMegabytesIsKeptOnce()"),
      Row(29, read, "\"../../etc/cron.d/x\""), Row(32, read, "unknownFieldsAreIgnored()"),
      Row(37, read, "emptyAndScalarTensors()"), Row(45, refusals, "everyPrefixIsRefused()"),
      Row(47, refusals, "otherFormatsAreNamed"), Row(48, edges, "sparseFilesCostWhatIsRead()"),
      Row(49, refusals, "bitFlipsOfTheHeaderNeverShowOtherBytes()"),
      Row(50, read, "otherTypesAreListedAndNotConverted"),
      Row(50, "CheckpointsTests/EightBitFloatTests.swift", "codesWithoutAFiniteValueAreRefused"),
    ]

  static let ggufRows: [Row] = [
    Row(51, gguf, "refusesOtherMagic", "refusesLegacyFiles"),
    Row(52, ggufRead, "everyPrefixIsRefused()"), Row(53, gguf, "\"version 0\"", "\"big-endian\""),
    Row(54, ggufRead, "readsBothVersions"),
    Row(55, gguf, "\"tensor count −1\"", "\"tensor count 2⁴⁰\""),
    Row(56, gguf, "\"metadata count −1\"", "\"metadata count 10⁸\""),
    Row(57, ggufRead, "manyTensorsTakeLinearTime()"),
    Row(58, ggufRead, "readsFilesWithoutTensors()"),
    Row(59, gguf, "\"key of 2⁶⁴−1 bytes\"", "\"key of 70 000 bytes\""),
    Row(60, gguf, "\"empty key\"", "\"key not UTF-8\"", "\"key with NUL\""),
    Row(61, gguf, "\"key twice\"", "\"alignment twice\""),
    Row(62, gguf, "\"value type 13\"", "\"value type −1\""), Row(63, gguf, "\"bool of 2\""),
    Row(64, gguf, "\"string of 2⁶³ bytes\""), Row(65, gguf, "\"array of u8, 2⁶³ of them\""),
    Row(66, gguf, "\"array of strings, 2³⁰ of them\""), Row(67, gguf, "\"array of type 13\""),
    Row(68, gguf, "\"array of arrays\""),
    Row(
      69, base, "\"no architecture\"", "\"architecture is a number\"", "\"another architecture\""),
    Row(70, base, "llama.block_count"), Row(71, base, "llama.embedding_length", "head_count"),
    Row(72, base, "\"tokens of another element type\"", "\"a type for some tokens only\""),
    Row(73, base, "chatTemplatesAreNeverRendered()"),
    Row(74, gguf, "\"alignment 0\"", "\"alignment 13\""), Row(75, gguf, "\"alignment 2³¹\""),
    Row(76, gguf, "\"alignment i32\"", "\"alignment string\""),
    Row(77, ggufRead, "readsEveryAlignment"), Row(78, gguf, "\"offsets of another alignment\""),
    Row(
      79, gguf, "\"empty name\"", "\"name of 64 bytes\"", "\"name not UTF-8\"", "\"name with ESC\""),
    Row(80, gguf, "\"name twice\""), Row(81, base, "\"layer 2³²\"", "\"layer −1\""),
    Row(82, ggufRead, "readsTensorsWithoutDimensions()"),
    Row(82, gguf, "\"a block without dimensions\"", "\"5 dimensions\"", "\"2³²−1 dimensions\""),
    Row(83, gguf, "\"dimension −1\""),
    Row(83, ggufRead, "listsEmptyTensorsAndRefusesTheirValues()"),
    Row(84, gguf, "\"2³² × 2³² of I8\""), Row(85, gguf, "\"wraps negative\""),
    Row(86, gguf, "\"2⁶² of F32\"", "\"padding wraps\""), Row(87, gguf, "\"sum of sizes wraps\""),
    Row(88, gguf, "\"type −1\"", "\"type 4, removed\"", "\"type 43\""),
    Row(88, types, "otherIdentifiersAreRefused()"),
    Row(89, gguf, "\"row of 33 in Q4_0\"", "\"rows of 16 in Q4_0\""),
    Row(90, types, "isAsTheTableSays"), Row(91, gguf, "\"offset 2⁶⁴−32\""),
    Row(92, gguf, "\"offset unaligned\"", "\"one byte short\""),
    Row(93, gguf, "\"overlap\"", "\"gap\""), Row(94, ggufRead, "readsFilesWithMoreBehindThem"),
    Row(94, ggufRead, "readsFilesWithoutFinalPadding()"),
    Row(
      95, split, "\"missing\", \"order\", \"count\", \"twice\", \"total\"", "refusesALaterPart()"),
    Row(96, ggufRead, "refusesScalesThatAreNotFinite"),
    Row(97, ggufRead, "everyBitFlipIsSurvived()", "everyBoundaryNumberIsSurvived()"),
    Row(98, "AdaptersTests/DialectRefusalTests.swift", "refusesGGUF"),
  ]

  static let folderRows: [Row] = [
    Row(99, folders, "refusesShardNames"),
    Row(100, folders, "refusesLinksOutOfTheDirectory()", "followsLinksInsideAModelCache()"),
    Row(101...102, folders, "refusesShardsThatAreNoFiles"),
    Row(102, inputs, "onlyRegularFilesAreOpened()"),
    Row(103, folders, "namesMissingShards()"),
    Row(104, folders, "refusesAnIndexThatDisagreesWithTheShards()"),
    Row(105, folders, "refusesATensorInTwoShards()"),
    Row(106, folders, "refusesDamagedIndices", "refusesAnIndexOfHundredsOfMegabytes()"),
    // Every index of these tests states a total_size of 1: it is not compared (`formats/hf.md` §2.1).
    Row(107, folders, "\"total_size\": 1"), Row(108, folders, "refusesAmbiguity()"),
    Row(109, folders, "namesAreComparedByBytes()"),
    Row(110, "RecipesTests/JobNamesTests.swift", "otherNamesAreRefused"),
    Row(111, "RecipesTests/RefusedManifestTests.swift", "refuses(wrong: Case)"),
    Row(112, "PipelineTests/OutputPlaceTests.swift", "outputInsideAnInputIsRefused()"),
    Row(113, "FilesTests/AtomicFileTests.swift", "linkIsReplacedAndItsTargetKept()"),
    Row(114, "FilesTests/FileSignatureTests.swift", "binarySignatures()"),
    Row(115, "CheckpointsTests/HFConfigurationTests.swift", "refusesDamagedFiles"),
    Row(116, "AdaptersTests/AdapterTests.swift", "../../../etc/passwd"),
    Row(117, folders, "codeBesideTheWeightsIsNotLookedAt()"),
    Row(118, folders, "saysWhatIsThereInstead()"),
    Row(119, "FilesTests/PathsTests.swift", "directories()"),
  ]

  @Test func everyNumberHasATest() {
    let covered = Set((Self.safetensors + Self.ggufRows + Self.folderRows).flatMap(\.numbers))
    #expect(covered.sorted() == Array(1...119))
  }

  @Test(arguments: safetensors + ggufRows + folderRows) func theTestIsThere(_ row: Row) throws {
    let text = String(
      decoding: try InputFile(Checkout.path("Tests/\(row.file)")).readAll(limit: 1 << 20),
      as: UTF8.self)
    // A numbered refusal begins on its line or on the next.
    let isThere =
      row.texts.first?.hasPrefix("Refusal(") == true
      ? row.texts.contains(where: text.contains) : row.texts.allSatisfy(text.contains)
    #expect(isThere, "\(row.file) lacks one of \(row.texts)")
  }
}
